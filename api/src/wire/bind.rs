//! Bodies to types, with the words of Go's decoder where they are not what is wanted.

use operators::json::JsonError;
use serde::Deserialize;
use serde_json::Value;

use super::shape::Shape;

/// So many objects and lists may stand in one body: what a decoded body takes is bounded by it.
pub const MOST_PARTS: usize = 500_000;
/// In a body of so many bytes it is looked for what exactly is wrong.
const MOST_TOLD: usize = 1 << 20;

/// Decodes the first JSON value of a body; what follows it is ignored, as by CrowdSec; `null` is an
/// empty one. `shape` is its type in Go.
///
/// # Errors
/// What Go's decoder would say.
pub fn decode<'a, T: Deserialize<'a> + Default>(
    body: &'a [u8],
    shape: &Shape,
) -> Result<T, String> {
    if body.len() > MOST_PARTS && memchr::memchr2_iter(b'{', b'[', body).count() > MOST_PARTS {
        return Err(format!("more than {MOST_PARTS} objects and lists in one body"));
    }
    let mut decoder = serde_json::Deserializer::from_slice(body);
    let decoded = Option::<T>::deserialize(&mut decoder);
    decoded.map(Option::unwrap_or_default).map_err(|error| told(body, &error, shape))
}

fn told(body: &[u8], error: &serde_json::Error, shape: &Shape) -> String {
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
        Err(wrong @ JsonError::Character { context, .. }) if context != "after top-level value" => {
            return wrong.to_string();
        }
        Err(wrong @ JsonError::Depth) => return wrong.to_string(),
        _ => {}
    }
    let text = String::from_utf8_lossy(body);
    let value = Value::deserialize(&mut serde_json::Deserializer::from_str(&text));
    value.ok().and_then(|value| shape.told(&value)).unwrap_or_else(somewhere)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::shape;

    #[test]
    fn mistakes_are_told_in_gos_words() {
        let told = |body: &str| decode::<Vec<u8>>(body.as_bytes(), shape::ALERTS);
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
        assert!(decode::<Value>(many.as_bytes(), shape::ALERTS).unwrap_err().contains("more than"));
    }
}
