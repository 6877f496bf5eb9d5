//! Overflows that are ignored because the same bucket overflowed a short while ago (crowdsec
//! pkg/leakybucket/blackhole.go).
//!
//! Only the bucket's own last overflow counts, however many workers there are. The reference keeps one
//! list per scenario and drops what is over at each overflow of *any* bucket, so that an overflow
//! dated ahead opens the blackholes of others, and lets an alert that cannot be built arm it. Tests
//! of a hub expect that: [`Manner::Reference`].

use std::collections::BTreeMap;

use super::bytes::Writer;
use super::record;
use super::scenario::ScenarioId;
use super::state::GRACE;
use crate::time::EventTime;

/// So many entries are never worth a sweep.
const FEW: usize = 64;

/// How blackholes are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Each for itself.
    #[default]
    Own,
    /// As CrowdSec keeps them. Then buckets depend on each other: for one worker.
    Reference,
}

/// Blackholes of one key group.
#[derive(Clone, Debug, Default)]
pub struct Blackholes {
    ends: BTreeMap<ScenarioId, BTreeMap<Box<str>, End>>,
    count: usize,
    swept: usize,
}

/// When a blackhole ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Overflows of this time or later count again.
    until: EventTime,
    /// By the clock of the order all do, [`GRACE`] after the blackhole's time has passed on it,
    /// whatever time a late overflow claims: what a sweep drops is what this says.
    over: EventTime,
}

impl End {
    /// As it is on disk. A promise.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut writer = Writer::default();
        record::head(&mut writer, self.over);
        writer.signed(self.until.0);
        writer.0
    }

    /// Reads it again; `None` where the bytes make no sense.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let over = record::remembered_until(bytes)?;
        let until = EventTime(record::body(bytes)?.signed()?);
        Some(Self { until, over })
    }
}

impl Blackholes {
    /// Whether an overflow of the bucket of this key at `at`, ordered at `clock`, is to be ignored.
    pub fn hides(
        &self,
        (scenario, key): (ScenarioId, &str),
        at: EventTime,
        clock: EventTime,
    ) -> bool {
        let end = self.ends.get(&scenario).and_then(|ends| ends.get(key));
        end.is_some_and(|end| end.until > at && clock <= end.over)
    }

    /// Drops those of a scenario that are over at `at`.
    pub fn open(&mut self, scenario: ScenarioId, at: EventTime) {
        let Some(ends) = self.ends.get_mut(&scenario) else { return };
        let before = ends.len();
        ends.retain(|_, end| end.until > at);
        self.count -= before - ends.len();
    }

    /// Ignores overflows of this bucket for `duration` (nanoseconds) after the one at `at`.
    pub fn arm(
        &mut self,
        bucket: (ScenarioId, &str),
        duration: i64,
        at: EventTime,
        clock: EventTime,
    ) -> End {
        if self.count >= FEW.max(2 * self.swept) {
            self.sweep(clock);
        }
        let until = EventTime(at.0.saturating_add(duration));
        let over = EventTime(clock.0.saturating_add(duration).saturating_add(GRACE));
        let end = End { until, over };
        self.restore(bucket, end);
        end
    }

    /// Puts back what the store has.
    pub fn restore(&mut self, (scenario, key): (ScenarioId, &str), end: End) {
        let ends = self.ends.entry(scenario).or_default();
        match ends.get_mut(key) {
            Some(known) => *known = end,
            None => {
                ends.insert(key.into(), end);
                self.count += 1;
            }
        }
    }

    /// Drops what can hide nothing any more at `clock` or later.
    pub fn sweep(&mut self, clock: EventTime) {
        for ends in self.ends.values_mut() {
            ends.retain(|_, end| clock <= end.over);
        }
        self.ends.retain(|_, ends| !ends.is_empty());
        self.count = self.ends.values().map(BTreeMap::len).sum();
        self.swept = self.count;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
