//! The judge at work: what waits is judged and kept in one commit, then handed on.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use api::intake::{Change, Post, RETRY};
use connectors::{TRACE, crash};
use tokio::sync::oneshot;

use super::history::Kept;
use super::{Judge, Work};
use crate::live::keeper;
use crate::serve::ledger::Commit;
use crate::serve::places;
use crate::serve::row::DecisionRow;
use crate::serve::view::{Reply, Step};
use crate::state::{Batch, Family, Store, StoreError};

/// What one commit takes.
const MOST_WORK: usize = 512;
/// What a commit finds room for because the last ones needed it. Unit: bytes.
const MOST_USUAL: usize = 32 << 20;
/// How often ends by time are looked for.
const TICK: Duration = Duration::from_secs(1);
/// Ends by time that one commit takes.
const MOST_ENDS: usize = 50_000;

/// The judge at work.
pub(super) struct Sitting {
    pub(super) judge: Judge,
    /// What was decided before.
    history: Kept,
    /// Active decisions by their end.
    due: BinaryHeap<Reverse<(i64, u64)>>,
    /// Posts of the last minutes: when they came, numbers of their alerts.
    pub(super) answered: HashMap<[u8; 32], (i64, Vec<u64>)>,
    oldest_answer: i64,
    /// What the last commits took, about. Unit: bytes.
    usual: usize,
}

/// A commit in the making, with those who wait for it.
pub(super) struct Open<'a> {
    pub(super) batch: Batch<'a>,
    pub(super) commit: Commit,
    replies: Vec<Reply>,
    /// Who waits for what was set aside.
    aside: Vec<SyncSender<()>>,
    /// What of this process waits to be kept.
    pub(super) waiting: Vec<keeper::Waiting>,
    /// Decisions that end with it.
    ended: HashSet<u64>,
    /// Whether there is something to write.
    pub(super) dirty: bool,
}

impl Open<'_> {
    /// Ends an active decision; `false` where it ends with this commit already.
    fn end(&mut self, id: u64, at: i64) -> bool {
        let first = self.ended.insert(id);
        if first {
            self.commit.end(&mut self.batch, id, at);
            self.dirty = true;
        }
        first
    }
}

/// What decisions that are posted take in the store, about: a long list is to find room at once.
/// Unit: bytes.
fn about(work: &[Work]) -> usize {
    let posted = work.iter().filter_map(|work| match work {
        Work::Post(Post { change: Change::Alerts { alerts, .. }, .. }, _) => Some(alerts),
        _ => None,
    });
    let decisions = posted.flatten().map(|posted| posted.alert.decisions.len()).sum::<usize>();
    decisions * (DecisionRow::ABOUT + places::ABOUT)
}

impl Sitting {
    pub(super) fn new(mut judge: Judge) -> Result<Self, StoreError> {
        let history = Kept::new(Arc::clone(&judge.store));
        judge.decide.recall(Box::new(history.clone()));
        judge.view.wait_for(judge.ledger.counters().seq);
        let snapshot = judge.index.current();
        let due = snapshot.entries().map(|entry| Reverse((entry.slot.until, entry.slot.id)));
        let due = due.collect();
        let mut answered = HashMap::new();
        for entry in judge.store.scan(Family::Answered, &[]) {
            let (key, bytes) = entry?;
            if let (Ok(key), Ok(value)) = (key.as_ref().try_into(), serde_json::from_slice(&bytes))
            {
                answered.insert(key, value);
            }
        }
        Ok(Self { judge, history, due, answered, oldest_answer: i64::MIN, usual: 0 })
    }

    pub(super) fn run(&mut self, receiver: &Receiver<Work>) -> Result<(), StoreError> {
        loop {
            let first = match receiver.recv_timeout(TICK) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let more = std::iter::from_fn(|| receiver.try_recv().ok()).take(MOST_WORK - 1);
            let work: Vec<_> = first.into_iter().chain(more).collect();
            self.sit(work)?;
        }
    }

    /// Does what waits and ends what is due.
    fn sit(&mut self, work: Vec<Work>) -> Result<(), StoreError> {
        let store = Arc::clone(&self.judge.store);
        let mut open = self.open(&store, about(&work));
        for work in work {
            match work {
                Work::Post(post, answer) => {
                    if !matches!(post.change, Change::Alerts { .. }) {
                        // What came before must be visible to the filter.
                        let seq = self.close(open)?;
                        self.judge.view.wait_for(seq);
                        open = self.open(&store, 0);
                    }
                    let outcome = self.judge_one(post, &mut open)?;
                    open.replies.push(Reply { to: answer, outcome });
                }
                Work::Aside(aside, kept) => {
                    self.judge.unparsed.aside(&mut open.batch, aside);
                    open.aside.push(kept);
                    open.dirty = true;
                }
                Work::Found(commit) => self.found(*commit, &mut open),
                Work::Rules(detection) => {
                    self.judge.lookups = Arc::clone(&detection.lookups);
                    self.judge.decide = detection.decide();
                    self.judge.decide.recall(Box::new(self.history.clone()));
                }
            }
        }
        self.end_due(&mut open)?;
        self.forget_answers(&mut open);
        self.close(open)?;
        Ok(())
    }

    /// Begins a commit that takes about so many bytes.
    fn open<'a>(&self, store: &'a Store, bytes: usize) -> Open<'a> {
        let commit = self.judge.ledger.begin((self.judge.now)());
        Open {
            batch: store.batch_for(bytes.max(self.usual)),
            commit,
            replies: Vec::new(),
            aside: Vec::new(),
            waiting: Vec::new(),
            ended: HashSet::new(),
            dirty: false,
        }
    }

    /// Commits and hands on; gives the number of the last commit.
    fn close(&mut self, open: Open<'_>) -> Result<u64, StoreError> {
        let Open { mut batch, commit, replies, aside, waiting, dirty, .. } = open;
        if !dirty && replies.is_empty() {
            return Ok(self.judge.ledger.counters().seq);
        }
        let seq = commit.seq();
        let (feed, rows) = self.judge.ledger.finish(commit, &mut batch);
        self.judge.outbox.write(&mut batch);
        self.judge.unparsed.write(&mut batch);
        let begun = feed.begun.iter().map(|(_, record)| Reverse((record.until, record.id)));
        self.due.extend(begun);
        // The view works on it while it is written.
        let (keeping, kept) = oneshot::channel();
        self.judge.view.send(Step { feed, replies, kept });
        rows.write(&mut batch);
        self.usual = batch.size().min(MOST_USUAL).max(self.usual - self.usual / 8);
        crash::point("judge-ready");
        let (epochs, parent) = (waiting.len(), waiting.first().and_then(|one| one.epoch().id()));
        let span = tracing::info_span!(target: TRACE, parent: parent, "commit", seq, epochs);
        span.in_scope(|| self.judge.store.commit(batch))?;
        crash::point("judge-committed");
        self.history.flushed();
        // The view may have ended.
        let _ = keeping.send(());
        crash::point("judge-shown");
        for waiting in waiting {
            self.judge.store.forget_before(waiting.clock());
            waiting.kept();
            crash::point("judge-acknowledged");
        }
        for aside in aside {
            // Who waited may have been stopped.
            let _ = aside.send(());
        }
        self.judge.outbox.tell();
        self.judge.unparsed.tell();
        crash::point("judge-told");
        Ok(seq)
    }

    /// Ends an active decision.
    pub(super) fn end(&mut self, id: u64, at: i64, open: &mut Open<'_>) -> Result<(), StoreError> {
        match open.end(id, at) {
            true => self.judge.outbox.ended(&mut open.batch, &self.judge.store, id),
            false => Ok(()),
        }
    }

    /// Ends by time.
    fn end_due(&mut self, open: &mut Open<'_>) -> Result<(), StoreError> {
        let now = (self.judge.now)();
        let is_due = |due: Option<&Reverse<(i64, u64)>>| due.is_some_and(|due| due.0.0 <= now);
        // What was committed must be visible, so that nothing ends twice.
        if !is_due(self.due.peek()) || !self.judge.view.wait_for(self.judge.ledger.counters().seq) {
            return Ok(());
        }
        let snapshot = self.judge.index.current();
        for _ in 0..MOST_ENDS {
            if !is_due(self.due.peek()) {
                break;
            }
            let Some(Reverse((until, id))) = self.due.pop() else { break };
            if snapshot.find(id).is_some() {
                self.end(id, until, open)?;
            }
        }
        Ok(())
    }

    /// Posts that came long ago are new when they come again.
    fn forget_answers(&mut self, open: &mut Open<'_>) {
        let now = (self.judge.now)();
        if now.saturating_sub(self.oldest_answer) < RETRY / 10 {
            return;
        }
        self.oldest_answer = now;
        self.answered.retain(|key, (at, _)| {
            let stays = now.saturating_sub(*at) < RETRY;
            if !stays {
                open.batch.delete(Family::Answered, key);
                open.dirty = true;
            }
            stays
        });
    }
}
