//! What the order sends to the buckets of one worker in one epoch.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::OrderKey;
use crate::bucket::{Pour, group_of};
use crate::rules::Rules;
use crate::time::EventTime;

/// The overflow that a pour comes from, empty for a pour of a line: orders overflows that have one
/// cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Via(Option<(Arc<str>, Arc<str>)>);

impl Via {
    /// An overflow of a scenario and what `groupby` gave.
    pub fn new(scenario: &Arc<str>, key: &str) -> Self {
        Self(Some((Arc::clone(scenario), key.into())))
    }
}

/// Pours for one worker, and how far the clock is. Transport, not a promise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch {
    /// The worker.
    pub worker: u64,
    /// No pour of a later epoch has an earlier clock.
    pub clock: EventTime,
    /// Whether what changed is to be kept behind it.
    pub seal: bool,
    /// The pours; sorted, they stand in the order in which they are applied.
    pub pours: Vec<(OrderKey, Via, Pour)>,
}

impl Batch {
    /// One batch per worker: every worker must hear of the clock.
    pub fn deal(
        clock: EventTime,
        seal: bool,
        pours: Vec<(Via, Pour)>,
        workers: u64,
        rules: &Rules,
    ) -> impl Iterator<Item = Self> + use<> {
        let mut shares: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
        for (via, pour) in pours {
            let Some(scenario) = rules.catalogue.scenario(pour.scenario) else { continue };
            let worker = u64::from(group_of(&scenario.name, &pour.key)) % workers;
            if let Some(share) = usize::try_from(worker).ok().and_then(|at| shares.get_mut(at)) {
                share.push((pour.order, via, pour));
            }
        }
        (0..workers).zip(shares).map(move |(worker, pours)| Self { worker, clock, seal, pours })
    }
}
