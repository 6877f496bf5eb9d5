//! Text from senders that may not be text: one wrong byte or half an escape must not hide a line.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A string of JSON. Bytes that are not UTF-8 and lone surrogates become U+FFFD.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Text<'de>, E> {
                Ok(Text(String::from_utf8_lossy(bytes)))
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(String::from_utf8_lossy(bytes).into_owned())))
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        // As bytes, and not as a string, serde_json lets half escapes pass.
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &[u8], expected: Option<&str>) {
        let text = serde_json::from_slice::<Text<'_>>(json);
        assert_eq!(text.ok().map(|text| text.0.into_owned()), expected.map(str::to_owned));
    }

    #[test]
    fn a_string_is_text_whatever_is_in_it() {
        check(br#""a\n\u00e9""#, Some("a\né"));
        check(b"\"a\xffb\"", Some("a\u{fffd}b"));
        check(br#""a\ud83d\ude00""#, Some("a😀"));
        check(br#""a\udc80b""#, Some("a\u{fffd}\u{fffd}\u{fffd}b"));
        check(b"1", None);
        check(b"\"a", None);
    }
}
