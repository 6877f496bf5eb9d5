//! Parse state of one source partition: the named caches of `stash`
//! (crowdsec pkg/cache/cache.go, with event time instead of the wall clock and one cache per
//! partition instead of one per process, so that the number of workers does not matter).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::lookup;
use crate::time::EventTime;

/// Which entry leaves a full cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// The one that was used least recently. `ARC` is treated as this one too: it adapts between
    /// recency and frequency, which no rule of the hub asks for.
    #[default]
    Lru,
    /// The one that was used least often.
    Lfu,
}

/// A cache as the rules declare it.
#[derive(Clone, Debug)]
pub struct CacheSpec {
    /// Name.
    pub name: &'static str,
    /// How many entries it holds.
    pub size: usize,
    /// Which entry leaves.
    pub strategy: Strategy,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    value: Arc<str>,
    until: Option<EventTime>,
    used: u64,
    count: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cache {
    size: usize,
    strategy: Strategy,
    entries: BTreeMap<Arc<str>, Entry>,
}

/// The caches of a source partition. What is serialised goes to disk: fields are only added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stashes {
    caches: BTreeMap<Arc<str>, Cache>,
    clock: Option<EventTime>,
    uses: u64,
}

impl Stashes {
    /// Empty caches.
    pub fn new(specs: &[CacheSpec]) -> Self {
        let mut caches = BTreeMap::new();
        for spec in specs {
            // The first declaration of a name wins, as it does for what CrowdSec reads.
            caches.entry(spec.name.into()).or_insert_with(|| Cache {
                size: spec.size.max(1),
                strategy: spec.strategy,
                entries: BTreeMap::new(),
            });
        }
        Self { caches, clock: None, uses: 0 }
    }

    /// Sets the present of the partition: what was kept for a time that is over is gone.
    pub fn advance(&mut self, clock: Option<EventTime>) {
        self.clock = clock;
    }
}

impl Cache {
    fn make_room(&mut self) {
        while self.entries.len() >= self.size {
            let leaves = self.entries.iter().min_by_key(|(_, entry)| match self.strategy {
                Strategy::Lru => (entry.used, 0),
                Strategy::Lfu => (entry.count, entry.used),
            });
            let Some(key) = leaves.map(|(key, _)| Arc::clone(key)) else { return };
            self.entries.remove(&key);
        }
    }
}

impl lookup::Stash for Stashes {
    fn get(&mut self, cache: &str, key: &str) -> Option<Arc<str>> {
        self.uses += 1;
        let cache = self.caches.get_mut(cache)?;
        let entry = cache.entries.get_mut(key)?;
        if entry.until.is_some() && entry.until < self.clock {
            cache.entries.remove(key);
            return None;
        }
        entry.used = self.uses;
        entry.count += 1;
        Some(Arc::clone(&entry.value))
    }

    fn set(&mut self, cache: &str, key: &str, value: &str, ttl_ns: i64) {
        self.uses += 1;
        let Some(cache) = self.caches.get_mut(cache) else { return };
        let until = self.clock.map(|EventTime(now)| EventTime(now.saturating_add(ttl_ns)));
        let entry = Entry { value: value.into(), until, used: self.uses, count: 1 };
        if let Some(old) = cache.entries.get_mut(key) {
            *old = entry;
        } else {
            cache.make_room();
            cache.entries.insert(key.into(), entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::Stash;

    fn stashes(size: usize, strategy: Strategy) -> Stashes {
        Stashes::new(&[CacheSpec { name: "c", size, strategy }])
    }

    #[test]
    fn least_recently_used_leaves() {
        let mut stash = stashes(2, Strategy::Lru);
        stash.set("c", "a", "1", 1);
        stash.set("c", "b", "2", 1);
        assert!(stash.get("c", "a").is_some());
        stash.set("c", "d", "3", 1);
        assert!(stash.get("c", "b").is_none());
        assert_eq!(stash.get("c", "a").as_deref(), Some("1"));
    }

    #[test]
    fn least_often_used_leaves() {
        let mut stash = stashes(2, Strategy::Lfu);
        stash.set("c", "a", "1", 1);
        stash.get("c", "a");
        stash.set("c", "b", "2", 1);
        stash.set("c", "d", "3", 1);
        assert!(stash.get("c", "b").is_none());
        assert!(stash.get("c", "a").is_some());
    }

    #[test]
    fn entries_end_by_the_clock_of_the_partition() {
        let mut stash = stashes(2, Strategy::Lru);
        stash.advance(Some(EventTime(100)));
        stash.set("c", "a", "1", 10);
        stash.advance(Some(EventTime(110)));
        assert!(stash.get("c", "a").is_some());
        stash.advance(Some(EventTime(111)));
        assert!(stash.get("c", "a").is_none());
    }
}
