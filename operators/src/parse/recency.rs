//! Keys in the order of their last use, or of how often they were read: what the caches of `stash`
//! decide by. Serialised, they are lists in that order.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Keys, the one that was used last at the front.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Arc<str>>", into = "Vec<Arc<str>>")]
pub(super) struct Recency {
    last_use: BTreeMap<Arc<str>, u64>,
    keys: BTreeMap<u64, Arc<str>>,
    uses: u64,
}

/// Keys by how often they were read; of several that were read as often, the one that was used last
/// at the front.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(Arc<str>, u64)>", into = "Vec<(Arc<str>, u64)>")]
pub(super) struct Frequency {
    ranks: BTreeMap<Arc<str>, (u64, u64)>,
    keys: BTreeMap<(u64, u64), Arc<str>>,
    uses: u64,
}

impl Recency {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.last_use.contains_key(key)
    }

    /// Puts a key to the front.
    pub(super) fn touch(&mut self, key: &Arc<str>) {
        self.uses += 1;
        if let Some(before) = self.last_use.insert(Arc::clone(key), self.uses) {
            self.keys.remove(&before);
        }
        self.keys.insert(self.uses, Arc::clone(key));
    }

    /// Takes a key out; whether it was there.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        let Some(last_use) = self.last_use.remove(key) else { return false };
        self.keys.remove(&last_use);
        true
    }

    /// Takes out the key at the end.
    pub(super) fn pop(&mut self) -> Option<Arc<str>> {
        let (_, key) = self.keys.pop_first()?;
        self.last_use.remove(&key);
        Some(key)
    }
}

impl Frequency {
    /// A key was read once more.
    pub(super) fn read(&mut self, key: &Arc<str>) {
        let count = self.ranks.get(key).map_or(0, |(count, _)| *count);
        self.put(key, count + 1);
    }

    /// A key was written, which is no use of what was there.
    pub(super) fn write(&mut self, key: &Arc<str>) {
        if !self.ranks.contains_key(key) {
            self.put(key, 0);
        }
    }

    fn put(&mut self, key: &Arc<str>, count: u64) {
        self.remove(key);
        self.uses += 1;
        let rank = (count, self.uses);
        self.ranks.insert(Arc::clone(key), rank);
        self.keys.insert(rank, Arc::clone(key));
    }

    /// Takes a key out.
    pub(super) fn remove(&mut self, key: &str) {
        if let Some(rank) = self.ranks.remove(key) {
            self.keys.remove(&rank);
        }
    }

    /// Takes out the key at the end.
    pub(super) fn pop(&mut self) -> Option<Arc<str>> {
        let (_, key) = self.keys.pop_first()?;
        self.ranks.remove(&key);
        Some(key)
    }
}

impl From<Vec<Arc<str>>> for Recency {
    fn from(keys: Vec<Arc<str>>) -> Self {
        let mut recency = Self::default();
        keys.iter().for_each(|key| recency.touch(key));
        recency
    }
}

impl From<Recency> for Vec<Arc<str>> {
    fn from(recency: Recency) -> Self {
        recency.keys.into_values().collect()
    }
}

impl From<Vec<(Arc<str>, u64)>> for Frequency {
    fn from(keys: Vec<(Arc<str>, u64)>) -> Self {
        let mut frequency = Self::default();
        keys.iter().for_each(|(key, count)| frequency.put(key, *count));
        frequency
    }
}

impl From<Frequency> for Vec<(Arc<str>, u64)> {
    fn from(frequency: Frequency) -> Self {
        frequency.keys.into_iter().map(|((count, _), key)| (key, count)).collect()
    }
}
