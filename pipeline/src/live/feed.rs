//! The source of a live run: what sources deliver becomes blocks of lines for the parsers; what the
//! clock says becomes wishes to the order. Runs on the worker that reads and waits for nothing.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use connectors::health::State;
use connectors::{Arrival, Delivery, Inbox, LaneId, SourceId};
use operators::epoch::Epoch;
use operators::order::operator::{Demand, Wish};
use operators::parse::lines::Lines;
use operators::place::Partition;
use operators::time::EventTime;

use super::command::Command;
use super::keeper::Progress;
use super::lanes::Lanes;
use super::pace::{MARKER_EVERY, Pace, left, wall};
use super::sources::is_fine;
use super::wake::Waking;

/// How long lines that were read may take at the end, besides what they are held.
const DRAIN: Duration = Duration::from_millis(500);

/// Blocks that a worker may have before it has parsed one.
const BLOCKS_PER_WORKER: u64 = 4;
/// Who looks so much later than meant was stopped: nobody was heard meanwhile.
const OVERSLEPT: Duration = Duration::from_secs(1);
/// While so many lines are parsed and wait for those of another lane, only that one is read.
const MOST_WAITING: usize = 4_096;

/// What the feed shares with others.
pub struct FeedParts {
    /// What arrives.
    pub inbox: Rc<Inbox>,
    /// The lanes.
    pub lanes: Rc<RefCell<Lanes>>,
    /// What the order says and is told.
    pub demand: Rc<RefCell<Demand>>,
    /// Times.
    pub pace: Pace,
    /// What it is told, and how far it is.
    pub progress: Progress,
    /// Sources that have not opened their first lanes.
    pub starting: BTreeSet<SourceId>,
    /// How a source is.
    pub state: Box<dyn Fn(SourceId) -> Option<State>>,
}

impl std::fmt::Debug for FeedParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedParts").field("pace", &self.pace).finish_non_exhaustive()
    }
}

/// The source of one generation of a live run.
pub struct Feed {
    parts: FeedParts,
    workers: u64,
    /// Blocks given to each worker.
    given: Vec<u64>,
    began: Instant,
    /// Whether anything was given to the order since the last seal.
    fed: bool,
    sealed: Instant,
    marked: Instant,
    /// When the order began to want what it wants.
    wanted: Option<(Partition, Instant)>,
    /// When it is to look again.
    due: Option<Instant>,
    /// Since when it looks in time: sources may have been kept from speaking, too, before.
    awake: Instant,
    /// When it was told to drain.
    draining: Option<Instant>,
    finished: bool,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("fed", &self.fed).finish_non_exhaustive()
    }
}

/// What the feed wants after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// To be woken when something arrives, or after so long.
    Sleep(Option<Duration>),
    /// Nothing any more.
    Ended,
}

impl Feed {
    /// A feed for so many workers. Lanes that an earlier generation had are opened again, as they
    /// stand; stashes are given with [`Wish::Open`] by the caller.
    pub fn new(parts: FeedParts, workers: u64) -> Self {
        let now = Instant::now();
        let given = (0..workers).map(|_| 0).collect();
        Self {
            parts,
            workers,
            given,
            began: now,
            fed: false,
            sealed: now,
            marked: now,
            wanted: None,
            due: None,
            awake: now,
            draining: None,
            finished: false,
        }
    }

    /// Rings where it is to look again.
    pub fn waking(&self) -> &Waking {
        &self.parts.progress.waking
    }

    /// The epoch that new blocks belong to.
    pub fn epoch(&self) -> Epoch {
        self.parts.demand.borrow().epoch
    }

    /// Looks at everything once; blocks go to `give`.
    pub fn turn(&mut self, mut give: impl FnMut(Lines)) -> Turn {
        if self.finished {
            return Turn::Ended;
        }
        let now = Instant::now();
        if self.due.is_some_and(|due| now.saturating_duration_since(due) > OVERSLEPT) {
            self.awake = now;
        }
        self.receive();
        let begun = self.begun(now);
        let mut wake = Wake::default();
        if begun {
            self.send(now, &mut give);
            wake.after(self.parts.lanes.borrow().next_budget(now));
            self.go_on_without(now, &mut wake);
            self.let_time_pass(now, &mut wake);
        } else {
            wake.after(left(self.parts.pace.patience, self.began, now));
        }
        match self.parts.progress.commanded.get() {
            Command::Go => self.seal_in_time(now, &mut wake),
            Command::Drain if !self.drained(now) => self.seal_in_time(now, &mut wake),
            Command::Drain | Command::Finish => return self.finish(),
        }
        self.due = wake.0.map(|after| now + after);
        Turn::Sleep(wake.0)
    }

    fn receive(&mut self) {
        let lanes = Rc::clone(&self.parts.lanes);
        let mut lanes = lanes.borrow_mut();
        let mut opened = false;
        while let Some(arrival) = self.parts.inbox.try_next() {
            match arrival {
                Arrival::Opened { lane, name } => {
                    if let Some((number, fresh)) = lanes.open(lane, &name, wall()) {
                        opened = true;
                        let mut demand = self.parts.demand.borrow_mut();
                        demand.idle.remove(&number);
                        if let Some(settled) = fresh {
                            demand.wishes.push(Wish::Open(number, settled, None));
                        }
                    }
                }
                Arrival::Delivered { lane, delivery, arrived, permit } => {
                    self.show_rejects(&lanes, lane, (&delivery, arrived));
                    if let Some(number) = lanes.deliver(lane, delivery, (arrived, permit)) {
                        self.parts.demand.borrow_mut().idle.remove(&number);
                    }
                }
                Arrival::Ready(source) => {
                    self.parts.starting.remove(&source);
                    self.parts.demand.borrow_mut().idle.extend(lanes.absent(source));
                }
                Arrival::CaughtUp(lane, caught_up) => {
                    lanes.caught_up(lane, caught_up, wall());
                }
                Arrival::Closed(lane) => {
                    lanes.close(lane);
                }
            }
        }
        if opened {
            lanes.show_names();
        }
    }

    /// What is not read is there to be looked at.
    fn show_rejects(&self, lanes: &Lanes, lane: LaneId, (delivery, arrived): (&Delivery, i64)) {
        let rejects = &delivery.chunk.rejects;
        if let Some(number) = lanes.number(lane).filter(|_| !rejects.is_empty()) {
            self.parts.progress.insight.rejected(number, rejects, EventTime(arrived));
        }
    }

    /// Whether the order may begin: every source has opened its first lanes, or had time to.
    fn begun(&self, now: Instant) -> bool {
        let lanes = self.parts.lanes.borrow();
        let is_held = |source: &SourceId| lanes.hold_of(*source).is_some();
        self.parts.starting.is_empty()
            || left(self.parts.pace.patience, self.began, now).is_none()
                && self.parts.starting.iter().all(is_held)
    }

    fn send(&mut self, now: Instant, give: &mut impl FnMut(Lines)) {
        let mut lanes = self.parts.lanes.borrow_mut();
        let (wanted, waiting) = {
            let demand = self.parts.demand.borrow();
            (demand.wanted, demand.waiting)
        };
        while let Some(worker) = self.free_worker() {
            let lines = match wanted.filter(|_| waiting >= MOST_WAITING) {
                Some(wanted) => lanes.next_of(wanted, now),
                None => lanes.next(wanted, now),
            };
            let Some(mut lines) = lines else { break };
            lines.worker = worker;
            if let Some(given) = usize::try_from(worker).ok().and_then(|at| self.given.get_mut(at))
            {
                *given += 1;
            }
            self.fed = true;
            give(lines);
        }
    }

    /// The worker with the fewest blocks, if it may have one more; of equals the last, for the first
    /// also orders.
    fn free_worker(&self) -> Option<u64> {
        let demand = self.parts.demand.borrow();
        let busy = |(worker, given): (u64, &u64)| {
            let done = usize::try_from(worker).ok().and_then(|at| demand.done.get(at));
            (given - done.copied().unwrap_or(0), u64::MAX - worker)
        };
        let (least, worker) = (0..self.workers).zip(&self.given).map(busy).min()?;
        (least < BLOCKS_PER_WORKER).then_some(u64::MAX - worker)
    }

    /// Lets the order go on without a lane that has had nothing to say for long enough. That is counted
    /// from when it spoke last, not from when it is wanted: lanes are wanted one after the other, and
    /// many silent ones must not take longer than one.
    fn go_on_without(&mut self, now: Instant, wake: &mut Wake) {
        let mut demand = self.parts.demand.borrow_mut();
        let Some(wanted) = demand.wanted else {
            self.wanted = None;
            return;
        };
        if demand.idle.contains(&wanted) {
            return;
        }
        let since = match self.wanted {
            Some((known, since)) if known == wanted => since,
            _ => {
                self.wanted = Some((wanted, now));
                now
            }
        };
        let lanes = self.parts.lanes.borrow();
        let Some(silence) = lanes.silence(wanted, demand.wanted_taken) else { return };
        let waits = match (silence.closed, lanes.hold(wanted)) {
            (true, _) => None,
            (false, None) => return,
            (false, Some(hold)) if silence.caught_up => {
                left(hold, silence.since.max(self.awake), now)
            }
            (false, Some(hold)) => {
                // What is behind is waited for as long as it comes nearer. One that has spoken, and
                // can, may have had no room to say more before it was wanted.
                let since = match (self.parts.state)(silence.source) {
                    Some(State::Retrying { since, .. }) => since,
                    _ if silence.has_spoken => since,
                    _ => silence.since,
                };
                let patience = self.parts.pace.patience.max(hold);
                left(patience, silence.since.max(since), now)
            }
        };
        if waits.is_some() {
            return wake.after(waits);
        }
        demand.idle.insert(wanted);
        demand.order.iter().for_each(timely::scheduling::Activator::activate);
        self.fed = true;
    }

    /// While every lane is read to its end, time goes on by the clock of the host.
    fn let_time_pass(&mut self, now: Instant, wake: &mut Wake) {
        let Some(hold) = self.parts.pace.hold else { return };
        let mut demand = self.parts.demand.borrow_mut();
        if demand.wanted.is_some() || !self.parts.lanes.borrow().all_caught_up() {
            return;
        }
        if let Some(left) = left(MARKER_EVERY, self.marked, now) {
            return wake.after(Some(left));
        }
        let sources = self.parts.lanes.borrow().sources();
        let is_fine = |source| (self.parts.state)(source).is_some_and(|state| is_fine(&state));
        if !sources.into_iter().all(is_fine) {
            return wake.after(Some(MARKER_EVERY));
        }
        self.marked = now;
        let hold = i64::try_from(hold.as_nanos()).unwrap_or(i64::MAX);
        let time = EventTime(wall().0.saturating_sub(hold));
        if demand.clock.is_none_or(|clock| clock < time) {
            demand.wishes.push(Wish::Advance(time));
            demand.order.iter().for_each(timely::scheduling::Activator::activate);
            self.fed = true;
        }
        wake.after(Some(MARKER_EVERY));
    }

    fn seal_in_time(&mut self, now: Instant, wake: &mut Wake) {
        if !self.fed {
            return;
        }
        let Pace { epoch, ahead, .. } = self.parts.pace;
        let epoch = if self.parts.lanes.borrow().has_more() { epoch * 5 / 2 } else { epoch };
        if let Some(left) = left(epoch, self.sealed, now) {
            return wake.after(Some(left));
        }
        // What keeps them wakes this again.
        let sealed = self.parts.progress.sealed.load(Ordering::Acquire);
        if sealed - self.parts.progress.kept.load(Ordering::Acquire) < ahead {
            self.seal_now();
            self.sealed = now;
        }
    }

    fn seal_now(&mut self) {
        let number = self.parts.progress.sealed.fetch_add(1, Ordering::AcqRel) + 1;
        let mut demand = self.parts.demand.borrow_mut();
        // What is still being parsed comes behind this seal.
        self.fed = self.given.iter().sum::<u64>() > demand.done.iter().sum();
        demand.wishes.push(Wish::Seal(number));
        demand.order.iter().for_each(timely::scheduling::Activator::activate);
    }

    /// Whether what was read is through, or had time to be.
    fn drained(&mut self, now: Instant) -> bool {
        let Some(hold) = self.parts.pace.hold else { return true };
        let since = *self.draining.get_or_insert(now);
        let time = hold * 2 + DRAIN;
        !self.parts.lanes.borrow().waits() || left(time, since, now).is_none()
    }

    fn finish(&mut self) -> Turn {
        self.seal_now();
        self.parts.demand.borrow_mut().wishes.push(Wish::Finish);
        self.finished = true;
        Turn::Ended
    }
}

/// The soonest time to look again.
#[derive(Debug, Default)]
struct Wake(Option<Duration>);

impl Wake {
    fn after(&mut self, time: Option<Duration>) {
        self.0 = match (self.0, time) {
            (Some(known), Some(time)) => Some(known.min(time)),
            (known, time) => known.or(time),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connectors::{Chunk, Origin, Position, Span, Stop};

    use super::super::lanes::tests::lanes;
    use super::*;

    /// Of two lanes that both have lines, the partitions that are sent while so many wait for `b`.
    fn sent(waiting: usize) -> Vec<Partition> {
        let inbox = Rc::new(Inbox::new(|| {}));
        let outlet = inbox.outlet(SourceId(0), Stop::new());
        let opened = ["a", "b"].map(|name| outlet.lane(name, 1 << 20));
        for lane in &opened {
            let lines = vec![Span { start: 0, end: 1, offset: 0 }];
            let chunk = Chunk { text: "x".into(), lines, ..Chunk::default() };
            let origin = Origin { source: "s".into(), labels: Arc::default(), module: "x" };
            let (from, to) = (Position::new(&0), Position::new(&1));
            lane.try_send(Delivery::new(chunk, Arc::new(origin), from, to)).unwrap();
        }
        let wanted = Some(Partition(1));
        let demand = Rc::new(RefCell::new(Demand { wanted, waiting, ..Demand::default() }));
        let parts = FeedParts {
            inbox,
            lanes: Rc::new(RefCell::new(lanes(None))),
            demand,
            pace: Pace { hold: None, ..Pace::default() },
            progress: Progress::default(),
            starting: BTreeSet::new(),
            state: Box::new(|_| None),
        };
        let mut sent = Vec::new();
        Feed::new(parts, 1).turn(|lines| sent.push(lines.partition));
        sent
    }

    /// What waits is in memory: a lane that has much must not fill it because another is slow.
    #[test]
    fn while_much_waits_for_a_lane_no_other_is_read() {
        assert_eq!(sent(MOST_WAITING - 1), [Partition(1), Partition(0)]);
        assert_eq!(sent(MOST_WAITING), [Partition(1)]);
    }
}
