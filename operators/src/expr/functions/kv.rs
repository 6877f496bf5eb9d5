//! Key-value pairs: `ParseKV` and `ParseKVLax` (CrowdSec's `pkg/exprhelpers/helpers.go`), and how
//! functions write into maps of the live event.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Function;
use super::arguments::kinds::{ANY, MAP, STR};
use super::arguments::{Outcome, mismatch, text};
use crate::expr::context::Cx;
use crate::value::{Map, MapKind, Value};

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("ParseKV", &[STR, MAP, STR], ANY, parse).impure()
        .about("nil; writes the key=value pairs of a text under a key of a map of the event",
            r#"ParseKV("a=1 b=\"x y\"", evt.Unmarshaled, "kv")"#, "<nil>"),
    Function::new("ParseKVLax", &[STR, MAP, STR], ANY, parse_lax).impure()
        .about("as ParseKV; values without quotes may have blanks",
            r#"ParseKVLax("a=x y b=1", evt.Unmarshaled, "kv")"#, "<nil>"),
];

type Pairs<'a> = Vec<(&'a str, String)>;

fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

/// Length of the quoted value at the start of `text` with its quotes, `None` where there is none.
fn quoted(text: &str) -> Option<usize> {
    let bytes = text.strip_prefix('"')?.as_bytes();
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 2),
            b'\\' if *bytes.get(at + 1)? == b'\n' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Pairs of `key=value` and `key="value"`; escapes are left as they are.
fn pairs(blob: &str) -> Pairs<'_> {
    let mut found = Vec::new();
    let mut rest = blob;
    loop {
        rest = rest.trim_start_matches(|c| c == '=' || is_space(c));
        let Some(end) = rest.find(|c| c == '=' || is_space(c)) else { return found };
        let Some(value) = rest[end..].strip_prefix('=') else {
            rest = &rest[end..];
            continue;
        };
        let key = &rest[..end];
        if let Some(length) = quoted(value) {
            found.push((key, value[1..length - 1].to_owned()));
            rest = &value[length..];
        } else {
            let length = value.find(|c| c == '=' || is_space(c)).unwrap_or(value.len());
            found.push((key, value[..length].to_owned()));
            rest = &value[length..];
        }
    }
}

/// Where keys stand that are outside of quotes: first byte of the key, of the value.
fn keys(blob: &str) -> Vec<(usize, usize)> {
    let bytes = blob.as_bytes();
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let mut found = Vec::new();
    let (mut at, mut in_quotes, mut backslashes) = (0, false, 0);
    while let Some(byte) = bytes.get(at) {
        if byte.is_ascii_alphabetic() || *byte == b'_' {
            let end = at + bytes[at..].iter().take_while(|byte| part(**byte)).count();
            if bytes.get(end) == Some(&b'=') && !in_quotes {
                found.push((at, end + 1));
            }
            at = end;
            backslashes = 0;
            continue;
        }
        if *byte == b'"' && backslashes % 2 == 0 {
            in_quotes = !in_quotes;
        }
        backslashes = if *byte == b'\\' { backslashes + 1 } else { 0 };
        at += 1;
    }
    found
}

/// A value of `ParseKVLax`: quotes removed where they surround it, `\\` and `\"` decoded in turn.
fn lax_value(text: &str) -> String {
    let text = text.trim();
    let Some(body) = text.strip_prefix('"') else { return text.to_owned() };
    match body.strip_suffix('"') {
        Some(body) => body.replace(r"\\", r"\").replace(r#"\""#, r#"""#),
        None => body.to_owned(),
    }
}

fn lax_pairs(blob: &str) -> Pairs<'_> {
    let keys = keys(blob);
    let ends = keys.iter().skip(1).map(|(start, _)| *start).chain([blob.len()]);
    keys.iter()
        .zip(ends)
        .map(|((start, value), end)| (&blob[*start..*value - 1], lax_value(&blob[*value..end])))
        .collect()
}

/// Adds pairs to the `map[string]string` that is there, or to a new one.
fn merged(there: Option<Value>, pairs: Pairs<'_>) -> Outcome {
    let mut map = match there {
        None => Arc::new(Map { kind: MapKind::Strings, nil: false, entries: BTreeMap::new() }),
        Some(Value::Map(map)) if map.kind == MapKind::Strings => map,
        Some(_) => return Err("target is not a map[string]string".to_owned()),
    };
    let entries = &mut Arc::make_mut(&mut map).entries;
    for (key, value) in pairs {
        entries.insert(key.into(), Value::Str(value.into()));
    }
    Ok(Value::Map(map))
}

fn no_pairs() -> String {
    "invalid input format".to_owned()
}

fn parse(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let pairs = pairs(text(a, 0)?);
    if pairs.is_empty() {
        return Err(no_pairs());
    }
    write(cx, a, text(a, 2)?, |there| merged(there, pairs))?;
    Ok(Value::Nil)
}

fn parse_lax(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let pairs = lax_pairs(text(a, 0)?);
    let none = pairs.is_empty();
    // CrowdSec makes the map before it looks for pairs.
    write(cx, a, text(a, 2)?, |there| merged(there, pairs))?;
    if none { Err(no_pairs()) } else { Ok(Value::Nil) }
}

/// Writes `change(old value)` under a key of the map that is the second argument: of
/// `evt.Unmarshaled` itself, or of a map within it. A map that no event holds stays as it is.
pub(super) fn write(
    cx: &mut Cx<'_>,
    a: &[Value],
    key: &str,
    change: impl FnOnce(Option<Value>) -> Outcome,
) -> Result<(), String> {
    match a.get(1) {
        Some(Value::Unmarshaled) => {
            let value = change(cx.event.unmarshaled.get(key).cloned())?;
            cx.event.unmarshaled.insert(key.into(), value);
            cx.event.touch();
            Ok(())
        }
        Some(Value::Map(map)) if map.kind == MapKind::Any => {
            let value = change(map.entries.get(key).cloned())?;
            let mut change = Change { target: map, key, value };
            for entry in cx.event.unmarshaled.values_mut() {
                change.apply(entry, 0);
            }
            cx.event.touch();
            Ok(())
        }
        _ => Err(mismatch(a, 1, "map[string]interface {}")),
    }
}

/// A write to one map somewhere in the documents of an event.
struct Change<'a> {
    target: &'a Arc<Map>,
    key: &'a str,
    value: Value,
}

impl Change<'_> {
    fn holds(&self, value: &Value, depth: usize) -> bool {
        if depth > crate::json::MAX_DEPTH {
            return false;
        }
        match value {
            Value::Map(map) => {
                Arc::ptr_eq(map, self.target)
                    || map.entries.values().any(|value| self.holds(value, depth + 1))
            }
            Value::List(list) => list.items.iter().any(|value| self.holds(value, depth + 1)),
            _ => false,
        }
    }

    fn apply(&mut self, value: &mut Value, depth: usize) {
        if !self.holds(value, depth) {
            return;
        }
        match value {
            Value::Map(map) if Arc::ptr_eq(map, self.target) => {
                Arc::make_mut(map).entries.insert(self.key.into(), self.value.clone());
            }
            Value::Map(map) => {
                for entry in Arc::make_mut(map).entries.values_mut() {
                    self.apply(entry, depth + 1);
                }
            }
            Value::List(list) => {
                for item in &mut Arc::make_mut(list).items {
                    self.apply(item, depth + 1);
                }
            }
            _ => {}
        }
    }
}
