//! The end of the graph of a live run: gathers what epochs lead to until a seal, and hands all of it
//! to the keeper as one commit. Runs on the worker that reads.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::Sender;

use operators::alert::Alert;
use operators::bucket::change::Change;
use operators::order::operator::Demand;
use operators::order::{OrderKey, Partition};
use operators::parse::stash::Stashes;

use super::lanes::{Held, LaneRecord, Lanes};
use crate::graph::Out;

/// Everything between two seals: kept together or not at all.
#[derive(Debug)]
pub struct Commit {
    /// Number of the seal.
    pub seal: u64,
    /// The latest that was ordered.
    pub present: OrderKey,
    /// Lanes that moved, by key.
    pub lanes: Vec<(Box<str>, LaneRecord)>,
    /// Parse state that changed.
    pub stashes: Vec<(Partition, Stashes)>,
    /// Bucket state that changed.
    pub changes: Vec<Change>,
    /// Alerts with their decisions, in order.
    pub alerts: Vec<Alert>,
    /// What is given back afterwards.
    pub held: Vec<Held>,
}

/// Gathers until seals.
pub struct Sink {
    lanes: Rc<RefCell<Lanes>>,
    demand: Rc<RefCell<Demand>>,
    keeper: Sender<Commit>,
    alerts: Vec<Alert>,
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("alerts", &self.alerts.len()).finish_non_exhaustive()
    }
}

impl Sink {
    /// A sink that hands its commits to `keeper`.
    pub fn new(
        lanes: Rc<RefCell<Lanes>>,
        demand: Rc<RefCell<Demand>>,
        keeper: Sender<Commit>,
    ) -> Self {
        Self { lanes, demand, keeper, alerts: Vec::new() }
    }

    /// What one epoch led to. Every worker tells its changes in the epoch of a seal and in no other.
    pub fn epoch(&mut self, out: Vec<Out>) {
        let mut sealed = false;
        let mut changes = Vec::new();
        let first = self.alerts.len();
        for out in out {
            match out {
                Out::Alert(alert) => self.alerts.push(*alert),
                Out::Changes(more) => {
                    sealed = true;
                    changes.extend(more.entries);
                }
            }
        }
        if let Some(new) = self.alerts.get_mut(first..) {
            new.sort_by(Alert::in_order);
        }
        if sealed {
            self.commit(changes);
        }
    }

    fn commit(&mut self, changes: Vec<Change>) {
        let Some(seal) = self.demand.borrow_mut().seals.pop_front() else { return };
        let mut commit = Commit {
            seal: seal.number,
            present: seal.stand.present,
            lanes: Vec::new(),
            stashes: Vec::new(),
            changes,
            alerts: std::mem::take(&mut self.alerts),
            held: Vec::new(),
        };
        let mut lanes = self.lanes.borrow_mut();
        for standing in seal.stand.partitions {
            commit.stashes.extend(standing.stash.map(|stash| (standing.partition, stash)));
            if let Some((key, record, held)) = lanes.settle(standing.partition, standing.settled) {
                commit.lanes.push((key, record));
                commit.held.extend(held);
            }
        }
        // Without a keeper nothing is kept, and whoever ended it ends this run too.
        let _ = self.keeper.send(commit);
    }
}
