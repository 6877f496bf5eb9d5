//! The active view, run: a timely worker on a thread of its own takes what commits say, steps the
//! dataflow while they are written, publishes the index once they are on disk, and then answers those
//! who wait.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use api::index::removals::Keep;
use api::index::{Index, Update, Writer};
use api::intake::{IntakeError, Outcome};
use operators::view::View;
use timely::worker::Worker;
use tokio::sync::oneshot;

use super::ledger::Feed;
use super::load::{self, Loaded};
use crate::state::{Store, StoreError};

/// Commits that may wait for the view.
const MOST_WAITING: usize = 64;

/// An answer that waits until its change is visible.
#[derive(Debug)]
pub struct Reply {
    /// Who waits.
    pub to: oneshot::Sender<Result<Outcome, IntakeError>>,
    /// The answer.
    pub outcome: Outcome,
}

/// A commit on its way into the view.
#[derive(Debug)]
pub struct Step {
    /// What it means.
    pub feed: Feed,
    /// Who waits for it.
    pub replies: Vec<Reply>,
    /// Comes once it is on disk. Until then it is worked on, and nobody sees it; where it never
    /// comes, nobody ever does, and the view ends.
    pub kept: oneshot::Receiver<()>,
}

/// The way into the view.
#[derive(Clone, Debug)]
pub struct ViewFeed {
    sender: SyncSender<Step>,
    applied: Applied,
}

/// The last commit that is visible; `None` once the view has ended.
type Applied = Arc<(Mutex<Option<u64>>, Condvar)>;

impl ViewFeed {
    /// Hands a commit on, which is on its way to disk; waits while too many are under way. `false`
    /// where the view is no more.
    pub fn send(&self, step: Step) -> bool {
        self.sender.send(step).is_ok()
    }

    /// Waits until a commit is visible. `false` where the view ended before.
    pub fn wait_for(&self, seq: u64) -> bool {
        let (applied, changed) = &*self.applied;
        let at = applied.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |at: &mut Option<u64>| at.is_some_and(|at| at < seq);
        let at = changed.wait_while(at, waiting).unwrap_or_else(PoisonError::into_inner);
        at.is_some()
    }
}

/// Starts the view: loads what the store holds, then takes what comes. The index answers from then
/// on, until the view ends.
///
/// # Errors
/// The thread cannot be started.
pub fn start(
    store: Arc<Store>,
    index: Arc<Index>,
    keep: Keep,
    now: fn() -> i64,
) -> std::io::Result<(ViewFeed, std::thread::JoinHandle<()>)> {
    let (sender, receiver) = sync_channel(MOST_WAITING);
    let applied: Applied = Arc::new((Mutex::new(Some(0)), Condvar::new()));
    let feed = ViewFeed { sender, applied: Arc::clone(&applied) };
    let thread = std::thread::Builder::new().name("view".to_owned()).spawn(move || {
        // Whatever ends the thread, nobody waits for it any more, and nothing is answered.
        let _ending = Ending { applied: Arc::clone(&applied), index: Arc::clone(&index) };
        let receiver = Mutex::new(receiver);
        timely::execute_directly(move |worker| {
            let receiver = receiver.into_inner().unwrap_or_else(PoisonError::into_inner);
            let view = View::new(worker);
            let writer = Writer::new(Arc::clone(&index), keep);
            let mut running = Running { view, writer, applied };
            if let Err(error) = running.load(worker, &store, keep, now) {
                tracing::error!(%error, "the decisions cannot be loaded: the API answers 503");
                return;
            }
            index.set_ready(true);
            running.run(worker, &receiver);
        });
    })?;
    Ok((feed, thread))
}

struct Ending {
    applied: Applied,
    index: Arc<Index>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.index.set_ready(false);
        let (applied, changed) = &*self.applied;
        *applied.lock().unwrap_or_else(PoisonError::into_inner) = None;
        changed.notify_all();
    }
}

struct Running {
    view: View,
    writer: Writer,
    applied: Applied,
}

impl Running {
    /// Three at once: one reads and decodes, one says who is the longest, one builds the index.
    fn load(
        &mut self,
        worker: &mut Worker,
        store: &Store,
        keep: Keep,
        now: fn() -> i64,
    ) -> Result<(), StoreError> {
        let begun = std::time::Instant::now();
        let now = now();
        let Self { view, writer, .. } = self;
        let (to_view, chunks) = sync_channel::<Loaded>(1);
        let (to_writer, updates) = sync_channel::<Update>(1);
        let counts = std::thread::scope(|scope| {
            let reading = scope.spawn(move || {
                load::each(store, now, keep, &mut |loaded| {
                    // Nobody takes it where the others have failed.
                    let _ = to_view.send(loaded);
                })
            });
            let writing = scope.spawn(move || {
                for update in updates {
                    writer.prepare(&update);
                }
            });
            for loaded in chunks {
                if to_writer.send(stepped(view, worker, loaded, now)).is_err() {
                    break;
                }
            }
            drop(to_writer);
            match (writing.join(), reading.join()) {
                (Ok(()), Ok(counts)) => counts,
                (Err(panic), _) | (_, Err(panic)) => std::panic::resume_unwind(panic),
            }
        })?;
        self.writer.begin_at(counts.floor);
        self.writer.publish();
        self.note(counts.seq);
        let (decisions, ms) = (counts.decisions, begun.elapsed().as_millis());
        tracing::info!(decisions, ms, "the decisions are loaded");
        Ok(())
    }

    fn prepare(&mut self, worker: &mut Worker, feed: Feed) {
        let Feed { seq, now, begun, ended } = feed;
        let mut loaded = Loaded { seq, ..Loaded::default() };
        loaded.events.reserve(begun.len() + ended.len());
        for (_, record) in &begun {
            loaded.contends(seq, record);
        }
        loaded.begun = begun;
        for (id, at) in ended {
            let begun = &loaded.begun;
            let place = begun.binary_search_by_key(&id, |(_, record)| record.id);
            let contender = match place.ok().and_then(|place| begun.get(place)) {
                Some((_, record)) => (!record.simulated).then(|| (record.key(), record.until)),
                None => self.writer.contender(id),
            };
            loaded.end((seq, id, at), contender);
        }
        self.writer.prepare(&stepped(&mut self.view, worker, loaded, now));
    }

    fn run(&mut self, worker: &mut Worker, receiver: &Receiver<Step>) {
        while let Ok(step) = receiver.recv() {
            let Step { feed, replies, kept } = step;
            let (seq, changes) = (feed.seq, !feed.is_empty());
            if changes {
                self.prepare(worker, feed);
            }
            if kept.blocking_recv().is_err() {
                return;
            }
            if changes {
                self.writer.publish();
            }
            self.note(seq);
            for reply in replies {
                // Who asked may be gone.
                let _ = reply.to.send(Ok(reply.outcome));
            }
        }
    }

    fn note(&self, seq: u64) {
        let (applied, changed) = &*self.applied;
        *applied.lock().unwrap_or_else(PoisonError::into_inner) = Some(seq);
        changed.notify_all();
    }
}

/// Steps the view; what comes of it for the index.
fn stepped(view: &mut View, worker: &mut Worker, loaded: Loaded, now: i64) -> Update {
    let turns = view.step(worker, &loaded.events, loaded.seq);
    let entering = turns.iter().filter(|turn| turn.enters).count();
    let mut entered = Vec::with_capacity(entering);
    let mut left = Vec::with_capacity(turns.len() - entering);
    for turn in turns {
        let to = if turn.enters { &mut entered } else { &mut left };
        to.push((turn.seq, turn.id));
    }
    Update { seq: loaded.seq, now, added: loaded.begun, ended: loaded.ended, entered, left }
}
