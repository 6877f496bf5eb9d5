//! Keeps commits: one synced batch each, in their order, on a thread of its own. What comes out of
//! the service, and what is acknowledged to it, follows from here and never goes before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use operators::bucket::change::Subject;
use operators::order::Partition;

use super::names::Names;
use super::record;
use super::sink::Commit;
use crate::emit;
use crate::state::{Batch, Family, Store, StoreError};

/// What is told when a commit is kept.
pub struct Told {
    /// Number of the last seal that is kept.
    pub kept: Arc<AtomicU64>,
    /// Called after each commit with the sequence that the next message will have.
    pub after: Box<dyn FnMut(u64) + Send>,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Told").field("kept", &self.kept).finish_non_exhaustive()
    }
}

/// Keeps what the sink hands over.
#[derive(Debug)]
pub struct Keeper {
    store: Arc<Store>,
    names: Arc<Names>,
    machine: Arc<str>,
    /// Sequence of the next message.
    next: u64,
    told: Told,
}

impl Keeper {
    /// A keeper that goes on with the outbox as the store has it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn new(
        store: Arc<Store>,
        names: Arc<Names>,
        machine: Arc<str>,
        told: Told,
    ) -> Result<Self, StoreError> {
        let next = record::next_message(&store)?;
        Ok(Self { store, names, machine, next, told })
    }

    /// Keeps until there is nothing more to come.
    ///
    /// # Errors
    /// A commit could not be written. It and all that follow are not kept; nothing of them came out.
    pub fn run(mut self, commits: &Receiver<Commit>) -> Result<(), StoreError> {
        while let Ok(commit) = commits.recv() {
            self.keep(commit)?;
        }
        Ok(())
    }

    fn keep(&mut self, commit: Commit) -> Result<(), StoreError> {
        let mut batch = self.store.batch();
        let next = fill(&mut batch, &commit, self.next, (&self.names, &self.machine));
        self.store.commit(batch)?;
        self.next = next;
        self.store.forget_before(commit.present.clock);
        for held in commit.held {
            if let Some(receipt) = held.receipt {
                receipt.kept();
            }
        }
        self.told.kept.store(commit.seal, Ordering::Release);
        (self.told.after)(next);
        Ok(())
    }
}

/// Writes a commit into a batch; the sequence of the message after its last.
fn fill(
    batch: &mut Batch<'_>,
    commit: &Commit,
    mut next: u64,
    (names, machine): (&Names, &str),
) -> u64 {
    record::put_present(batch, commit.present);
    for (key, lane) in &commit.lanes {
        record::put_lane(batch, key, lane);
    }
    for (partition, stash) in &commit.stashes {
        record::put_stash(batch, *partition, stash);
    }
    for change in &commit.changes {
        let family = match change.subject {
            Subject::Bucket => Family::Buckets,
            Subject::Blackhole => Family::Blackholes,
            Subject::Deadline => Family::Deadlines,
        };
        match &change.value {
            Some(value) => batch.put(family, &change.key, value),
            None => batch.delete(family, &change.key),
        }
    }
    let file = |partition: Partition| names.get(partition).unwrap_or_else(|| Arc::from(""));
    for alert in &commit.alerts {
        for message in emit::messages(alert, machine, &file) {
            record::put_message(batch, next, &message);
            next += 1;
        }
    }
    if !commit.alerts.is_empty() {
        record::put_next_message(batch, next);
    }
    next
}
