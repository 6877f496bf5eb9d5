//! The stash of a partition, kept twice: as parsing left it, and as it was at the line that the order
//! has reached. Parsing runs ahead; a run that begins again does so at the order's line and needs the
//! stash of that place.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::lookup::Stash;
use crate::parse::stash::{CacheSpec, Stashes};
use crate::time::EventTime;

/// What a line did to the stash.
#[derive(Clone, Debug)]
enum Deed {
    Clock(Option<EventTime>),
    /// Also reading counts: it decides what leaves a full cache.
    Get(Arc<str>, Arc<str>),
    Set(Arc<str>, Arc<str>, Arc<str>, i64),
}

/// The stash of a partition with its past.
#[derive(Debug)]
pub struct Journal {
    ahead: Stashes,
    settled: Stashes,
    deeds: VecDeque<(u64, Deed)>,
    position: u64,
    changed: bool,
    /// Whether anybody will ask for the past.
    keeps: bool,
}

impl Journal {
    /// Empty caches, of a run that never begins again.
    pub fn new(specs: &[CacheSpec]) -> Self {
        Self { keeps: false, ..Self::going_on(Stashes::new(specs)) }
    }

    /// Caches as an earlier run left them.
    pub fn going_on(stashes: Stashes) -> Self {
        Self {
            ahead: stashes.clone(),
            settled: stashes,
            deeds: VecDeque::new(),
            position: 0,
            changed: false,
            keeps: true,
        }
    }

    /// The stash for a line.
    pub fn at(&mut self, position: u64, clock: Option<EventTime>) -> &mut Self {
        self.position = position;
        self.ahead.advance(clock);
        self.note(|| Deed::Clock(clock));
        self
    }

    fn note(&mut self, deed: impl FnOnce() -> Deed) {
        if self.keeps {
            self.deeds.push_back((self.position, deed()));
        }
    }

    /// Lets the settled caches follow to the line at `next`, which is not through yet. They come
    /// back if they changed.
    pub fn settle(&mut self, next: u64) -> Option<&Stashes> {
        while let Some((_, deed)) = self.deeds.pop_front_if(|(at, _)| *at < next) {
            match deed {
                Deed::Clock(clock) => self.settled.advance(clock),
                Deed::Get(cache, key) => {
                    self.settled.get(&cache, &key);
                }
                Deed::Set(cache, key, value, ttl) => self.settled.set(&cache, &key, &value, ttl),
            }
            self.changed = true;
        }
        std::mem::take(&mut self.changed).then_some(&self.settled)
    }
}

impl Stash for Journal {
    fn get(&mut self, cache: &str, key: &str) -> Option<Arc<str>> {
        self.note(|| Deed::Get(cache.into(), key.into()));
        self.ahead.get(cache, key)
    }

    fn set(&mut self, cache: &str, key: &str, value: &str, ttl_ns: i64) {
        self.note(|| Deed::Set(cache.into(), key.into(), value.into(), ttl_ns));
        self.ahead.set(cache, key, value, ttl_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::stash::Strategy;

    #[test]
    fn the_settled_stash_is_that_of_its_line() {
        let spec = [CacheSpec { name: "c", size: 2, strategy: Strategy::Lru }];
        let mut journal = Journal::going_on(Stashes::new(&spec));
        let line = |journal: &mut Journal, at: u64| {
            let clock = Some(EventTime(i64::try_from(at).unwrap()));
            let stash = journal.at(at, clock);
            stash.set("c", &format!("k{}", at % 3), &at.to_string(), 100);
            stash.get("c", "k0");
        };
        for at in 0..10 {
            line(&mut journal, at);
        }
        let settled = journal.settle(6).cloned().unwrap();
        assert!(journal.settle(6).is_none(), "nothing new");
        let mut again = Journal::going_on(settled);
        for at in 6..10 {
            line(&mut again, at);
        }
        let end = |journal: &mut Journal| {
            ["k0", "k1", "k2"].map(|key| journal.at(10, Some(EventTime(10))).get("c", key))
        };
        assert_eq!(end(&mut again), end(&mut journal));
    }
}
