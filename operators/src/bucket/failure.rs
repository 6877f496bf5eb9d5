//! What becomes of an overflow that makes no alert, and of events that fill no bucket.

use std::collections::BTreeMap;

use super::shares::Shares;
use super::state::Step;
use crate::place::Partition;

/// Why an overflow made no alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Scope Ip or Range and no `evt.Meta.source_ip`.
    #[error("evt.Meta.source_ip is missing")]
    NoSourceIp,
    /// `evt.Meta.source_ip` is no address.
    #[error("evt.Meta.source_ip is not an address")]
    BadSourceIp,
    /// `evt.Meta.SourceRange` is no network.
    #[error("evt.Meta.SourceRange is not a network")]
    BadRange,
    /// The scope's expression failed.
    #[error("the expression of the scope failed")]
    Scope,
    /// The sources of an overflow that was matched again do not fit the scope.
    #[error("no source fits the scope")]
    NoSource,
    /// Sources of different scopes.
    #[error("the events have sources of different scopes")]
    MixedScopes,
    /// The held events are not those of these rules.
    #[error("a held event cannot be read")]
    Unreadable,
}

/// What happened to the buckets of one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Buckets begun.
    pub begun: u64,
    /// Events poured.
    pub poured: u64,
    /// The same by source partition.
    pub poured_of: Shares,
    /// Events without a date: they fill nothing (a trigger takes them).
    pub undated: u64,
    /// Events dropped by `distinct`.
    pub repeated: u64,
    /// Buckets ended by `cancel_on`.
    pub cancelled: u64,
    /// Buckets that overflowed.
    pub overflowed: u64,
    /// Of these, dropped by `overflow_filter`.
    pub filtered: u64,
    /// Of these, dropped by `blackhole`.
    pub blackholed: u64,
    /// Of these, without an alert.
    pub failed: BTreeMap<Failure, u64>,
    /// Overflows that were not matched again, as there were too many ([`super::reprocess`]).
    pub left: u64,
    /// Conditions that failed while they ran.
    pub errors: u64,
    /// Overflow filters and expressions of the scope that failed while they ran.
    pub alert_errors: u64,
    /// Expressions of the alert context that failed while they ran.
    pub context_errors: u64,
}

impl Counters {
    /// Counts what an event did to a bucket.
    pub(super) fn stepped(&mut self, step: Step, from: Partition) {
        match step {
            Step::Repeated => self.repeated += 1,
            Step::Cancelled => self.cancelled += 1,
            Step::Poured | Step::Refused => self.poured(from),
        }
    }

    /// Counts an event that was poured.
    pub(super) fn poured(&mut self, from: Partition) {
        self.poured += 1;
        self.poured_of.add(from, 1);
    }

    /// Adds another worker's.
    pub fn add(&mut self, other: &Self) {
        self.begun += other.begun;
        self.poured += other.poured;
        self.poured_of.join(&other.poured_of);
        self.undated += other.undated;
        self.repeated += other.repeated;
        self.cancelled += other.cancelled;
        self.overflowed += other.overflowed;
        self.filtered += other.filtered;
        self.blackholed += other.blackholed;
        self.left += other.left;
        self.errors += other.errors;
        self.alert_errors += other.alert_errors;
        self.context_errors += other.context_errors;
        for (failure, count) in &other.failed {
            *self.failed.entry(*failure).or_default() += count;
        }
    }
}
