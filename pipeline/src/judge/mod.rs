//! The judge: one thread that decides. What machines post and what this process found comes to it in
//! one queue; the `decide` fold judges the alerts, whatever waits is kept in one synced commit, and
//! only then is anything seen, answered or acknowledged. Ends by time are its too.
//!
//! ```text
//! api ── posts ──┐
//!                ├─▶ judge ─▶ one commit ─▶ view, outbox, answers, receipts
//! graph ─ found ─┘
//! ```

pub mod history;
pub mod outbox;
pub mod recent;

mod found;
mod posts;
mod sitting;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use api::allow::Allowlists;
use api::index::Index;
use api::intake::{Intake, IntakeError, Outcome, Pending, Post};
use arc_swap::ArcSwap;
use operators::lookup::Lookups;
use operators::profile::Decide;
use tokio::sync::oneshot;

use crate::detection::Detection;
use crate::live::aside::Aside;
use crate::live::keeper::{Commit, Keeper};
use crate::live::names::Names;
use crate::serve::ledger::Ledger;
use crate::serve::view::ViewFeed;
use crate::state::Store;
use outbox::Outbox;
use sitting::Sitting;

/// What may wait.
const MOST_WAITING: usize = 4_096;

type Answer = oneshot::Sender<Result<Outcome, IntakeError>>;

/// What comes to the judge.
#[derive(Debug)]
enum Work {
    /// A request.
    Post(Post, Answer),
    /// What this process found.
    Found(Box<Commit>),
    /// What an output refused, and who waits until it is kept.
    Aside(Vec<Aside>, SyncSender<()>),
    /// From now on these rules hold.
    Rules(Box<Detection>),
}

/// The way to the judge. It ends when all of them are gone.
#[derive(Clone, Debug)]
pub struct ToJudge {
    work: SyncSender<Work>,
    /// What is active, as long as it can be kept.
    index: Arc<Index>,
}

impl ToJudge {
    /// From here on alerts are judged by these profiles.
    pub fn rules(&self, detection: Detection) {
        // A judge that has ended judges nothing.
        let _ = self.work.send(Work::Rules(Box::new(detection)));
    }
}

impl ToJudge {
    /// Has something told to the outputs of what is set aside; waits until that is kept.
    pub fn set_aside(&self, aside: Vec<Aside>) {
        let (kept, is_kept) = sync_channel(1);
        if self.work.send(Work::Aside(aside, kept)).is_ok() {
            // Dropped, it is not kept: then nothing is any more.
            let _ = is_kept.recv();
        }
    }
}

impl Intake for ToJudge {
    fn submit(&self, post: Post) -> Pending<'_> {
        let (answer, answered) = oneshot::channel();
        let sent = self.work.try_send(Work::Post(post, answer));
        Box::pin(async move {
            match sent {
                Err(TrySendError::Full(_)) => Err(IntakeError::Full),
                Err(TrySendError::Disconnected(_)) => Err(IntakeError::NotReady),
                Ok(()) => answered.await.unwrap_or_else(|_| {
                    // Dropped without an answer, it was not kept: who is told so reads no more.
                    self.index.set_ready(false);
                    Err(IntakeError::Store)
                }),
            }
        })
    }
}

impl Keeper for ToJudge {
    fn keep(&self, commit: Commit) {
        // What cannot be handed over is dropped, and says so itself.
        let _ = self.work.send(Work::Found(Box::new(commit)));
    }
}

/// What the judge works with.
pub struct Judge {
    /// Where everything is kept.
    pub store: Arc<Store>,
    /// Gives numbers.
    pub ledger: Ledger,
    /// What is active.
    pub index: Arc<Index>,
    /// Where commits go.
    pub view: ViewFeed,
    /// The fold.
    pub decide: Decide,
    /// What profiles may ask.
    pub lookups: Arc<dyn Lookups>,
    /// Allowlists as everybody sees them.
    pub allow: Arc<ArcSwap<Allowlists>>,
    /// What goes out.
    pub outbox: Outbox,
    /// What was set aside and goes out.
    pub unparsed: Outbox,
    /// What source partitions are called.
    pub names: Arc<Names>,
    /// Who finds what this process finds.
    pub machine: Arc<str>,
    /// The clock. Unit: nanoseconds since the Unix epoch.
    pub now: fn() -> i64,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// Starts the judge. It ends when all ways to it are gone, or when the store fails.
///
/// # Errors
/// The thread cannot be started.
pub fn start(judge: Judge) -> std::io::Result<(ToJudge, std::thread::JoinHandle<()>)> {
    let (sender, receiver) = sync_channel(MOST_WAITING);
    let index = Arc::clone(&judge.index);
    let to_judge = ToJudge { work: sender, index: Arc::clone(&index) };
    let thread = std::thread::Builder::new().name("judge".to_owned()).spawn(move || {
        if let Err(error) = Sitting::new(judge).and_then(|mut sitting| sitting.run(&receiver)) {
            // Nothing may be answered from what might not be on disk.
            index.set_ready(false);
            let error = crate::report::chain(&error);
            tracing::error!(error, "the store fails: nothing is detected, the API answers 503");
        }
    })?;
    Ok((to_judge, thread))
}
