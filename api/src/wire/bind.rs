//! Bodies to types, with the words of Go's decoder where they are not what is wanted.

use std::borrow::Cow;

use memchr::memmem;
use operators::json::JsonError;
use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use super::shape::Shape;
use super::target::{Decode, Target};

/// So many objects and lists may stand in one body: what a decoded body takes is bounded by it.
pub const MOST_PARTS: usize = 500_000;
/// In a body of so many bytes it is looked for what exactly is wrong.
const MOST_TOLD: usize = 1 << 20;

/// A body: as it was sent, and as text.
#[derive(Debug)]
pub struct Sent<'a> {
    bytes: &'a [u8],
    text: Cow<'a, str>,
}

impl<'a> Sent<'a> {
    /// Where it is no text, U+FFFD stands: for each byte, as in Go.
    pub fn new(bytes: &'a [u8]) -> Self {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(replaced(bytes)),
        };
        let text = paired(&text).map_or(text, Cow::Owned);
        Self { bytes, text }
    }

    /// Decodes the first JSON value of the body; what follows it is ignored, as by CrowdSec; `null`
    /// is an empty one. `shape` is its type in Go.
    ///
    /// # Errors
    /// What Go's decoder would say.
    pub fn decode<'s, T: Target<'s>>(&'s self, shape: &Shape) -> Result<T, String> {
        let body = self.bytes;
        if body.len() > MOST_PARTS && memchr::memchr2_iter(b'{', b'[', body).count() > MOST_PARTS {
            return Err(format!("more than {MOST_PARTS} objects and lists in one body"));
        }
        let mut decoder = serde_json::Deserializer::from_str(&self.text);
        let mut decoded = T::default();
        match Decode(&mut decoded).deserialize(&mut decoder) {
            Ok(()) => Ok(decoded),
            Err(error) => Err(self.told(&error, shape)),
        }
    }

    fn told(&self, error: &serde_json::Error, shape: &Shape) -> String {
        let body = self.bytes;
        if body.iter().all(u8::is_ascii_whitespace) {
            return "EOF".to_owned();
        }
        let (line, column) = (error.line(), error.column());
        let somewhere = || {
            let place = format!("line {line}, column {column}");
            format!(
                "json: cannot unmarshal what ends at {place} into Go value of type {}",
                shape.name()
            )
        };
        if body.len() > MOST_TOLD {
            return if error.is_eof() { "unexpected EOF".to_owned() } else { somewhere() };
        }
        // Go looks at bytes: each is a character here.
        let text: String = body.iter().map(|byte| char::from(*byte)).collect();
        match operators::json::decode(&text) {
            Err(JsonError::End) => return "unexpected EOF".to_owned(),
            Err(wrong @ JsonError::Character { context, .. })
                if context != "after top-level value" =>
            {
                return wrong.to_string();
            }
            Err(wrong @ JsonError::Depth) => return wrong.to_string(),
            _ => {}
        }
        let mut decoder = serde_json::Deserializer::from_str(&self.text);
        let value = <&RawValue as serde::Deserialize>::deserialize(&mut decoder);
        value.ok().and_then(|value| shape.told(value)).unwrap_or_else(somewhere)
    }
}

fn replaced(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// The text with `\ufffd` for escapes that are half of a pair; `None` where there are none.
fn paired(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    memmem::find(bytes, b"\\ud").or_else(|| memmem::find(bytes, b"\\uD"))?;
    let mut mended = String::new();
    let (mut kept, mut at) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', bytes.get(at..)?) {
        at += found;
        match (surrogate(bytes, at), surrogate(bytes, at + 6)) {
            (Some(0xd800..0xdc00), Some(0xdc00..)) => at += 12,
            (Some(_), _) => {
                mended.push_str(text.get(kept..at)?);
                mended.push_str("\\ufffd");
                at += 6;
                kept = at;
            }
            (None, _) => at = (at + 2).min(bytes.len()),
        }
    }
    mended.push_str(text.get(kept..)?);
    (kept > 0).then_some(mended)
}

/// The surrogate whose escape begins here.
fn surrogate(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.contains('+'))?;
    let code = u16::from_str_radix(digits, 16).ok()?;
    (0xd800..0xe000).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::shape;

    #[test]
    fn mistakes_are_told_in_gos_words() {
        let told = |body: &str| Sent::new(body.as_bytes()).decode::<Vec<i32>>(shape::ALERTS);
        assert_eq!(told("[1] rest"), Ok(vec![1]));
        assert_eq!(
            told("{}").unwrap_err(),
            "json: cannot unmarshal object into Go value of type models.AddAlertsRequest"
        );
        assert_eq!(
            told("rubbish").unwrap_err(),
            "invalid character 'r' looking for beginning of value"
        );
        assert_eq!(told("null"), Ok(vec![]));
        assert_eq!(
            told("[\u{1}]").unwrap_err(),
            r"invalid character '\x01' looking for beginning of value"
        );
        assert_eq!(told(" ").unwrap_err(), "EOF");
        assert_eq!(told("[1").unwrap_err(), "unexpected EOF");
        let many = format!("[{}]", vec!["[]"; MOST_PARTS].join(","));
        assert!(told(&many).unwrap_err().contains("more than"));
    }

    #[test]
    fn what_is_no_text_is_replaced_byte_by_byte() {
        let read = |body: &[u8]| Sent::new(body).decode::<Vec<String>>(shape::ALERTS).unwrap();
        assert_eq!(read(b"[\"a\xe2\x82b\xff\"]"), ["a\u{fffd}\u{fffd}b\u{fffd}"]);
        assert_eq!(read(b"[\"\xed\xa0\x80\"]"), ["\u{fffd}".repeat(3)]);
        let escaped = r#"["\ud83d\ude00 \ud83d\ud83d\ude00 \uDE00 \\ud83d \ud83dx"]"#;
        let text = "\u{1f600} \u{fffd}\u{1f600} \u{fffd} \\ud83d \u{fffd}x";
        assert_eq!(read(escaped.as_bytes()), [text]);
        let told = Sent::new(b"[\xff]").decode::<Vec<String>>(shape::ALERTS).unwrap_err();
        assert_eq!(told, "invalid character '\u{ff}' looking for beginning of value");
    }
}
