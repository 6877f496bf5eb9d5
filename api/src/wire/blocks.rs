//! Long lists of a body, in blocks: what was read is not copied when the list grows.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};

use super::target::{Decode, Target};

/// Items of a block.
const BLOCK: usize = 512;

/// A list of which all blocks but the last are full.
#[derive(Debug)]
pub(super) struct Blocks<T>(Vec<Vec<T>>);

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Blocks<T> {
    /// Its items.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    /// Its items, given away.
    pub(super) fn into_items(self) -> impl Iterator<Item = T> {
        self.0.into_iter().flatten()
    }

    fn push(&mut self, item: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < BLOCK => last.push(item),
            Some(_) => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(item);
                self.0.push(block);
            }
            // Most lists are short.
            None => self.0.push(vec![item]),
        }
    }

    fn truncate(&mut self, count: usize) {
        let mut left = count;
        for block in &mut self.0 {
            block.truncate(left);
            left -= block.len();
        }
        self.0.retain(|block| !block.is_empty());
    }
}

/// As [`Vec`] does: items that were there are decoded into.
impl<'de, T: Target<'de>> Target<'de> for Blocks<T> {
    fn null(&mut self) {
        self.0.clear();
    }

    fn value<D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(Items(self))
    }
}

struct Items<'t, T>(&'t mut Blocks<T>);

impl<'de, T: Target<'de>> Visitor<'de> for Items<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        for (count, old) in self.0.0.iter_mut().flatten().enumerate() {
            if from.next_element_seed(Decode(old))?.is_none() {
                self.0.truncate(count);
                return Ok(());
            }
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

#[cfg(test)]
mod tests {
    use serde::de::DeserializeSeed;

    use super::*;

    #[test]
    fn a_list_that_comes_again_is_as_long_as_the_last_one() {
        let list = |from: i64, count: i64| -> Vec<Option<i64>> {
            (from..from + count).map(Some).collect()
        };
        let long = i64::try_from(BLOCK).unwrap();
        let mut blocks: Blocks<Option<i64>> = Blocks::default();
        for given in [list(0, 2 * long + 7), list(1, long + 3), list(2, 3 * long), list(3, long)] {
            let text = serde_json::to_string(&given).unwrap();
            let mut from = serde_json::Deserializer::from_str(&text);
            Decode(&mut blocks).deserialize(&mut from).unwrap();
            assert_eq!(blocks.iter().copied().collect::<Vec<_>>(), given);
            let full = blocks.0.split_last().map(|(_, full)| full).unwrap_or_default();
            assert!(full.iter().all(|block| block.len() == BLOCK));
        }
        blocks.null();
        assert_eq!(blocks.into_items().count(), 0);
    }
}
