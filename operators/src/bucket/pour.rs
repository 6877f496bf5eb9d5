//! What crosses from match to bucket: one event for the buckets that want it, with everything that
//! had to be computed from the live event.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::group::BucketHash;
use super::kept::Kept;
use super::scenario::{Scenario, ScenarioId};
use crate::place::OrderKey;
use crate::time::Stamp;

/// What a scenario says of an event for a bucket of its own. Transport, not a promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The scenario.
    pub scenario: ScenarioId,
    /// Result of `distinct`; `None` without one or where it failed.
    pub distinct: Option<Arc<str>>,
    /// Whether `cancel_on` holds.
    pub cancel: bool,
}

/// One bucket that wants an event. Transport, not a promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Result of `groupby`, "" without one.
    pub key: Arc<str>,
    /// Where the bucket lives: of its scenario and key.
    pub hash: BucketHash,
    /// What the scenario says.
    pub claim: Claim,
    /// The same of the scenarios that share buckets with this one: the bucket may be theirs.
    pub twins: Vec<Claim>,
}

/// One event for the buckets that want it. Transport, not a promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pour {
    /// Where the record stands among all records.
    pub order: OrderKey,
    /// When it happened, in the zone that it was written in: this fills buckets. `None` where the
    /// event has no date.
    pub time: Option<Stamp>,
    /// The event.
    pub event: Kept,
    /// The buckets, in the order of their scenarios.
    pub wants: Vec<Want>,
}

impl Pour {
    /// Takes out what is for the buckets that `other` names.
    pub fn take(&mut self, other: impl Fn(&Want) -> bool) -> Option<Self> {
        if !self.wants.iter().any(&other) {
            return None;
        }
        let wants;
        (wants, self.wants) = std::mem::take(&mut self.wants).into_iter().partition(other);
        Some(Self { wants, event: self.event.clone(), ..*self })
    }
}

impl Want {
    /// A bucket of `scenario` with what `groupby` gave.
    pub fn new(scenario: &Scenario, key: Arc<str>, claim: Claim, twins: Vec<Claim>) -> Self {
        Self { hash: scenario.hash_base.with_key(&key), key, claim, twins }
    }

    /// What the owner of the bucket says of the event.
    pub(super) fn claim_of(&self, owner: ScenarioId) -> &Claim {
        let twin = self.twins.iter().find(|claim| claim.scenario == owner);
        twin.unwrap_or(&self.claim)
    }
}
