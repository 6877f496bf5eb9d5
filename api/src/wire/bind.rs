//! Bodies to types, with the words of Go's decoder where they are not what is wanted.

use operators::json::JsonError;
use serde::Deserialize;

/// So many objects and lists may stand in one body: what a decoded body takes is bounded by it.
pub const MOST_PARTS: usize = 500_000;

/// Decodes the first JSON value of a body; what follows it is ignored, as by CrowdSec. `target` is
/// what Go calls the type.
///
/// # Errors
/// What Go's decoder would say.
pub fn decode<'a, T: Deserialize<'a>>(body: &'a [u8], target: &str) -> Result<T, String> {
    if body.len() > MOST_PARTS && memchr::memchr2_iter(b'{', b'[', body).count() > MOST_PARTS {
        return Err(format!("more than {MOST_PARTS} objects and lists in one body"));
    }
    let mut decoder = serde_json::Deserializer::from_slice(body);
    T::deserialize(&mut decoder).map_err(|error| told(body, &error, target))
}

fn told(body: &[u8], error: &serde_json::Error, target: &str) -> String {
    if body.iter().all(u8::is_ascii_whitespace) {
        return "EOF".to_owned();
    }
    let text = String::from_utf8_lossy(body);
    match operators::json::decode(&text) {
        Err(JsonError::End) => "unexpected EOF".to_owned(),
        Err(wrong @ JsonError::Character { context, .. }) if context != "after top-level value" => {
            wrong.to_string()
        }
        Err(wrong @ JsonError::Depth) => wrong.to_string(),
        _ => {
            let found = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(b'{') => "object",
                Some(b'[') => "array",
                Some(b'"') => "string",
                Some(b't' | b'f') => "bool",
                _ => "number",
            };
            let outermost = matches!(
                (found, target.ends_with("Request") && target.starts_with("models.Add")),
                ("object" | "string" | "bool" | "number", true)
                    | ("array" | "string" | "bool" | "number", false)
            );
            match outermost {
                true => format!("json: cannot unmarshal {found} into Go value of type {target}"),
                false => format!("json: cannot unmarshal into {target}: {error}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_in_gos_words() {
        let told = |body: &str| decode::<Vec<u8>>(body.as_bytes(), "models.AddAlertsRequest");
        assert_eq!(told("[1] rest"), Ok(vec![1]));
        assert_eq!(
            told("{}").unwrap_err(),
            "json: cannot unmarshal object into Go value of type models.AddAlertsRequest"
        );
        assert_eq!(
            told("rubbish").unwrap_err(),
            "invalid character 'r' looking for beginning of value"
        );
        assert_eq!(told(" ").unwrap_err(), "EOF");
        assert_eq!(told("[1").unwrap_err(), "unexpected EOF");
        let many = format!("[{}]", vec!["[]"; MOST_PARTS].join(","));
        assert!(
            decode::<serde_json::Value>(many.as_bytes(), "x").unwrap_err().contains("more than")
        );
    }
}
