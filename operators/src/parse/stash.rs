//! Parse state of one source partition: the named caches of `stash`
//! (crowdsec pkg/cache/cache.go, with event time instead of the wall clock and one cache per
//! partition instead of one per process, so that the number of workers does not matter).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::adaptive::Adaptive;
use super::recency::{Frequency, Recency};
use crate::lookup;
use crate::time::EventTime;

/// Which entry leaves a full cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// The one that was used least recently.
    #[default]
    Lru,
    /// The one that was read least often; of several the one that was used least recently.
    Lfu,
    /// One of these, after what came back before.
    Arc,
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
}

/// Which keys are held.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Policy {
    Recent(Recency),
    Frequent(Frequency),
    Adaptive(Box<Adaptive>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cache {
    size: usize,
    policy: Policy,
    entries: BTreeMap<Arc<str>, Entry>,
}

/// The caches of a source partition. What is serialised goes to disk: fields are only added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stashes {
    caches: BTreeMap<Arc<str>, Cache>,
    clock: Option<EventTime>,
}

impl Stashes {
    /// Empty caches.
    pub fn new(specs: &[CacheSpec]) -> Self {
        let mut caches = BTreeMap::new();
        for spec in specs {
            // The first declaration of a name wins, as it does for what CrowdSec reads.
            caches.entry(spec.name.into()).or_insert_with(|| Cache::new(spec));
        }
        Self { caches, clock: None }
    }

    /// Sets the present of the partition: what was kept for a time that is over is gone.
    pub fn advance(&mut self, clock: Option<EventTime>) {
        self.clock = clock;
    }
}

impl Cache {
    fn new(spec: &CacheSpec) -> Self {
        let size = spec.size.max(1);
        let policy = match spec.strategy {
            Strategy::Lru => Policy::Recent(Recency::default()),
            Strategy::Lfu => Policy::Frequent(Frequency::default()),
            Strategy::Arc => Policy::Adaptive(Box::new(Adaptive::new(size))),
        };
        Self { size, policy, entries: BTreeMap::new() }
    }

    fn read(&mut self, key: &str, clock: Option<EventTime>) -> Option<Arc<str>> {
        let (key, entry) = self.entries.get_key_value(key)?;
        let (key, value) = (Arc::clone(key), Arc::clone(&entry.value));
        if entry.until.is_some() && entry.until < clock {
            self.entries.remove(&key);
            self.policy.expire(&key);
            return None;
        }
        match &mut self.policy {
            Policy::Recent(recent) => recent.touch(&key),
            Policy::Frequent(frequent) => frequent.read(&key),
            Policy::Adaptive(adaptive) => adaptive.read(&key),
        }
        Some(value)
    }

    fn write(&mut self, key: &str, entry: Entry) {
        let known = self.entries.get_key_value(key).map(|(key, _)| Arc::clone(key));
        let full = known.is_none() && self.entries.len() >= self.size;
        let key = known.unwrap_or_else(|| key.into());
        let left = match &mut self.policy {
            Policy::Recent(recent) => {
                let left = if full { recent.pop() } else { None };
                recent.touch(&key);
                left
            }
            Policy::Frequent(frequent) => {
                let left = if full { frequent.pop() } else { None };
                frequent.write(&key);
                left
            }
            Policy::Adaptive(adaptive) => adaptive.write(&key),
        };
        if let Some(left) = left {
            self.entries.remove(&left);
        }
        self.entries.insert(key, entry);
    }
}

impl Policy {
    fn expire(&mut self, key: &Arc<str>) {
        match self {
            Self::Recent(recent) => drop(recent.remove(key)),
            Self::Frequent(frequent) => frequent.remove(key),
            Self::Adaptive(adaptive) => adaptive.expire(key),
        }
    }
}

impl lookup::Stash for Stashes {
    fn get(&mut self, cache: &str, key: &str) -> Option<Arc<str>> {
        self.caches.get_mut(cache)?.read(key, self.clock)
    }

    fn set(&mut self, cache: &str, key: &str, value: &str, ttl_ns: i64) {
        let Some(cache) = self.caches.get_mut(cache) else { return };
        let until = self.clock.map(|EventTime(now)| EventTime(now.saturating_add(ttl_ns)));
        cache.write(key, Entry { value: value.into(), until });
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
    fn writing_again_is_no_use() {
        let mut stash = stashes(2, Strategy::Lfu);
        stash.set("c", "a", "1", 1);
        stash.get("c", "a");
        stash.set("c", "b", "2", 1);
        stash.set("c", "a", "3", 1);
        stash.set("c", "d", "4", 1);
        assert_eq!(stash.get("c", "a").as_deref(), Some("3"));
    }

    /// What the reference's cache of three holds after each step, as its own code printed it.
    #[test]
    fn arc_adapts_as_the_reference_does() {
        let recorded = include_str!("../../tests/fixtures/stash/arc.txt");
        for (number, case) in recorded.lines().filter(|line| !line.starts_with('#')).enumerate() {
            let (steps, held) = case.split_once(" = ").unwrap();
            let mut stash = stashes(3, Strategy::Arc);
            for step in steps.split(' ') {
                match step.split_at(1) {
                    ("+", key) => stash.set("c", key, "", 1),
                    (_, key) => drop(stash.get("c", key)),
                }
            }
            let keys: Vec<&str> = stash.caches["c"].entries.keys().map(AsRef::as_ref).collect();
            assert_eq!(keys.join(" "), held, "case {number}: {steps}");
        }
    }

    #[test]
    fn no_strategy_holds_more_than_its_size_or_forgets_on_disk() {
        for strategy in [Strategy::Lru, Strategy::Lfu, Strategy::Arc] {
            let mut stash = stashes(5, strategy);
            let mut state = 1_u64;
            let mut kept = stash.clone();
            for step in 0..2_000_i64 {
                if step % 7 == 0 {
                    let json = serde_json::to_string(&stash).unwrap();
                    kept = serde_json::from_str(&json).unwrap();
                }
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let key = (state >> 60).to_string();
                let held = [&mut stash, &mut kept].map(|stash| {
                    stash.advance(Some(EventTime(step)));
                    match state >> 40 & 1 {
                        0 => stash.set("c", &key, "x", 7),
                        _ => drop(stash.get("c", &key)),
                    }
                    stash.caches["c"].entries.keys().cloned().collect::<Vec<_>>()
                });
                assert!(held[0].len() <= 5, "{strategy:?}");
                assert_eq!(held[0], held[1], "{strategy:?}");
            }
        }
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
