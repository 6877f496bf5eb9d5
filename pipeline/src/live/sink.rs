//! The end of the graph of a live run: gathers what epochs lead to until a seal, and hands all of it
//! to the keeper as one commit. Runs on the worker that reads.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use connectors::crash;
use operators::alert::Alert;
use operators::bucket::change::Change;
use operators::order::operator::Demand;

use super::keeper::{Commit, Keeper, Progress, Waiting};
use super::lanes::Lanes;
use super::pace::wall;
use crate::graph::Out;

/// Gathers until seals.
pub struct Sink {
    lanes: Rc<RefCell<Lanes>>,
    demand: Rc<RefCell<Demand>>,
    keeper: Arc<dyn Keeper>,
    progress: Progress,
    #[expect(clippy::vec_box, reason = "as they come: they are large, and are sorted")]
    alerts: Vec<Box<Alert>>,
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
        keeper: Arc<dyn Keeper>,
        progress: Progress,
    ) -> Self {
        Self { lanes, demand, keeper, progress, alerts: Vec::new() }
    }

    /// What one epoch led to. Every worker tells its changes in the epoch of a seal and in no other.
    pub fn epoch(&mut self, out: Vec<Out>) {
        let mut sealed = false;
        let mut changes = Vec::new();
        let first = self.alerts.len();
        for out in out {
            match out {
                Out::Alert(alert) => self.alerts.push(alert),
                Out::Changes(more) => {
                    sealed = true;
                    changes.extend(more.entries);
                }
            }
        }
        if let Some(new) = self.alerts.get_mut(first..) {
            new.sort_by(|one, other| one.in_order(other));
        }
        if sealed {
            self.commit(changes);
        }
    }

    fn commit(&mut self, changes: Vec<Change>) {
        let (seal, late) = {
            let demand = &mut *self.demand.borrow_mut();
            let Some(seal) = demand.seals.pop_front() else { return };
            (seal, demand.late)
        };
        self.progress.insight.sealed(seal.counts, late, wall());
        let (mut moved, mut stashes) = (Vec::new(), Vec::new());
        let (mut held, mut aside) = (Vec::new(), Vec::new());
        let mut lanes = self.lanes.borrow_mut();
        for mut standing in seal.stand.partitions {
            stashes.extend(standing.stash.take().map(|stash| (standing.partition, stash)));
            if let Some(through) = lanes.settle(&standing) {
                moved.push((through.key, through.record));
                held.extend(through.held);
                aside.extend(through.aside);
            }
        }
        moved.extend(lanes.new_numbers());
        let present = seal.stand.present;
        let mut waiting = Waiting::new(seal.number, present.clock, held, self.progress.clone());
        waiting.moved(&moved);
        let alerts = std::mem::take(&mut self.alerts);
        crash::point("sink-sealed");
        self.keeper.keep(Commit {
            present,
            lanes: moved,
            stashes,
            changes,
            alerts,
            aside,
            waiting,
        });
    }
}
