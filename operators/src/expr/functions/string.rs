//! CrowdSec's wrappers of Go's `strings` (`pkg/exprhelpers/strings.go`), and `Match`.

use std::sync::Arc;

use super::arguments::kinds::{ANY, BOOL, INT, STR, STRS};
use super::arguments::{Outcome, TEXT_BUDGET, int, list, mismatch, over_budget, shared, text};
use super::{Function, glob};
use crate::expr::context::Cx;
use crate::value::{ListKind, Value};

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("Upper", &[STR], STR, upper)
        .about("upper case, character by character", r#"Upper("cmd.exe")"#, "CMD.EXE"),
    Function::new("Lower", &[STR], STR, lower)
        .about("lower case, character by character", r#"Lower("CMD.EXE")"#, "cmd.exe"),
    Function::new("Fields", &[STR], STRS, fields)
        .about("the words between white space", r#"Fields(" a  b ")"#, "[a b]"),
    Function::new("Index", &[STR, STR], INT, index)
        .about("byte index of the first occurrence, -1 if none", r#"Index("chicken", "ken")"#, "4"),
    Function::new("IndexAny", &[STR, STR], INT, index_any)
        .about("byte index of the first of these characters, -1 if none",
            r#"IndexAny("golang", "gy")"#, "0"),
    Function::new("Join", &[STRS, STR], STR, join)
        .about("the strings with a separator between them", r#"Join(Fields("a b"), "-")"#, "a-b"),
    Function::new("Split", &[STR, STR], STRS, split)
        .about("the parts between separators", r#"Split("a,b", ",")"#, "[a b]"),
    Function::new("SplitAfter", &[STR, STR], STRS, split_after)
        .about("the parts, each with its separator", r#"SplitAfter("a,b", ",")"#, "[a, b]"),
    Function::new("SplitN", &[STR, STR, INT], STRS, split_n)
        .about("at most n parts, the last with the rest",
            r#"SplitN("a,b,c", ",", 2)"#, "[a b,c]"),
    Function::new("SplitAfterN", &[STR, STR, INT], STRS, split_after_n)
        .about("at most n parts, each with its separator",
            r#"SplitAfterN("a,b,c", ",", 2)"#, "[a, b,c]"),
    Function::new("Replace", &[STR, STR, STR, INT], STR, replace_n)
        .about("with the first n occurrences replaced (all if n < 0)",
            r#"Replace("oink oink", "k", "ky", 1)"#, "oinky oink"),
    Function::new("ReplaceAll", &[STR, STR, STR], STR, replace_all)
        .about("with every occurrence replaced", r#"ReplaceAll("oink", "i", "o")"#, "oonk"),
    Function::new("Trim", &[STR, STR], STR, trim)
        .about("without these characters at both ends", r#"Trim("xxhixx", "x")"#, "hi"),
    Function::new("TrimLeft", &[STR, STR], STR, trim_left)
        .about("without these characters at the start", r#"TrimLeft("xxhixx", "x")"#, "hixx"),
    Function::new("TrimRight", &[STR, STR], STR, trim_right)
        .about("without these characters at the end", r#"TrimRight("xxhixx", "x")"#, "xxhi"),
    Function::new("TrimSpace", &[STR], STR, trim_space)
        .about("without white space at both ends", r#"TrimSpace("  hi ")"#, "hi"),
    Function::new("TrimPrefix", &[STR, STR], STR, trim_prefix)
        .about("without this prefix", r#"TrimPrefix("[::1]", "[")"#, "::1]"),
    Function::new("TrimSuffix", &[STR, STR], STR, trim_suffix)
        .about("without this suffix", r#"TrimSuffix("::1]", "]")"#, "::1"),
    Function::new("ToString", &[ANY], STR, to_string)
        .about("a string as it is, anything else as the empty string", r#"ToString("a")"#, "a"),
    Function::new("Match", &[STR, STR], BOOL, match_glob)
        .about("whether the glob (`*`, `?`) fits the whole text",
            r#"Match("cmd*/c *", "cmd.exe /c dir")"#, "true"),
];

/// Go's simple case mapping of one character: never grows to several.
fn simple(c: char, mut mapped: impl Iterator<Item = char>, exception: fn(char) -> char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => exception(c),
    }
}

/// The simple upper case of characters whose full upper case is several characters.
fn simple_upper(c: char) -> char {
    let code = u32::from(c);
    let code = match code {
        0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7 => code + 8,
        0x1fb3 | 0x1fc3 | 0x1ff3 => code + 9,
        _ => code,
    };
    char::from_u32(code).unwrap_or(c)
}

/// The simple lower case of `İ`.
fn simple_lower(c: char) -> char {
    if c == 'İ' { 'i' } else { c }
}

/// `strings.ToUpper`.
pub(super) fn to_upper(text: &Arc<str>) -> Arc<str> {
    if text.is_ascii() {
        if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return text.clone();
        }
        return text.to_ascii_uppercase().into();
    }
    let mapped: String = text.chars().map(|c| simple(c, c.to_uppercase(), simple_upper)).collect();
    mapped.into()
}

/// `strings.ToLower`.
pub(super) fn to_lower(text: &Arc<str>) -> Arc<str> {
    if text.is_ascii() {
        if !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return text.clone();
        }
        return text.to_ascii_lowercase().into();
    }
    let mapped: String = text.chars().map(|c| simple(c, c.to_lowercase(), simple_lower)).collect();
    mapped.into()
}

/// `strings.SplitN` (`keep` false) and `strings.SplitAfterN` (`keep` true); `n < 0` is all.
pub(super) fn pieces<'a>(text: &'a str, separator: &str, keep: bool, n: i64) -> Vec<&'a str> {
    let limit = usize::try_from(n).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    if limit == 0 || (separator.is_empty() && text.is_empty()) {
        return found;
    }
    let mut rest = text;
    while found.len() + 1 < limit {
        let (end, next) = if separator.is_empty() {
            let first = rest.chars().next().map_or(0, char::len_utf8);
            if first == rest.len() {
                break;
            }
            (first, first)
        } else {
            let Some(at) = rest.find(separator) else { break };
            (at + if keep { separator.len() } else { 0 }, at + separator.len())
        };
        found.push(&rest[..end]);
        rest = &rest[next..];
    }
    found.push(rest);
    found
}

/// `strings.Replace`; `n < 0` is all.
pub(super) fn replace(text: &str, old: &str, new: &str, n: i64) -> Result<String, String> {
    let limit = usize::try_from(n).unwrap_or(usize::MAX);
    let count = text.matches(old).take(limit).count();
    let size = count.saturating_mul(new.len()).saturating_add(text.len());
    if size > TEXT_BUDGET.max(text.len()) {
        return Err(over_budget());
    }
    Ok(text.replacen(old, new, limit))
}

/// Strings with a separator between them.
pub(super) fn joined(items: &[Value], separator: &str) -> Outcome {
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push_str(separator);
        }
        text.push_str(super::arguments::text(std::slice::from_ref(item), 0)?);
        if text.len() > TEXT_BUDGET {
            return Err(over_budget());
        }
    }
    Ok(Value::Str(text.into()))
}

/// A part of the first argument: shared where it is the whole.
pub(super) fn part(whole: &Arc<str>, part: &str) -> Value {
    if part.len() == whole.len() { Value::Str(whole.clone()) } else { Value::str(part) }
}

/// `strings.Index`.
pub(super) fn position(found: Option<usize>) -> Value {
    Value::Int(found.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
}

fn upper(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Str(to_upper(shared(a, 0)?)))
}

fn lower(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Str(to_lower(shared(a, 0)?)))
}

fn fields(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::strings(text(a, 0)?.split_whitespace()))
}

fn index(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(position(text(a, 0)?.find(text(a, 1)?)))
}

fn index_any(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let set = text(a, 1)?;
    Ok(position(text(a, 0)?.find(|c| set.contains(c))))
}

fn join(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let items = list(a, 0)?;
    if items.kind != ListKind::Strings {
        return Err(mismatch(a, 0, "[]string"));
    }
    joined(&items.items, text(a, 1)?)
}

fn split(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::strings(pieces(text(a, 0)?, text(a, 1)?, false, -1)))
}

fn split_after(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::strings(pieces(text(a, 0)?, text(a, 1)?, true, -1)))
}

/// At most so many pieces; none at all are a nil slice.
pub(super) fn at_most(a: &[Value], most: i64, keep: bool) -> Outcome {
    let (whole, separator) = (text(a, 0)?, text(a, 1)?);
    Ok(match most {
        0 => Value::nil_list(ListKind::Strings),
        n => Value::strings(pieces(whole, separator, keep, n)),
    })
}

fn split_n(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    at_most(a, int(a, 2)?, false)
}

fn split_after_n(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    at_most(a, int(a, 2)?, true)
}

fn replace_n(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Str(replace(text(a, 0)?, text(a, 1)?, text(a, 2)?, int(a, 3)?)?.into()))
}

fn replace_all(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Str(replace(text(a, 0)?, text(a, 1)?, text(a, 2)?, -1)?.into()))
}

fn trim(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let (whole, set) = (shared(a, 0)?, text(a, 1)?);
    Ok(part(whole, whole.trim_matches(|c| set.contains(c))))
}

fn trim_left(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let (whole, set) = (shared(a, 0)?, text(a, 1)?);
    Ok(part(whole, whole.trim_start_matches(|c| set.contains(c))))
}

fn trim_right(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let (whole, set) = (shared(a, 0)?, text(a, 1)?);
    Ok(part(whole, whole.trim_end_matches(|c| set.contains(c))))
}

fn trim_space(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let whole = shared(a, 0)?;
    Ok(part(whole, whole.trim()))
}

fn trim_prefix(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let (whole, prefix) = (shared(a, 0)?, text(a, 1)?);
    Ok(part(whole, whole.strip_prefix(prefix).unwrap_or(whole)))
}

fn trim_suffix(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let (whole, suffix) = (shared(a, 0)?, text(a, 1)?);
    Ok(part(whole, whole.strip_suffix(suffix).unwrap_or(whole)))
}

fn to_string(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(match a.first() {
        Some(value @ Value::Str(_)) => value.clone(),
        _ => Value::str(""),
    })
}

fn match_glob(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Bool(glob::matches(text(a, 0)?.as_bytes(), text(a, 1)?.as_bytes())))
}
