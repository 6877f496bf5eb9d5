//! The judge: one thread that takes what is posted, lets the `decide` fold judge it, keeps whatever
//! waits in one synced commit, and hands it to the view, in this order. Ends by time are its too.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use api::allow::{AllowChange, Allowlists};
use api::filter::{AlertFilter, DecisionFilter, Ending, Net};
use api::index::Index;
use api::intake::{Change, Intake, IntakeError, Outcome, Pending, Post, PostedAlert, RETRY};
use arc_swap::ArcSwap;
use operators::lookup::Lookups;
use operators::profile::{Decide, Verdict};
use tokio::sync::oneshot;

use super::ledger::{Commit, Judged, Ledger};
use super::view::{Reply, Step, ViewFeed};
use super::{allowlists, shelf};
use crate::state::{Batch, Family, Store, StoreError};

/// Posts that may wait.
const MOST_WAITING: usize = 4_096;
/// Posts that one commit takes.
const MOST_POSTS: usize = 512;
/// How often ends by time are looked for.
const TICK: Duration = Duration::from_secs(1);
/// Ends by time that one commit takes.
const MOST_ENDS: usize = 50_000;

type Answer = oneshot::Sender<Result<Outcome, IntakeError>>;

/// The way to the judge.
#[derive(Clone, Debug)]
pub struct ToJudge(SyncSender<(Post, Answer)>);

impl Intake for ToJudge {
    fn submit(&self, post: Post) -> Pending<'_> {
        let (answer, answered) = oneshot::channel();
        let sent = self.0.try_send((post, answer));
        Box::pin(async move {
            match sent {
                Err(TrySendError::Full(_)) => Err(IntakeError::Full),
                Err(TrySendError::Disconnected(_)) => Err(IntakeError::NotReady),
                // Dropped without an answer: it was not kept.
                Ok(()) => answered.await.unwrap_or(Err(IntakeError::Store)),
            }
        })
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
    let thread = std::thread::Builder::new().name("judge".to_owned()).spawn(move || {
        let index = Arc::clone(&judge.index);
        if let Err(error) = Sitting::new(judge).and_then(|mut sitting| sitting.run(&receiver)) {
            // Nothing may be answered from what might not be on disk.
            index.set_ready(false);
            tracing::error!(%error, "the store fails: the API answers 503");
        }
    })?;
    Ok((ToJudge(sender), thread))
}

/// The judge at work.
struct Sitting {
    judge: Judge,
    /// Active decisions by their end.
    due: BinaryHeap<Reverse<(i64, u64)>>,
    /// Posts of the last minutes: when they came, numbers of their alerts.
    answered: HashMap<[u8; 32], (i64, Vec<u64>)>,
    oldest_answer: i64,
}

/// A commit in the making, with those who wait for it.
struct Open<'a> {
    batch: Batch<'a>,
    commit: Commit,
    replies: Vec<Reply>,
    /// Decisions that end with it.
    ended: HashSet<u64>,
    /// Whether there is something to write.
    dirty: bool,
}

impl Open<'_> {
    fn end(&mut self, id: u64, at: i64) {
        if self.ended.insert(id) {
            self.commit.end(&mut self.batch, id, at);
            self.dirty = true;
        }
    }
}

impl Sitting {
    fn new(judge: Judge) -> Result<Self, StoreError> {
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
        Ok(Self { judge, due, answered, oldest_answer: i64::MIN })
    }

    fn run(&mut self, receiver: &Receiver<(Post, Answer)>) -> Result<(), StoreError> {
        loop {
            let first = match receiver.recv_timeout(TICK) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let more = std::iter::from_fn(|| receiver.try_recv().ok()).take(MOST_POSTS - 1);
            let posts: Vec<_> = first.into_iter().chain(more).collect();
            self.sit(posts)?;
        }
    }

    /// Judges posts and ends what is due.
    fn sit(&mut self, posts: Vec<(Post, Answer)>) -> Result<(), StoreError> {
        let store = Arc::clone(&self.judge.store);
        let mut open = self.open(&store);
        for (post, answer) in posts {
            let by_filter = !matches!(post.change, Change::Alerts { .. });
            if by_filter {
                // What came before must be visible to the filter.
                let seq = self.close(open)?;
                self.judge.view.wait_for(seq);
                open = self.open(&store);
            }
            let outcome = self.judge_one(post, &mut open)?;
            open.replies.push(Reply { to: answer, outcome });
        }
        self.end_due(&mut open);
        self.forget_answers(&mut open);
        self.close(open)?;
        Ok(())
    }

    fn open<'a>(&self, store: &'a Store) -> Open<'a> {
        let commit = self.judge.ledger.begin((self.judge.now)());
        Open {
            batch: store.batch(),
            commit,
            replies: Vec::new(),
            ended: HashSet::new(),
            dirty: false,
        }
    }

    /// Commits and hands on; gives the number of the last commit.
    fn close(&mut self, open: Open<'_>) -> Result<u64, StoreError> {
        let Open { mut batch, commit, replies, dirty, .. } = open;
        if !dirty && replies.is_empty() {
            return Ok(self.judge.ledger.counters().seq);
        }
        let seq = commit.seq();
        let feed = self.judge.ledger.finish(commit, &mut batch);
        self.judge.store.commit(batch)?;
        let begun = feed.begun.iter().map(|record| Reverse((record.until, record.id)));
        self.due.extend(begun);
        self.judge.view.send(Step { feed, replies });
        Ok(seq)
    }

    fn judge_one(&mut self, post: Post, open: &mut Open<'_>) -> Result<Outcome, StoreError> {
        let at = post.at;
        match post.change {
            Change::Alerts { machine, retry, alerts } => {
                Ok(self.alerts(at, (&machine, retry), alerts, open))
            }
            Change::EndDecisions(ending) => Ok(self.end_by_filter(&ending, at, open)),
            Change::EndDecision(id) => self.end_one(id, at, open),
            Change::RemoveAlert(id) => self.remove_alert(id, at, open),
            Change::RemoveAlerts(filter) => self.remove_alerts(&filter, at, open),
            Change::Allow(change) => Ok(self.allow(&change, at, open)),
        }
    }

    fn alerts(
        &mut self,
        at: i64,
        (machine, retry): (&Arc<str>, [u8; 32]),
        alerts: Vec<PostedAlert>,
        open: &mut Open<'_>,
    ) -> Outcome {
        if let Some((before, ids)) = self.answered.get(&retry)
            && at.saturating_sub(*before) < RETRY
        {
            return Outcome::Alerts(ids.clone());
        }
        let mut ids = Vec::with_capacity(alerts.len());
        for posted in alerts {
            let Some(judged) = self.judge_alert(posted, machine, at) else { continue };
            match open.commit.alert(&mut open.batch, judged) {
                Ok(id) => ids.push(id),
                Err(error) => tracing::error!(%error, "an alert cannot be written"),
            }
            open.dirty = true;
        }
        let value = (at, ids.clone());
        let bytes = serde_json::to_vec(&value).unwrap_or_default();
        open.batch.put(Family::Answered, &retry, &bytes);
        open.dirty = true;
        self.answered.insert(retry, value);
        Outcome::Alerts(ids)
    }

    /// The alert with what is decided; `None` where its source is on an allowlist.
    fn judge_alert(&mut self, posted: PostedAlert, machine: &Arc<str>, at: i64) -> Option<Judged> {
        let PostedAlert { mut alert, kind } = posted;
        let judge = &mut self.judge;
        if alert.decisions.is_empty() {
            let net = api::record::net_of(&alert.source.scope, &alert.source.value);
            if net.is_some_and(|net| judge.allow.load().covers(net, at)) {
                tracing::info!(source = &*alert.source.value, "the source of an alert is allowed");
                return None;
            }
            match judge.decide.decide(&mut alert, &*judge.lookups) {
                Verdict::Allowlisted(reason) => {
                    tracing::info!(source = &*alert.source.value, reason, "the source is allowed");
                    return None;
                }
                Verdict::Judged(judgement) => {
                    for error in judgement.errors {
                        tracing::warn!(scenario = &*alert.scenario, error, "a profile fails");
                    }
                }
            }
        } else {
            let made = alert.stop_at.at;
            judge.decide.remember(&alert.decisions, made);
        }
        Some(Judged { machine: Arc::clone(machine), kind, alert })
    }

    fn end_by_filter(&mut self, ending: &Ending, at: i64, open: &mut Open<'_>) -> Outcome {
        let snapshot = self.judge.index.current();
        let mut matching = snapshot.matching(&ending.as_filter(), at);
        matching.retain(|entry| entry.slot.until > at);
        if !ending.uuids.is_empty() {
            let named = |uuid: &[u8]| ending.uuids.iter().any(|one| one.as_bytes() == uuid);
            matching.retain(|entry| named(entry.uuid()));
        }
        let ended: Vec<(u64, u64)> =
            matching.iter().map(|entry| (entry.slot.id, entry.slot.alert)).collect();
        self.end_all(&ended, at, open);
        Outcome::Ended(ended.len() as u64)
    }

    /// Ends decisions: (number, number of its alert). A post that made one of them is no longer
    /// answered from memory: who repeats it wants it again.
    fn end_all(&mut self, ended: &[(u64, u64)], at: i64, open: &mut Open<'_>) {
        for (id, _) in ended {
            open.end(*id, at);
        }
        let mut alerts: Vec<u64> = ended.iter().map(|(_, alert)| *alert).collect();
        self.forget_posts(&mut alerts, open);
    }

    fn forget_posts(&mut self, alerts: &mut [u64], open: &mut Open<'_>) {
        if alerts.is_empty() {
            return;
        }
        alerts.sort_unstable();
        self.answered.retain(|key, (_, ids)| {
            let stays = !ids.iter().any(|id| alerts.binary_search(id).is_ok());
            if !stays {
                open.batch.delete(Family::Answered, key);
            }
            stays
        });
    }

    fn end_one(&mut self, id: u64, at: i64, open: &mut Open<'_>) -> Result<Outcome, StoreError> {
        let snapshot = self.judge.index.current();
        if let Some(entry) = snapshot.find(id).filter(|entry| entry.slot.until > at) {
            self.end_all(&[(id, entry.slot.alert)], at, open);
            return Ok(Outcome::Ended(1));
        }
        // CrowdSec counts one for a decision that is over, too.
        let kept = self.judge.store.get(Family::Decisions, &id.to_be_bytes())?;
        Ok(if kept.is_some() { Outcome::Ended(1) } else { Outcome::Unknown })
    }

    fn remove_alert(
        &mut self,
        id: u64,
        at: i64,
        open: &mut Open<'_>,
    ) -> Result<Outcome, StoreError> {
        let Some(kept) = shelf::kept(&self.judge.store, id)? else { return Ok(Outcome::Unknown) };
        self.remove(&[kept], at, open);
        Ok(Outcome::Removed(1))
    }

    fn remove_alerts(
        &mut self,
        filter: &AlertFilter,
        at: i64,
        open: &mut Open<'_>,
    ) -> Result<Outcome, StoreError> {
        let mut found = Vec::new();
        let (store, index) = (Arc::clone(&self.judge.store), Arc::clone(&self.judge.index));
        shelf::visit_alerts(&store, &index, filter, (true, at), &mut |kept| {
            if shelf::matches(filter, &kept, at) {
                found.push(kept);
            }
            std::ops::ControlFlow::Continue(())
        })?;
        self.remove(&found, at, open);
        Ok(Outcome::Removed(found.len() as u64))
    }

    fn remove(&mut self, found: &[api::archive::KeptAlert], at: i64, open: &mut Open<'_>) {
        let snapshot = self.judge.index.current();
        for kept in found {
            let active = kept.decisions.iter().filter(|record| snapshot.find(record.id).is_some());
            let ended: Vec<(u64, u64)> = active.map(|record| (record.id, kept.id)).collect();
            self.end_all(&ended, at, open);
            // Its places are those of its decisions too.
            let mut alert = kept.alert.clone();
            alert.decisions = kept.decisions.iter().map(as_decision).collect();
            open.commit.remove_alert(&mut open.batch, kept.id, &alert);
            open.dirty = true;
        }
        let mut alerts: Vec<u64> = found.iter().map(|kept| kept.id).collect();
        self.forget_posts(&mut alerts, open);
    }

    fn allow(&mut self, change: &AllowChange, at: i64, open: &mut Open<'_>) -> Outcome {
        let mut lists = (**self.judge.allow.load()).clone();
        let name = match lists.change(change, at) {
            Ok(name) => name,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        allowlists::put(&mut open.batch, &lists, &name);
        open.dirty = true;
        let ended = self.newly_allowed(change, at);
        self.end_all(&ended, at, open);
        self.judge.allow.store(Arc::new(lists));
        Outcome::Allowed(ended.len() as u64)
    }

    /// Active decisions that the change exempts.
    fn newly_allowed(&self, change: &AllowChange, at: i64) -> Vec<(u64, u64)> {
        let AllowChange::Add { items, .. } = change else { return Vec::new() };
        let snapshot = self.judge.index.current();
        let mut ended = Vec::new();
        let in_force = items.iter().filter(|item| item.expires.is_none_or(|expires| expires >= at));
        for net in in_force.filter_map(|item| Net::parse(&item.value).ok()) {
            for around in [true, false] {
                let simulated = true;
                let filter =
                    DecisionFilter { net: Some(net), around, simulated, ..Default::default() };
                let hit = snapshot.matching(&filter, at);
                ended.extend(hit.iter().map(|entry| (entry.slot.id, entry.slot.alert)));
            }
        }
        ended.sort_unstable();
        ended.dedup();
        ended
    }

    /// Ends by time.
    fn end_due(&mut self, open: &mut Open<'_>) {
        let now = (self.judge.now)();
        let is_due = |due: Option<&Reverse<(i64, u64)>>| due.is_some_and(|due| due.0.0 <= now);
        // What was committed must be visible, so that nothing ends twice.
        if !is_due(self.due.peek()) || !self.judge.view.wait_for(self.judge.ledger.counters().seq) {
            return;
        }
        let snapshot = self.judge.index.current();
        for _ in 0..MOST_ENDS {
            if !is_due(self.due.peek()) {
                break;
            }
            let Some(Reverse((until, id))) = self.due.pop() else { break };
            if snapshot.find(id).is_some() {
                open.end(id, until);
            }
        }
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

/// A decision as the fold made it, but for its duration, which is not kept.
pub(super) fn as_decision(record: &api::record::Record) -> operators::alert::Decision {
    operators::alert::Decision {
        id: record.hash,
        origin: Arc::clone(&record.origin),
        kind: Arc::clone(&record.kind),
        scope: Arc::clone(&record.scope),
        value: Arc::clone(&record.value),
        duration: "".into(),
        until: operators::time::EventTime(record.until),
        scenario: Arc::clone(&record.scenario),
        simulated: record.simulated,
    }
}
