//! What the order sends to the buckets of one worker in one epoch.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bucket::Pour;
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
    /// The pours. Those of several batches are applied in the order of [`Batch::sorted`].
    pub pours: Vec<(Via, Pour)>,
}

impl Batch {
    /// One batch per worker: every worker must hear of the clock.
    pub fn deal(
        clock: EventTime,
        seal: bool,
        pours: Vec<(Via, Pour)>,
        workers: u64,
    ) -> impl Iterator<Item = Self> + use<> {
        let shares = match workers {
            0 | 1 => vec![pours],
            _ => shares(pours, workers),
        };
        (0..workers).zip(shares).map(move |(worker, pours)| Self { worker, clock, seal, pours })
    }

    /// The pours of all batches of an epoch in the order in which they are applied. Pours of one
    /// event come from one worker, in the order of their scenarios.
    pub fn sorted(batches: Vec<Self>) -> Vec<(Via, Pour)> {
        let mut batches = batches.into_iter().map(|batch| batch.pours);
        let mut all = batches.next().unwrap_or_default();
        all.extend(batches.flatten());
        all.sort_by(|(a_via, a), (b_via, b)| (a.order, a_via).cmp(&(b.order, b_via)));
        all
    }
}

/// What each worker gets of the pours.
fn shares(pours: Vec<(Via, Pour)>, workers: u64) -> Vec<Vec<(Via, Pour)>> {
    let mut shares: Vec<Vec<(Via, Pour)>> = (0..workers).map(|_| Vec::new()).collect();
    for (via, Pour { order, time, event, wants }) in pours {
        for want in wants {
            let worker = u64::from(want.hash.group()) % workers;
            let share = usize::try_from(worker).ok().and_then(|at| shares.get_mut(at));
            let Some(share) = share else { continue };
            match share.last_mut() {
                Some((last_via, last))
                    if last.order == order && *last_via == via && last.event == event =>
                {
                    last.wants.push(want);
                }
                _ => {
                    let event = event.clone();
                    share.push((via.clone(), Pour { order, time, event, wants: vec![want] }));
                }
            }
        }
    }
    shares
}
