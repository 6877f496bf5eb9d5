//! What a bucket knows between two events, and the arithmetic of one event.

use std::collections::BTreeSet;

use super::limiter::Limiter;
use super::pour::{Claim, Pour};
use super::queue::Queue;
use super::scenario::{Kind, Scenario, ScenarioId};
use super::sifted::Sifted;
use crate::time::{EventTime, Stamp};

/// How much later than its lifetime says a bucket is forgotten by the clock of the order, so that
/// lines that stand that much too late in the log still find their bucket. Unit: nanoseconds.
pub const GRACE: i64 = 600 * 1_000_000_000;

/// How long a bucket is remembered: what follows from its last event.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Time of the last event.
    pub last: EventTime,
    /// Clock of the order at the last event.
    pub clock: EventTime,
}

impl Life {
    /// Whether an event of `time`, ordered at `clock`, comes too late for this bucket.
    ///
    /// Event time decides as in the reference: strictly later than the last event plus the
    /// lifetime (pkg/leakybucket/manager_run.go). So does the clock of the order, [`GRACE`] later,
    /// whatever the event claims: [`Life::is_forgotten`] rests on it. A timed bucket ends at its
    /// deadline and at no event.
    pub fn is_expired(self, scenario: &Scenario, time: EventTime, clock: EventTime) -> bool {
        let silent = self.last.0.saturating_add(scenario.lifetime);
        !scenario.timed && (time.0 > silent || self.is_forgotten(scenario, clock))
    }

    /// Whether every event that is still to come at `clock` or later finds this bucket expired.
    pub fn is_forgotten(self, scenario: &Scenario, clock: EventTime) -> bool {
        let silent = self.clock.0.saturating_add(scenario.lifetime).saturating_add(GRACE);
        !scenario.timed && clock.0 > silent
    }
}

/// How far the store knows a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// Whether it changed since it was last handed over.
    pub dirty: bool,
    /// Whether the store has it, or will have.
    pub stored: bool,
    /// Number of the seal at which it was last handed over, counted around.
    pub seal: u8,
}

impl Keeping {
    /// Of a bucket that the store does not know.
    pub const NEW: Self = Self { dirty: true, stored: false, seal: 0 };
}

/// A live bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Its scenario.
    pub scenario: ScenarioId,
    /// What `groupby` gave.
    pub key: Box<str>,
    /// Tokens after the last event.
    pub tokens: f64,
    /// Time of the first event.
    pub first: Stamp,
    /// Time of the last event.
    pub last: Stamp,
    /// Clock of the order at the first event.
    pub born: EventTime,
    /// Clock of the order at the last event.
    pub clock: EventTime,
    /// Events poured in all.
    pub total: u32,
    /// Events held.
    pub queue: Queue,
    /// What conditions have asked of them; made anew where it is missing.
    pub sifted: Option<Box<Sifted>>,
    /// Values of `distinct` so far.
    pub distinct: BTreeSet<Box<str>>,
    /// Bayesian conditions that stay true, by index.
    pub latched: BTreeSet<u16>,
    /// How far the store knows it.
    pub keeping: Keeping,
}

/// What an event did to a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was a repetition.
    Repeated,
    /// It ended the bucket.
    Cancelled,
    /// It went in.
    Poured,
    /// It found the bucket full.
    Refused,
}

impl Bucket {
    /// An empty bucket for what `groupby` gave, which is poured into at `at`, ordered at `clock`.
    pub fn new(scenario: &Scenario, key: &str, at: Stamp, clock: EventTime) -> Self {
        Self {
            scenario: scenario.id,
            key: key.into(),
            tokens: scenario.limiter.full(),
            first: at,
            last: at,
            born: clock,
            clock,
            total: 0,
            queue: Queue::default(),
            sifted: None,
            distinct: BTreeSet::new(),
            latched: BTreeSet::new(),
            keeping: Keeping::NEW,
        }
    }

    /// How long it is remembered.
    pub fn life(&self) -> Life {
        Life { last: self.last.at, clock: self.clock }
    }

    /// When a timed bucket ends: its lifetime after the record that opened it, by the clock of the
    /// order. In a log in order that is the first event's time plus `duration`.
    pub fn deadline(&self, scenario: &Scenario) -> Option<EventTime> {
        let end = self.born.0.saturating_add(scenario.lifetime);
        scenario.timed.then_some(EventTime(end))
    }

    /// Applies an event in the order of pkg/leakybucket/bucket.go: distinct, cancel, pour.
    pub fn apply(&mut self, scenario: &Scenario, pour: &Pour, claim: &Claim, at: Stamp) -> Step {
        if let Some(value) = &claim.distinct {
            if self.distinct.contains(&**value) {
                return Step::Repeated;
            }
            self.distinct.insert((**value).into());
        }
        if claim.cancel {
            return Step::Cancelled;
        }
        let last = (self.total > 0).then_some(self.last.at);
        if self.total == 0 {
            self.first = at;
        }
        self.total = self.total.saturating_add(1);
        self.clock = pour.order.clock;
        self.last = at;
        self.queue.add(pour.event.clone(), scenario.held);
        let left = scenario.limiter.take(self.tokens, last, at.at);
        match left {
            Some(tokens) => {
                self.tokens = tokens;
                Step::Poured
            }
            // A conditional bucket takes what its limiter refuses.
            None if scenario.kind == Kind::Conditional => Step::Poured,
            None => Step::Refused,
        }
    }

    /// Events that have not leaked at `at`, by the limiter; all of them in an unlimited bucket.
    pub fn level(&self, scenario: &Scenario, at: EventTime) -> f64 {
        match scenario.limiter {
            Limiter::Unlimited => self.total.into(),
            limiter => limiter.full() - limiter.tokens_at(self.tokens, Some(self.last.at), at),
        }
    }
}
