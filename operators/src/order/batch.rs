//! What the order sends to the buckets of one worker in one epoch.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bucket::pour::Want;
use crate::bucket::{Overflowed, Pour, ScenarioId};
use crate::time::EventTime;

/// The overflow that a pour comes from, empty for a pour of a line: orders overflows that have one
/// cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Via(Option<(Arc<str>, Arc<str>, ScenarioId)>);

impl Via {
    /// This overflow: by name of the scenario and key of the bucket.
    pub fn new(overflowed: &Overflowed) -> Self {
        let Overflowed { scenario, key, overflow, .. } = overflowed;
        Self(Some((Arc::clone(&overflow.alert.scenario), (**key).into(), *scenario)))
    }

    /// Whether a line was poured.
    pub fn is_line(&self) -> bool {
        self.0.is_none()
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

/// The pours of an epoch, each with the worker that has its buckets.
#[derive(Debug)]
pub struct Deal {
    shares: Vec<Vec<(Via, Pour)>>,
    /// How many workers have buckets.
    among: usize,
}

impl Deal {
    /// For so many workers; at least one.
    pub fn new(workers: u64) -> Self {
        Self::among(workers, workers)
    }

    /// For so many workers, of which the first `among` have buckets; at least one.
    pub fn among(workers: u64, among: u64) -> Self {
        let shares: Vec<_> = (0..workers.max(1)).map(|_| Vec::new()).collect();
        let among = usize::try_from(among).map_or(shares.len(), |among| among.max(1));
        Self { among: among.min(shares.len()), shares }
    }

    /// Gives each worker what is for its buckets.
    pub fn push(&mut self, via: Via, pour: Pour) {
        let workers = self.among;
        let worker = |want: &Want| want.hash.group() as usize % workers;
        let Some(first) = pour.wants.first().map(worker) else { return };
        if pour.wants.iter().all(|want| worker(want) == first) {
            // Whole, as most are: what another thread wrote is not looked at here.
            if let Some(share) = self.shares.get_mut(first) {
                share.push((via, pour));
            }
            return;
        }
        let Pour { order, time, event, mut wants } = pour;
        for (at, share) in self.shares.iter_mut().enumerate() {
            let own;
            (own, wants) = wants.into_iter().partition(|want| worker(want) == at);
            if !own.is_empty() {
                share.push((via.clone(), Pour { order, time, event: event.clone(), wants: own }));
            }
        }
    }

    /// One batch per worker: every worker must hear of the clock.
    pub fn batches(self, clock: EventTime, seal: bool) -> impl Iterator<Item = Batch> {
        let shares = (0..).zip(self.shares);
        shares.map(move |(worker, pours)| Batch { worker, clock, seal, pours })
    }
}

impl Extend<(Via, Pour)> for Deal {
    fn extend<I: IntoIterator<Item = (Via, Pour)>>(&mut self, pours: I) {
        pours.into_iter().for_each(|(via, pour)| self.push(via, pour));
    }
}
