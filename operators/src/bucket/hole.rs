//! The blackhole of one bucket at an overflow of it: whether it swallows the overflow, and its arming,
//! which a run whose buckets outlive it writes down.

use super::blackhole::{Blackholes, Manner};
use super::catalogue::Catalogue;
use super::change::Subject;
use super::ledger::{self, Ledger};
use super::scenario::{Scenario, ScenarioId};
use super::state::Bucket;
use crate::place::OrderKey;
use crate::time::Stamp;

/// The blackhole of a bucket that is over.
pub(super) struct Hole<'a> {
    pub(super) blackholes: &'a mut Blackholes,
    pub(super) manner: Manner,
    pub(super) ledger: Option<&'a mut Ledger>,
    pub(super) catalogue: &'a Catalogue,
    pub(super) bucket: &'a Bucket,
    pub(super) scenario: &'a Scenario,
    pub(super) at: Stamp,
    pub(super) cause: OrderKey,
}

impl Hole<'_> {
    fn name(&self) -> (ScenarioId, &str) {
        (self.scenario.id, &self.bucket.key)
    }

    /// Whether it swallows this overflow.
    pub(super) fn hides(&mut self) -> bool {
        if self.manner == Manner::Reference {
            self.blackholes.open(self.scenario.id, self.at.at);
        }
        let armed = self.scenario.blackhole.is_some() && !self.blackholes.is_empty();
        armed && self.blackholes.hides(self.name(), self.at.at, self.cause.clock)
    }

    /// What an overflow without an alert does.
    pub(super) fn fail(&mut self) {
        if self.manner == Manner::Reference && !self.hides() {
            self.arm();
        }
    }

    /// Swallows what overflows after this one.
    pub(super) fn arm(&mut self) {
        let Some(duration) = self.scenario.blackhole else { return };
        let name = (self.scenario.id, &*self.bucket.key);
        let end = self.blackholes.arm(name, duration, self.at.at, self.cause.clock);
        if let Some(ledger) = &mut self.ledger
            && let Some(place) = ledger::place(self.catalogue, self.scenario.id, &self.bucket.key)
        {
            ledger.entry(Subject::Blackhole, &place, Some(end.to_bytes()));
        }
    }
}
