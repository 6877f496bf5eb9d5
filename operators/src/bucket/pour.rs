//! What crosses from match to bucket: one event for one bucket, with everything that had to be
//! computed from the live event.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::kept::Kept;
use super::scenario::ScenarioId;
use crate::order::OrderKey;
use crate::time::EventTime;

/// What a scenario says of an event for a bucket of its own. Transport, not a promise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    /// The scenario.
    pub scenario: ScenarioId,
    /// Result of `distinct`; `None` without one or where it failed.
    pub distinct: Option<Box<str>>,
    /// Whether `cancel_on` holds.
    pub cancel: bool,
}

impl Pour {
    /// The pour as the owner of the bucket sees it.
    pub(super) fn for_owner(&self, owner: ScenarioId) -> Cow<'_, Self> {
        match self.twins.iter().find(|claim| claim.scenario == owner) {
            Some(claim) if owner != self.scenario => {
                let (distinct, cancel) = (claim.distinct.clone(), claim.cancel);
                Cow::Owned(Self { distinct, cancel, ..self.clone() })
            }
            _ => Cow::Borrowed(self),
        }
    }
}

/// One event for one bucket. Transport, not a promise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pour {
    /// Where the record stands among all records.
    pub order: OrderKey,
    /// The scenario.
    pub scenario: ScenarioId,
    /// Result of `groupby`, "" without one.
    pub key: Box<str>,
    /// The instant that fills the bucket, `None` where the event has no date.
    pub time: Option<EventTime>,
    /// Result of `distinct`; `None` without one or where it failed.
    pub distinct: Option<Box<str>>,
    /// Whether `cancel_on` holds.
    pub cancel: bool,
    /// The same of the scenarios that share buckets with this one: the bucket may be theirs.
    pub twins: Vec<Claim>,
    /// The event.
    pub event: Kept,
}
