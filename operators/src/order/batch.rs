//! What the order sends to the buckets of one worker in one epoch.

use serde::{Deserialize, Serialize};

use crate::bucket::pour::Pour;
use crate::time::EventTime;

/// Pours for one worker, and how far the clock is. Transport, not a promise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Batch {
    /// The worker.
    pub worker: u64,
    /// No pour of a later epoch has an earlier clock.
    pub clock: EventTime,
    /// The pours.
    pub pours: Vec<Pour>,
}

impl Batch {
    /// One batch per worker: every worker must hear of the clock.
    pub fn deal(clock: EventTime, pours: Vec<Pour>, workers: u64) -> impl Iterator<Item = Self> {
        let mut shares: Vec<Vec<Pour>> = (0..workers).map(|_| Vec::new()).collect();
        for pour in pours {
            let worker = u64::from(pour.group().0) % workers;
            if let Some(share) = usize::try_from(worker).ok().and_then(|at| shares.get_mut(at)) {
                share.push(pour);
            }
        }
        (0..workers).zip(shares).map(move |(worker, pours)| Self { worker, clock, pours })
    }
}
