//! What a live run hands over to be kept: commits, in their order. What comes out of the service, and
//! what is acknowledged to it, follows from their being kept and never goes before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use connectors::TRACE;
use operators::alert::Alert;
use operators::bucket::change::Change;
use operators::parse::stash::Stashes;
use operators::place::{OrderKey, Partition};
use operators::time::EventTime;
use tracing::Span;
use tracing::field::Empty;

use super::aside::Aside;
use super::command::{Command, Commanded};
use super::insight::{Found, Insight};
use super::lane::Held;
use super::lanes::LaneRecord;
use super::pace::wall;
use super::wake::Waking;

/// Who keeps commits.
///
/// # Contract
/// * A commit is kept whole or not at all, after all that came before it; then
///   [`Waiting::kept`] is called.
/// * After one that could not be kept none is: the others are dropped.
/// * A run has few commits under way ([`super::pace::Pace::ahead`]): `keep` may wait for room.
pub trait Keeper: std::fmt::Debug + Send + Sync {
    /// Takes a commit.
    fn keep(&self, commit: Commit);
}

/// Everything between two seals.
#[derive(Debug)]
pub struct Commit {
    /// The latest that was ordered.
    pub present: OrderKey,
    /// Lanes that moved, by key.
    pub lanes: Vec<(Box<str>, LaneRecord)>,
    /// Parse state that changed.
    pub stashes: Vec<(Partition, Stashes)>,
    /// Bucket state that changed.
    pub changes: Vec<Change>,
    /// Alerts that nobody has judged yet, in order.
    pub alerts: Vec<Box<Alert>>,
    /// What led to nothing and is to be told.
    pub aside: Vec<Aside>,
    /// Who waits for it.
    pub waiting: Waiting,
}

/// Those who wait until a commit is kept. Dropped before, it tells the run that it never will be.
#[derive(Debug)]
pub struct Waiting {
    seal: u64,
    clock: EventTime,
    held: Vec<Held>,
    progress: Progress,
    kept: bool,
    begun: Instant,
    /// From the seal until it is kept.
    epoch: Span,
    /// Clocks of the lanes that moved.
    clocks: Vec<(Partition, EventTime)>,
    found: Vec<Found>,
}

impl Waiting {
    /// Those who wait for a seal whose latest time is `clock`.
    pub(super) fn new(seal: u64, clock: EventTime, held: Vec<Held>, progress: Progress) -> Self {
        let (begun, clocks, found) = (Instant::now(), Vec::new(), Vec::new());
        let (lanes, alerts) = (Empty, Empty);
        let epoch = tracing::info_span!(target: TRACE, "epoch", seal, lanes, alerts);
        Self { seal, clock, held, progress, kept: false, begun, epoch, clocks, found }
    }

    /// How far lanes are, for those who look.
    pub(super) fn moved(&mut self, lanes: &[(Box<str>, LaneRecord)]) {
        let clock = |(_, lane): &(_, LaneRecord)| {
            lane.clock.map(|clock| (Partition(lane.number), EventTime(clock)))
        };
        self.clocks.extend(lanes.iter().filter_map(clock));
    }

    /// An alert was judged, for those who look.
    pub fn found(&mut self, alert: &Alert) {
        self.found.push(Found::new(alert));
    }

    /// The latest time that was ordered before the seal.
    pub fn clock(&self) -> EventTime {
        self.clock
    }

    /// What it is in traces.
    pub fn epoch(&self) -> &Span {
        &self.epoch
    }

    /// Says that the commit is kept.
    pub fn kept(mut self) {
        self.kept = true;
        self.epoch.record("lanes", self.clocks.len()).record("alerts", self.found.len());
        for held in self.held.drain(..) {
            if let Some(receipt) = held.receipt {
                receipt.kept();
            }
        }
        let (insight, took) = (&self.progress.insight, self.begun.elapsed());
        insight.kept(&self.found, &self.clocks, took, wall());
        self.progress.kept.store(self.seal, Ordering::Release);
        self.progress.waking.ring();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.kept {
            self.progress.failed.store(true, Ordering::Release);
            self.progress.commanded.say(Command::Finish);
            self.progress.waking.ring();
        }
    }
}

/// How far a run has come. Clones are the same run's.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// What to do next.
    pub commanded: Commanded,
    /// Rings at the worker that reads.
    pub waking: Waking,
    /// Number of the last seal that was ordered.
    pub sealed: Arc<AtomicU64>,
    /// Number of the last seal that is kept.
    pub kept: Arc<AtomicU64>,
    /// Whether a commit could not be kept.
    pub failed: Arc<AtomicBool>,
    /// What it shows of itself.
    pub insight: Insight,
}
