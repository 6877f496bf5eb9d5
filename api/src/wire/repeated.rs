//! Texts of long lists: read where they stand in the body, and kept once where one item has the same
//! text as the item before it.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{Deserializer, Error, Visitor};

use super::target::Target;

/// A text of a body; its own copy only where escapes are written in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Target<'de> for Text<'de> {
    fn value<D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        self.0 = from.deserialize_str(Reading)?;
        Ok(())
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// The text that was kept last.
#[derive(Debug, Default)]
pub(super) struct Repeated(Arc<str>);

impl Repeated {
    /// The text, kept.
    pub(super) fn text(&mut self, text: &str) -> Arc<str> {
        if *self.0 != *text {
            self.0 = text.into();
        }
        Arc::clone(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeSeed;

    use super::super::target::Decode;
    use super::*;

    fn read<'a, T: Target<'a>>(body: &'a str) -> Result<T, serde_json::Error> {
        let mut to = T::default();
        Decode(&mut to).deserialize(&mut serde_json::Deserializer::from_str(body))?;
        Ok(to)
    }

    #[test]
    fn texts_are_read_with_and_without_escapes() {
        let read: Vec<Option<Text<'_>>> = read(r#"["plain", "a\"\u00e9", null]"#).unwrap();
        let texts: Vec<Option<&str>> = read.iter().map(|text| text.as_deref()).collect();
        assert_eq!(texts, [Some("plain"), Some("a\"\u{e9}"), None]);
        assert!(matches!(read[0], Some(Text(Cow::Borrowed(_)))));
        let wrong = self::read::<Text<'_>>("1").unwrap_err();
        assert!(wrong.to_string().starts_with("invalid type: integer `1`, expected a string"));
    }

    #[test]
    fn a_text_that_comes_again_is_kept_once() {
        let mut texts = Repeated::default();
        let first = texts.text("4h");
        assert!(Arc::ptr_eq(&first, &texts.text("4h")));
        assert_eq!(&*texts.text("1h"), "1h");
    }
}
