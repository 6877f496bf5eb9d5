//! Fields of a JSON object by dotted paths: picked while the document is read over once per level,
//! without building the rest of it. What is not asked for may be as deep and large as it likes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Place of a field: `log.file.path`. An object may also have the whole path as one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(String);

impl From<&str> for Path {
    fn from(path: &str) -> Self {
        Self(path.to_owned())
    }
}

/// All the fields that are wanted of a document, as a tree.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    keys: Vec<Key>,
    fields: usize,
}

#[derive(Debug)]
struct Key {
    name: String,
    /// Places in the result of fields that end here.
    fields: Vec<usize>,
    below: Vec<Key>,
}

impl Wanted {
    /// Wants one more field; its place in the result.
    pub(super) fn add(&mut self, path: &Path) -> usize {
        let place = self.fields;
        self.fields += 1;
        plant(&mut self.keys, path.0.split('.'), place);
        if path.0.contains('.') {
            plant(&mut self.keys, std::iter::once(path.0.as_str()), place);
        }
        place
    }

    /// Picks the fields of a document.
    ///
    /// # Errors
    /// It is no JSON object.
    pub(super) fn pick<'a>(
        &self,
        document: &'a str,
    ) -> Result<Vec<Option<&'a RawValue>>, serde_json::Error> {
        let mut found = vec![None; self.fields];
        read(&self.keys, document, &mut found)?;
        Ok(found)
    }
}

fn plant<'p>(keys: &mut Vec<Key>, mut path: impl Iterator<Item = &'p str>, place: usize) {
    let mut keys = keys;
    let Some(mut name) = path.next() else { return };
    loop {
        let at = keys.iter().position(|key| key.name == name).unwrap_or_else(|| {
            keys.push(Key { name: name.to_owned(), fields: Vec::new(), below: Vec::new() });
            keys.len() - 1
        });
        let Some(key) = keys.get_mut(at) else { return };
        match path.next() {
            Some(next) => {
                name = next;
                keys = &mut key.below;
            }
            None => {
                key.fields.push(place);
                return;
            }
        }
    }
}

type Found<'a> = [Option<&'a RawValue>];

fn read<'a>(keys: &[Key], object: &'a str, found: &mut Found<'a>) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(object);
    deserializer.deserialize_map(Level { keys, found })?;
    deserializer.end()
}

struct Level<'k, 'f, 'a> {
    keys: &'k [Key],
    found: &'f mut Found<'a>,
}

impl<'a> Visitor<'a> for Level<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut object: M) -> Result<(), M::Error> {
        while let Some(key) = object.next_key_seed(Which(self.keys))? {
            let Some(key) = key else {
                object.next_value::<IgnoredAny>()?;
                continue;
            };
            let value: &'a RawValue = object.next_value()?;
            for place in &key.fields {
                if let Some(found) = self.found.get_mut(*place) {
                    *found = Some(value);
                }
            }
            if !key.below.is_empty() && value.get().starts_with('{') {
                read(&key.below, value.get(), self.found).map_err(M::Error::custom)?;
            }
        }
        Ok(())
    }
}

/// Finds a key without keeping its name.
struct Which<'k>(&'k [Key]);

impl<'a, 'k> DeserializeSeed<'a> for Which<'k> {
    type Value = Option<&'k Key>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'k> Visitor<'_> for Which<'k> {
    type Value = Option<&'k Key>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|key| key.name == name))
    }
}

/// The text of a value: that of a string without its quotes, of anything else as it is written;
/// `None` for null and for text that stands for no characters.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let written = value.get();
    match written.as_bytes().first() {
        Some(b'"') => {
            let inside = written.get(1..written.len().saturating_sub(1))?;
            if inside.contains('\\') {
                serde_json::from_str(written).ok().map(Cow::Owned)
            } else {
                Some(Cow::Borrowed(inside))
            }
        }
        Some(b'n') | None => None,
        Some(_) => Some(Cow::Borrowed(written)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(document: &str, path: &str, expected: Option<&str>) {
        let mut wanted = Wanted::default();
        wanted.add(&Path::from(path));
        let found = wanted.pick(document).unwrap();
        assert_eq!(found[0].and_then(text).as_deref(), expected, "{path} of {document}");
    }

    #[test]
    fn fields_are_found_by_path_and_by_flat_key() {
        check(r#"{"a":{"b":{"c":"x"}},"d":1}"#, "a.b.c", Some("x"));
        check(r#"{"a.b.c":"x"}"#, "a.b.c", Some("x"));
        check(r#"{"a":"text"}"#, "a.b", None);
        check(r#"{"a":null}"#, "a", None);
        check(r#"{"\u0061":"q\"\n\u00e9"}"#, "a", Some("q\"\né"));
        check(r#"{"a":{"b":1.50}}"#, "a.b", Some("1.50"));
        check(r#"{"a":{"b":1}}"#, "a", Some(r#"{"b":1}"#));
        check(r#"{"a":1,"a":2}"#, "a", Some("2"));
    }

    #[test]
    fn depth_that_nobody_asks_for_costs_no_stack() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        check(&format!(r#"{{"x":{deep},"a":"y"}}"#), "a", Some("y"));
        check(&format!(r#"{{"a":{deep}}}"#), "a", Some(&deep));
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for document in ["", "[]", "1", "\"x\"", "{", "{\"a\":1}x", "{\"a\"}"] {
            assert!(Wanted::default().pick(document).is_err(), "{document}");
        }
    }
}
