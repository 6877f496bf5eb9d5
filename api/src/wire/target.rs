//! Decoding as Go's `encoding/json` does it (of Go 1.26, by which CrowdSec's gin reads bodies): into a
//! value that is there already. Of a key that comes again the last value counts, and what it leaves
//! out stays as it was; a key is found in another case, too; null takes away what can be absent and
//! leaves everything else; keys that are not known are passed over.
//!
//! One thing is not as in Go: of a list that comes a third time, items beyond the second are new ones.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What JSON can be decoded into.
pub trait Target<'de>: Default {
    /// Takes null.
    fn null(&mut self) {}

    /// Takes a value that is not null. It comes from text: integers are told by how they are written.
    ///
    /// # Errors
    /// It is of another type.
    fn value<D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error>;
}

/// Decodes into what it holds.
#[derive(Debug)]
pub struct Decode<'t, T>(pub &'t mut T);

impl<'de, T: Target<'de>> DeserializeSeed<'de> for Decode<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_option(self)
    }
}

impl<'de, T: Target<'de>> Visitor<'de> for Decode<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.0.null();
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.0.value(from)
    }
}

/// A pointer of Go: it can be absent.
impl<'de, T: Target<'de>> Target<'de> for Option<T> {
    fn null(&mut self) {
        *self = None;
    }

    fn value<D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        self.get_or_insert_default().value(from)
    }
}

macro_rules! scalars {
    ($($type:ty),+) => {
        $(impl<'de> Target<'de> for $type {
            fn value<D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
                *self = Self::deserialize(from)?;
                Ok(())
            }
        })+
    };
}

scalars!(bool, f64, String, Arc<str>);

/// An integer is what reads as one, as in Go: `-0`, but not `-0.0` or `1e0`.
fn integer<'de, T: FromStr, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let text = <&RawValue>::deserialize(from)?.get();
    text.parse().map_err(|_| D::Error::custom("no integer, or one that does not fit"))
}

macro_rules! integers {
    ($($type:ty),+) => {
        $(impl<'de> Target<'de> for $type {
            fn value<D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
                *self = integer(from)?;
                Ok(())
            }
        })+
    };
}

integers!(i32, i64);

/// What it cannot hold is refused: it has to be shown as JSON again.
impl<'de> Target<'de> for f32 {
    fn value<D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        let number = Self::deserialize(from)?;
        if !number.is_finite() {
            return Err(D::Error::custom("the number does not fit float32"));
        }
        *self = number;
        Ok(())
    }
}

/// A slice of Go: items that were there are decoded into.
impl<'de, T: Target<'de>> Target<'de> for Vec<T> {
    fn null(&mut self) {
        self.clear();
    }

    fn value<D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(Items(self))
    }
}

struct Items<'t, T>(&'t mut Vec<T>);

impl<'de, T: Target<'de>> Visitor<'de> for Items<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        let mut count = 0;
        while count < self.0.len() {
            let Some(old) = self.0.get_mut(count) else { break };
            if from.next_element_seed(Decode(old))?.is_none() {
                self.0.truncate(count);
                return Ok(());
            }
            count += 1;
        }
        loop {
            let mut item = T::default();
            if from.next_element_seed(Decode(&mut item))?.is_none() {
                return Ok(());
            }
            self.0.push(item);
        }
    }
}

/// A map of Go: what another key had stays, what a key had goes.
impl<'de, T: Target<'de>> Target<'de> for BTreeMap<String, T> {
    fn null(&mut self) {
        self.clear();
    }

    fn value<D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(Entries(self))
    }
}

struct Entries<'t, T>(&'t mut BTreeMap<String, T>);

impl<'de, T: Target<'de>> Visitor<'de> for Entries<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        while let Some(key) = from.next_key()? {
            let mut item = T::default();
            from.next_value_seed(Decode(&mut item))?;
            self.0.insert(key, item);
        }
        Ok(())
    }
}

/// A struct of Go; `object` makes one.
pub trait Object<'de>: Default {
    /// Its keys.
    const KEYS: &'static [&'static str];

    /// Decodes the value of the key of this place in [`Self::KEYS`].
    ///
    /// # Errors
    /// It is of another type.
    fn field<A: MapAccess<'de>>(&mut self, place: usize, from: &mut A) -> Result<(), A::Error>;
}

/// Decodes into an object what is not null.
///
/// # Errors
/// It is of another type.
pub fn fill<'de, T: Object<'de>, D: Deserializer<'de>>(
    to: &mut T,
    from: D,
) -> Result<(), D::Error> {
    from.deserialize_map(Fields(to))
}

struct Fields<'t, T>(&'t mut T);

impl<'de, T: Object<'de>> Visitor<'de> for Fields<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        let mut next = 0;
        while let Some(found) = from.next_key_seed(Key { of: T::KEYS, next })? {
            match found {
                Some(place) => {
                    self.0.field(place, &mut from)?;
                    next = place + 1;
                }
                None => {
                    from.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Finds the place of a key; it is often the `next` one.
struct Key {
    of: &'static [&'static str],
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Option<usize>, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Option<usize>, E> {
        Ok(match self.of.get(self.next) {
            Some(next) if *next == key => Some(self.next),
            _ => place_of(key, &self.of.iter().copied()),
        })
    }
}

/// Where a key stands among these: as it is written, or else in another case (Go's
/// `encoding/json`, fold.go).
pub fn place_of<'a>(key: &str, keys: &(impl Iterator<Item = &'a str> + Clone)) -> Option<usize> {
    let exact = keys.clone().position(|one| one == key);
    exact.or_else(|| keys.clone().position(|one| folded(key).eq(one.chars())))
}

/// The characters of a key in lower case: the two that are no ASCII and fold to it among them.
fn folded(key: &str) -> impl Iterator<Item = char> {
    key.chars().map(|one| match one {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        one => one.to_ascii_lowercase(),
    })
}

/// Makes a struct an [`Object`] that JSON can be decoded into: its fields, with their keys where
/// these have other names.
macro_rules! object {
    ($life:lifetime, $type:ty { $($fields:tt)+ }) => {
        impl<$life> $crate::wire::target::Target<$life> for $type {
            fn value<D: serde::Deserializer<$life>>(&mut self, from: D) -> Result<(), D::Error> {
                $crate::wire::target::fill(self, from)
            }
        }

        $crate::wire::target::fields!($life, $type { $($fields)+ });
    };
}

/// The fields of an [`Object`].
macro_rules! fields {
    ($life:lifetime, $type:ty { $($field:ident $(= $key:literal)?),+ $(,)? }) => {
        impl<$life> $crate::wire::target::Object<$life> for $type {
            const KEYS: &'static [&'static str] =
                &[$($crate::wire::target::key!($field $(= $key)?)),+];

            fn field<A: serde::de::MapAccess<$life>>(
                &mut self,
                place: usize,
                from: &mut A,
            ) -> Result<(), A::Error> {
                let mut left = place;
                $(
                    if left == 0 {
                        return from.next_value_seed($crate::wire::target::Decode(&mut self.$field));
                    }
                    left -= 1;
                )+
                let _ = left;
                Ok(())
            }
        }
    };
}

macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident = $key:literal) => {
        $key
    };
}

pub(crate) use {fields, key, object};

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Inner {
        kind: Option<String>,
        text: String,
    }

    object!('de, Inner { kind = "type", text });

    #[derive(Debug, Default, PartialEq)]
    struct Outer {
        number: Option<i32>,
        plain: i64,
        list: Option<Vec<Option<Inner>>>,
        map: BTreeMap<String, String>,
    }

    object!('de, Outer { number, plain, list, map });

    fn read(body: &str) -> Outer {
        let mut outer = Outer::default();
        Decode(&mut outer).deserialize(&mut serde_json::Deserializer::from_str(body)).unwrap();
        outer
    }

    #[test]
    fn of_a_key_that_comes_again_the_last_value_counts() {
        let outer = read(r#"{"number":1,"Number":2,"plain":3,"number":4,"plain":null}"#);
        assert_eq!((outer.number, outer.plain), (Some(4), 3));
        assert_eq!(read(r#"{"number":1,"number":null}"#).number, None);
    }

    #[test]
    fn keys_are_found_in_another_case() {
        let read = |body| read(body).list.unwrap().remove(0).unwrap();
        let all = Inner { kind: Some("k".into()), text: "t".into() };
        assert_eq!(read(r#"{"LI\u017fT":[{"TyPe":"k","TEXT":"t","KIND":5}]}"#), all);
        assert_eq!(place_of("\u{212a}ey", &["list", "key"].into_iter()), Some(1));
        assert_eq!(place_of("KEY", &["key", "KEY"].into_iter()), Some(1));
        assert_eq!(place_of("k\u{e9}y", &["key"].into_iter()), None);
    }

    #[test]
    fn what_comes_again_is_decoded_into_what_is_there() {
        let outer = read(
            r#"{"list":[{"type":"a","text":"b"},{"type":"c"},null],"list":[{"text":null},{"text":"d"}],
            "map":{"a":"1","b":"2"},"map":{"b":"3"}}"#,
        );
        let list = outer.list.unwrap();
        assert_eq!(list[0], Some(Inner { kind: Some("a".into()), text: "b".into() }));
        assert_eq!(list[1], Some(Inner { kind: Some("c".into()), text: "d".into() }));
        assert_eq!(list.len(), 2);
        assert_eq!(outer.map, [("a", "1"), ("b", "3")].map(|(k, v)| (k.into(), v.into())).into());
        assert_eq!(
            read(r#"{"list":[{}],"list":null,"map":{"a":""},"map":null}"#),
            Outer::default()
        );
        assert_eq!(read(r#"{"list":[{"type":"a"}],"list":[null]}"#).list, Some(vec![None]));
    }

    #[test]
    fn minus_nought_is_an_integer() {
        let outer = read(r#"{"number":-0,"plain":-0}"#);
        assert_eq!((outer.number, outer.plain), (Some(0), 0));
        assert_eq!(read(r#"{"plain":-9223372036854775808}"#).plain, i64::MIN);
    }

    #[test]
    fn another_type_is_refused() {
        for body in [
            r#"{"number":"1"}"#,
            r#"{"number":4294967296}"#,
            r#"{"number":1.0}"#,
            r#"{"number":-0.0}"#,
            r#"{"plain":-0e1}"#,
            r#"{"plain":true}"#,
            r#"{"plain":9223372036854775808}"#,
            r#"{"plain":1e3}"#,
            r#"{"list":{}}"#,
            "[]",
            "1",
        ] {
            let mut outer = Outer::default();
            let mut from = serde_json::Deserializer::from_str(body);
            assert!(Decode(&mut outer).deserialize(&mut from).is_err(), "{body}");
        }
    }
}
