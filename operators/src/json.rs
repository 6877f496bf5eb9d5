//! JSON as Go's `encoding/json` decodes it into `any`: text in, [`Value`] out. Read by the
//! `UnmarshalJSON` enricher and the JSON functions of expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::quote;
use crate::value::Value;

/// Deepest nesting that is decoded. Go stops at 10,000; this keeps a hostile line within the stack
/// of a worker, also when the value is dropped.
pub const MAX_DEPTH: usize = 1_000;

/// Why a text is not JSON, in the words of `encoding/json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text ends within a value.
    #[error("unexpected end of JSON input")]
    End,
    /// A character that cannot stand where it stands.
    #[error("invalid character {} {context}", quoted(*found))]
    Character {
        /// The character.
        found: char,
        /// Where it stands, such as `looking for beginning of value`.
        context: &'static str,
        /// Its byte offset.
        offset: usize,
    },
    /// A number that no `float64` holds.
    #[error("number at offset {offset} is out of range of a float64")]
    Number {
        /// Byte offset of its first character.
        offset: usize,
    },
    /// More than [`MAX_DEPTH`] open brackets.
    #[error("exceeded max depth")]
    Depth,
}

/// A character as Go's decoder quotes it.
fn quoted(found: char) -> String {
    let mut text = String::from("'");
    quote::push(found, '\'', false, &mut text);
    text + "'"
}

/// Decodes one document: objects to `map[string]any` (of equal keys the last counts), numbers to
/// `float64`, an unpaired surrogate to U+FFFD.
///
/// # Errors
/// What is wrong first; text after the document is wrong too.
pub fn decode(text: &str) -> Result<Value, JsonError> {
    let mut decoder = Decoder { text, at: 0 };
    let value = decoder.value(0)?;
    decoder.space();
    match decoder.peek() {
        None => Ok(value),
        Some(_) => Err(decoder.unexpected("after top-level value")),
    }
}

struct Decoder<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Decoder<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self, context: &'static str) -> JsonError {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            None => JsonError::End,
            Some(found) => JsonError::Character { found, context, offset: self.at },
        }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => Ok(Value::Str(self.string()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::Depth);
        }
        self.at += 1;
        let mut entries = BTreeMap::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::map(entries));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            let value = self.value(depth)?;
            entries.insert(key, value);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::map(entries));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::Depth);
        }
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::list(items));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn word(&mut self, word: &'static str, value: Value) -> Result<Value, JsonError> {
        for (place, expected) in word.bytes().enumerate() {
            if self.peek() != Some(expected) {
                return Err(self.unexpected(expecting(word, place)));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn digits(&mut self, context: &'static str) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected(context));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let number = self.text.get(start..self.at).unwrap_or("").parse::<f64>();
        match number {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err(JsonError::Number { offset: start }),
        }
    }

    /// Bytes up to the next quote, backslash or control character.
    fn plain(&mut self) -> &'a str {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let stop = |&byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        self.at += rest.iter().position(stop).unwrap_or(rest.len());
        self.text.get(start..self.at).unwrap_or("")
    }

    fn string(&mut self) -> Result<Arc<str>, JsonError> {
        self.at += 1;
        let first = self.plain();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(first.into());
        }
        let mut text = String::from(first);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text.into());
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut text)?;
                }
                _ => return Err(self.unexpected("in string literal")),
            }
            text.push_str(self.plain());
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), JsonError> {
        let plain = match self.peek() {
            Some(b @ (b'"' | b'\\' | b'/')) => char::from(b),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let unit = self.unit()?;
                text.push(self.surrogate(unit)?);
                return Ok(());
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        text.push(plain);
        Ok(())
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }

    /// The character of `unit` and, where it is half of a pair, of the `\u` escape that follows.
    fn surrogate(&mut self, unit: u32) -> Result<char, JsonError> {
        if !(0xd800..0xdc00).contains(&unit) {
            return Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u")) {
            self.at += 2;
            let low = self.unit()?;
            if (0xdc00..0xe000).contains(&low) {
                let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        self.at = before;
        Ok(char::REPLACEMENT_CHARACTER)
    }
}

/// Where in `true`, `false` or `null` something else stands, in Go's words.
fn expecting(word: &str, place: usize) -> &'static str {
    match (word, place) {
        ("true", 1) => "in literal true (expecting 'r')",
        ("true", 2) => "in literal true (expecting 'u')",
        ("true", _) => "in literal true (expecting 'e')",
        ("false", 1) => "in literal false (expecting 'a')",
        ("false", 2) => "in literal false (expecting 'l')",
        ("false", 3) => "in literal false (expecting 's')",
        ("false", _) => "in literal false (expecting 'e')",
        (_, 1) => "in literal null (expecting 'u')",
        _ => "in literal null (expecting 'l')",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(value: &Value) -> String {
        match value {
            Value::Nil => "nil".into(),
            Value::Bool(b) => b.to_string(),
            Value::Float(f) => format!("{f:?}"),
            Value::Str(s) => format!("{s:?}"),
            Value::List(l) => {
                let items: Vec<_> = l.items.iter().map(show).collect();
                format!("[{}]", items.join(" "))
            }
            Value::Map(m) => {
                let entries: Vec<_> =
                    m.entries.iter().map(|(k, v)| format!("{k}:{}", show(v))).collect();
                format!("{{{}}}", entries.join(" "))
            }
            other => panic!("not from JSON: {other:?}"),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(show(&decode(text).expect(text)), expected);
    }

    #[test]
    fn documents_become_values() {
        check(
            " {\"a\": [1, -2.5e3, true, null, \"x\"], \"b\": {}} ",
            "{a:[1.0 -2500.0 true nil \"x\"] b:{}}",
        );
        check("[]", "[]");
        check("false", "false");
        check("9007199254740993", "9007199254740992.0");
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        check(r#"{"a":{"x":1},"a":{"y":2}}"#, "{a:{y:2.0}}");
    }

    #[test]
    fn escapes_are_undone() {
        check(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#, "\"\\\"\\\\/\\u{8}\\u{c}\\n\\r\\té😀é\"");
        check(r#""\ud83dx\ud83d\u0041\ude00""#, "\"\u{fffd}x\u{fffd}A\u{fffd}\"");
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "-",
            "+1",
            "1e",
            "1e999",
            "tru",
            "nulL",
            "'a'",
            "\"a\nb\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"abc",
            "{a:1}",
            "{} {}",
            "NaN",
            "[1 2]",
        ] {
            assert!(decode(text).is_err(), "{text:?}");
        }
        let error = decode("[x]").unwrap_err().to_string();
        assert_eq!(error, "invalid character 'x' looking for beginning of value");
        for (text, told) in [
            ("[fal\"]", r#"'"' in literal false (expecting 's')"#),
            ("tru]", "']' in literal true (expecting 'e')"),
            ("n\u{80}", r"'\u0080' in literal null (expecting 'u')"),
            ("nul\u{a0}", r"'\u00a0' in literal null (expecting 'l')"),
            ("t\u{7f}", r"'\x7f' in literal true (expecting 'r')"),
            ("[1'", r"'\'' after array element"),
        ] {
            let error = decode(text).unwrap_err().to_string();
            assert_eq!(error, format!("invalid character {told}"));
        }
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(decode(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(decode(&nested(MAX_DEPTH + 1)).unwrap_err(), JsonError::Depth);
    }
}
