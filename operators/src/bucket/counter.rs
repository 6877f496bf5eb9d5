//! Buckets that end by themselves: `duration` after their first event they overflow.

use std::collections::BTreeSet;

use super::scenario::ScenarioId;
use crate::time::EventTime;

/// Ends of timed buckets, soonest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(EventTime, ScenarioId, Box<str>)>);

impl Deadlines {
    pub(super) fn add(&mut self, at: EventTime, scenario: ScenarioId, key: &str) {
        self.0.insert((at, scenario, key.into()));
    }

    pub(super) fn remove(&mut self, at: EventTime, scenario: ScenarioId, key: &str) {
        self.0.remove(&(at, scenario, key.into()));
    }

    /// The soonest end.
    pub(super) fn first(&self) -> Option<EventTime> {
        self.0.first().map(|(at, ..)| *at)
    }

    /// The soonest end before `before`, taken out.
    pub(super) fn pop(&mut self, before: EventTime) -> Option<(EventTime, ScenarioId, Box<str>)> {
        let due = self.0.first().is_some_and(|(at, ..)| *at < before);
        if due { self.0.pop_first() } else { None }
    }
}
