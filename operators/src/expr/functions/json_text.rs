//! Values as JSON text, as Go's `encoding/json` writes them.

use super::arguments::{TEXT_BUDGET, entries, over_budget};
use super::uri::in_base64;
use super::{float, format};
use crate::expr::context::Cx;
use crate::value::{ListKind, Value};

/// Deepest nesting that is written.
const MAX_DEPTH: usize = 1000;

/// A value as JSON: keys sorted, `<`, `>` and `&` escaped.
///
/// # Errors
/// For what JSON has no form for (structures, infinite numbers) and beyond the budget.
pub fn encode(cx: &Cx<'_>, value: &Value) -> Result<String, String> {
    write(cx, value, None)
}

/// A value as JSON over several lines, indented by two spaces.
pub(super) fn encode_indented(cx: &Cx<'_>, value: &Value) -> Result<String, String> {
    write(cx, value, Some(0))
}

fn write(cx: &Cx<'_>, value: &Value, indent: Option<usize>) -> Result<String, String> {
    let mut encoder = Encoder { cx, out: String::new(), indent, depth: 0 };
    encoder.value(value)?;
    Ok(encoder.out)
}

struct Encoder<'a, 'e> {
    cx: &'a Cx<'e>,
    out: String,
    indent: Option<usize>,
    depth: usize,
}

impl Encoder<'_, '_> {
    fn value(&mut self, value: &Value) -> Result<(), String> {
        if self.out.len() > TEXT_BUDGET {
            return Err(over_budget());
        }
        match value {
            _ if value.is_nil() => self.out.push_str("null"),
            Value::Bool(flag) => self.out.push_str(if *flag { "true" } else { "false" }),
            Value::Int(number) | Value::Int64(number) | Value::Duration(number) => {
                self.out.push_str(&number.to_string());
            }
            Value::Float(number) => self.number(*number)?,
            Value::Str(text) => self.string(text),
            Value::Time(stamp) => {
                self.string(&stamp.rfc3339_nano());
            }
            Value::List(list) if list.kind == ListKind::Bytes => {
                let byte = |item: &Value| match item {
                    Value::Int(byte) => u8::try_from(*byte).ok(),
                    _ => None,
                };
                let bytes: Vec<u8> = list.items.iter().filter_map(byte).collect();
                self.string(&in_base64(&bytes));
            }
            Value::List(list) => self.list(&list.items)?,
            Value::Object(object) if object.number().is_some() => {
                self.out.push_str(&object.number().unwrap_or_default().to_string());
            }
            _ => match (entries(self.cx, value), super::arguments::items(value)) {
                (Some(entries), _) => self.object(&entries)?,
                (None, Some(items)) => self.list(&items)?,
                (None, None) => {
                    return Err(format!("json: unsupported type: {}", format::type_name(value)));
                }
            },
        }
        Ok(())
    }

    fn number(&mut self, number: f64) -> Result<(), String> {
        if !number.is_finite() {
            return Err(format!("json: unsupported value: {}", float::shortest(number)));
        }
        let size = number.abs();
        if size == 0.0 || (1e-6..1e21).contains(&size) {
            float::append(number, 'f', None, &mut self.out);
            return Ok(());
        }
        let mut text = String::new();
        float::append(number, 'e', None, &mut text);
        // e-09 to e-9
        let tail = text.len().saturating_sub(4);
        if text[tail..].starts_with("e-0") {
            text.remove(tail + 2);
        }
        self.out.push_str(&text);
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\x08' => self.out.push_str("\\b"),
                '\x0c' => self.out.push_str("\\f"),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | ..' ' => {
                    self.out.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn open(&mut self, bracket: char) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("json: nested too deeply".to_owned());
        }
        self.out.push(bracket);
        Ok(())
    }

    fn line(&mut self) {
        if self.indent.is_some() {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", self.depth));
        }
    }

    fn close(&mut self, bracket: char, empty: bool) {
        self.depth -= 1;
        if !empty {
            self.line();
        }
        self.out.push(bracket);
    }

    fn list(&mut self, items: &[Value]) -> Result<(), String> {
        self.open('[')?;
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line();
            self.value(item)?;
        }
        self.close(']', items.is_empty());
        Ok(())
    }

    fn object(&mut self, entries: &[(std::sync::Arc<str>, Value)]) -> Result<(), String> {
        self.open('{')?;
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line();
            self.string(key);
            self.out.push_str(if self.indent.is_some() { ": " } else { ":" });
            self.value(value)?;
        }
        self.close('}', entries.is_empty());
        Ok(())
    }
}
