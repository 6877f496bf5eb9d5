//! What can wait a second: when somebody was last seen, the audit log, and forgetting what is old.
//! One thread does it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use api::accounts::Accounts;
use api::archive::Audit;

use super::census::AlertCensus;
use super::{accounts, flush, silence};
use crate::state::{Family, Store, StoreError};

/// Lines of the audit log that may wait.
const MOST_WAITING: usize = 10_000;
/// How often what changed is kept.
const PACE: Duration = Duration::from_secs(1);
/// Every so many paces old things are forgotten.
const FLUSH: u32 = 60;

/// The way to the chores.
#[derive(Clone, Debug)]
pub struct Chores(SyncSender<Audit>);

impl Chores {
    /// Takes a line of the audit log.
    pub fn audit(&self, line: Audit) {
        let Audit { who, ip, what, outcome, .. } = &line;
        tracing::info!(target: "audit", who, ip, what, outcome, "changed");
        if self.0.try_send(line).is_err() {
            tracing::error!("the audit log does not keep up: a line stands in this log alone");
        }
    }
}

/// What the chores work with.
#[derive(Debug)]
pub struct Work {
    /// Where everything is kept.
    pub store: Arc<Store>,
    /// Who was seen.
    pub accounts: Arc<Accounts>,
    /// Alerts by scenario.
    pub census: AlertCensus,
    /// What is forgotten when.
    pub retention: flush::Retention,
    /// The clock. Unit: nanoseconds since the Unix epoch.
    pub now: fn() -> i64,
}

impl Work {
    fn forget(&self) -> Result<(), StoreError> {
        let now = (self.now)();
        flush::flush((&self.store, &self.census), self.retention, now)?;
        silence::remove(&self.store, &self.accounts, self.retention.silence, now)?;
        Ok(())
    }
}

/// The way to the chores, and their end of it.
pub fn channel() -> (Chores, Receiver<Audit>) {
    let (sender, receiver) = sync_channel(MOST_WAITING);
    (Chores(sender), receiver)
}

/// Starts the chores. They end, with everything kept, when all ways to them are gone.
///
/// # Errors
/// The thread cannot be started.
pub fn start(
    work: Work,
    receiver: Receiver<Audit>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("chores".to_owned()).spawn(move || {
        let mut paces = 0_u32;
        let mut line = 0_u32;
        loop {
            let (lines, ended) = gather(&receiver);
            if let Err(error) = keep(&work, &lines, &mut line) {
                tracing::error!(%error, "who was seen and who changed what is not kept");
            }
            if ended {
                return;
            }
            paces = paces.wrapping_add(1);
            if paces.is_multiple_of(FLUSH)
                && let Err(error) = work.forget()
            {
                tracing::error!(%error, "what is old is not forgotten");
            }
        }
    })
}

/// Lines of one pace, and whether no more will come.
fn gather(receiver: &Receiver<Audit>) -> (Vec<Audit>, bool) {
    let begun = std::time::Instant::now();
    let mut lines = Vec::new();
    loop {
        let left = PACE.saturating_sub(begun.elapsed());
        match receiver.recv_timeout(left) {
            Ok(line) => lines.push(line),
            Err(RecvTimeoutError::Timeout) => return (lines, false),
            Err(RecvTimeoutError::Disconnected) => return (lines, true),
        }
    }
}

fn keep(work: &Work, lines: &[Audit], number: &mut u32) -> Result<(), StoreError> {
    let mut batch = work.store.batch();
    for line in lines {
        *number = number.wrapping_add(1);
        let mut key = line.at.to_be_bytes().to_vec();
        key.extend_from_slice(&number.to_be_bytes());
        batch.put(Family::Audit, &key, &serde_json::to_vec(line).unwrap_or_default());
    }
    for row in work.accounts.take_unsaved() {
        if let Err(error) = accounts::put(&mut batch, &row) {
            tracing::error!(%error, "an account cannot be written");
        }
    }
    if batch.is_empty() {
        return Ok(());
    }
    work.store.commit(batch)
}
