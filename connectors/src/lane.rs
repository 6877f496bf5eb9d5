//! Between sources and the pipeline: lanes. A lane is one ordered sequence of lines (a file, a topic
//! partition, a listener): a *source partition* of the order. What a source sends on a lane waits in
//! the [`Inbox`] and counts against the lane's window until it is kept, so that memory is bounded and
//! a source that can wait waits.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tracing::Instrument;

use crate::TRACE;
use crate::position::Position;
use crate::record::{Chunk, Reject};
use crate::stop::Stop;

/// Number of a source: its place among the sources of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A lane of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId {
    /// Whose lane it is.
    pub source: SourceId,
    /// In the order of opening.
    pub number: u32,
}

/// What `evt.Line` shows of a line besides its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Where it came from: a path, a topic, an address, …
    pub source: Arc<str>,
    /// Labels beyond those that the acquisition gives to every line.
    pub labels: Arc<BTreeMap<Arc<str>, Arc<str>>>,
    /// Name of the source's module, as CrowdSec calls it.
    pub module: &'static str,
}

/// Successive lines of a lane, with all that is needed to come back to them.
#[derive(Debug)]
pub struct Delivery {
    /// The lines. Their offsets are places in the lane: unique, rising, the same whenever the same
    /// line is read again. Unit: whatever the source counts (bytes, offsets, a running number).
    pub chunk: Chunk,
    /// Where lines come from, each once.
    pub origins: Vec<Arc<Origin>>,
    /// Place in `origins` by line; empty where all lines have the first.
    pub origin_of: Vec<u16>,
    /// When each line was written, as the transport says; empty where it does not. Unit: nanoseconds
    /// since 1970.
    pub times: Vec<i64>,
    /// Where reading begins again for all of these lines.
    pub from: Position,
    /// Where reading goes on behind them.
    pub to: Position,
    /// Who wants to know that these lines are kept.
    pub receipt: Option<Receipt>,
}

impl Delivery {
    /// Lines of one origin that nobody waits for.
    pub fn new(chunk: Chunk, origin: Arc<Origin>, from: Position, to: Position) -> Self {
        let (origin_of, times) = (Vec::new(), Vec::new());
        Self { chunk, origins: vec![origin], origin_of, times, from, to, receipt: None }
    }
}

/// Told once, when what it came with is in the store. Dropped untold if the service ends before.
pub struct Receipt(Box<dyn FnOnce() + Send>);

impl Receipt {
    /// Calls `told`, on a thread that must not be kept waiting.
    pub fn new(told: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(told))
    }

    /// Tells.
    pub fn kept(self) {
        (self.0)();
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt")
    }
}

/// What reaches the pipeline. Arrivals of one lane come in the order of sending.
#[derive(Debug)]
pub enum Arrival {
    /// A lane begins.
    Opened {
        /// The lane.
        lane: LaneId,
        /// What it is called, the same after every restart.
        name: Arc<str>,
    },
    /// Lines.
    Delivered {
        /// The lane.
        lane: LaneId,
        /// The lines.
        delivery: Delivery,
        /// When they were handed over. Unit: nanoseconds since 1970.
        arrived: i64,
        /// Drop it when they need no memory any more.
        permit: Permit,
    },
    /// Every lane that is there at the start of a source has been opened.
    Ready(SourceId),
    /// Whether everything that is there has been sent.
    CaughtUp(LaneId, bool),
    /// Nothing more will come on this lane.
    Closed(LaneId),
}

/// Room in a lane's window, given back when dropped.
#[derive(Debug)]
pub struct Permit {
    window: Arc<Window>,
    bytes: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.window.used.fetch_sub(self.bytes, Ordering::AcqRel);
        self.window.room.notify_waiters();
    }
}

#[derive(Debug)]
struct Window {
    used: AtomicUsize,
    size: AtomicUsize,
    room: Arc<Notify>,
}

impl Window {
    fn has_room(&self) -> bool {
        self.used.load(Ordering::Acquire) < self.size.load(Ordering::Relaxed)
    }

    /// Takes room where any is left: one delivery may overshoot.
    fn take(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        let size = self.size.load(Ordering::Relaxed);
        let take = |used: usize| (used < size).then(|| used.saturating_add(bytes));
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).ok()?;
        Some(Permit { window: Arc::clone(self), bytes })
    }
}

/// What wakes the pipeline.
type Waker = Arc<dyn Fn() + Send + Sync>;

/// The receiving end of all lanes of all sources.
pub struct Inbox {
    arrivals: Receiver<Arrival>,
    sender: Sender<Arrival>,
    waker: Waker,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl Inbox {
    /// An inbox; `waker` is called whenever something arrives, on any thread.
    pub fn new(waker: impl Fn() + Send + Sync + 'static) -> Self {
        let (sender, arrivals) = channel();
        Self { arrivals, sender, waker: Arc::new(waker) }
    }

    /// The sending end for a source, which waits for room until `stop`.
    pub fn outlet(&self, source: SourceId, stop: Stop) -> Outlet {
        Outlet {
            source,
            stop,
            sender: self.sender.clone(),
            waker: Arc::clone(&self.waker),
            lanes: Arc::default(),
            room: Arc::default(),
        }
    }

    /// What arrived next, if anything did.
    pub fn try_next(&self) -> Option<Arrival> {
        // The inbox holds a sender itself, so the channel is never closed.
        self.arrivals.try_recv().ok()
    }
}

/// Where a source sends its lines. Clones are the same outlet.
#[derive(Clone)]
pub struct Outlet {
    source: SourceId,
    stop: Stop,
    sender: Sender<Arrival>,
    waker: Waker,
    lanes: Arc<AtomicU32>,
    room: Arc<Notify>,
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Outlet {
    /// Opens a lane. `name` must stay the same from run to run and be unique within the source; at
    /// most `window` bytes and one delivery of it wait to be kept.
    pub fn lane(&self, name: &str, window: usize) -> Lane {
        let number = self.lanes.fetch_add(1, Ordering::Relaxed);
        let id = LaneId { source: self.source, number };
        let name: Arc<str> = name.into();
        let room = Arc::clone(&self.room);
        let (used, size) = (AtomicUsize::new(0), AtomicUsize::new(window.max(1)));
        let window = Arc::new(Window { used, size, room });
        self.send(Arrival::Opened { lane: id, name: Arc::clone(&name) });
        Lane { id, name, window, outlet: self.clone() }
    }

    /// Says that every lane that is there now has been opened. The order begins when all sources have
    /// said so, so that the first lines do not depend on who starts faster.
    pub fn ready(&self) {
        self.send(Arrival::Ready(self.source));
    }

    /// Resolves when a lane of this outlet may have room again. Ask before looking at the lanes,
    /// wait after, so that no change between the two is missed.
    pub fn room(&self) -> impl Future<Output = ()> + '_ {
        self.room.notified()
    }

    /// Gone is the pipeline only when the service ends: then nothing matters any more.
    fn send(&self, arrival: Arrival) {
        if self.sender.send(arrival).is_ok() {
            (self.waker)();
        }
    }
}

/// The source was stopped before there was room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

/// The sending end of a lane. Dropping it closes nothing: [`Lane::close`] does.
#[derive(Debug)]
pub struct Lane {
    id: LaneId,
    name: Arc<str>,
    window: Arc<Window>,
    outlet: Outlet,
}

impl Lane {
    /// What it is called.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Changes how much may wait to be kept: a source with many lanes shares its memory among those
    /// that have something to send. What waits already is not affected.
    pub fn resize(&self, window: usize) {
        self.window.size.store(window.max(1), Ordering::Relaxed);
    }

    /// Whether a delivery would be taken now.
    pub fn has_room(&self) -> bool {
        self.window.has_room()
    }

    /// Sends, waiting for room.
    ///
    /// # Errors
    /// The source was stopped; the delivery is gone, its receipt untold.
    pub async fn send(&self, delivery: Delivery) -> Result<(), Stopped> {
        let (lane, lines) = (&*self.name, delivery.chunk.lines.len());
        let span = tracing::info_span!(target: TRACE, "delivery", lane, lines);
        self.sent(delivery).instrument(span).await
    }

    async fn sent(&self, delivery: Delivery) -> Result<(), Stopped> {
        let bytes = size(&delivery);
        loop {
            let room = self.outlet.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if let Some(permit) = self.window.take(bytes) {
                self.hand_over(delivery, permit);
                return Ok(());
            }
            tokio::select! {
                () = room => {}
                () = self.outlet.stop.wait() => return Err(Stopped),
            }
        }
    }

    /// Sends, keeping a thread that is no task of `runtime` waiting for room.
    ///
    /// # Errors
    /// As [`Lane::send`].
    pub fn send_blocking(&self, delivery: Delivery, runtime: &Handle) -> Result<(), Stopped> {
        runtime.block_on(self.send(delivery))
    }

    /// Sends if there is room; else the delivery comes back.
    ///
    /// # Errors
    /// There is no room.
    #[expect(clippy::result_large_err, reason = "the delivery goes back as it came")]
    pub fn try_send(&self, delivery: Delivery) -> Result<(), Delivery> {
        match self.window.take(size(&delivery)) {
            Some(permit) => {
                self.hand_over(delivery, permit);
                Ok(())
            }
            None => Err(delivery),
        }
    }

    /// Says whether everything that is there has been sent. The order waits for a lane that is
    /// behind; for one that has caught up it waits `hold`.
    pub fn caught_up(&self, caught_up: bool) {
        self.outlet.send(Arrival::CaughtUp(self.id, caught_up));
    }

    /// Nothing more will come on this lane in this run.
    pub fn close(self) {
        self.outlet.send(Arrival::Closed(self.id));
    }

    fn hand_over(&self, delivery: Delivery, permit: Permit) {
        let arrived = now();
        self.outlet.send(Arrival::Delivered { lane: self.id, delivery, arrived, permit });
    }
}

/// What a delivery counts for. A line has a price of its own, so that empty ones are not free.
fn size(delivery: &Delivery) -> usize {
    let chunk = &delivery.chunk;
    let rejected: usize = chunk.rejects.iter().map(Reject::size).sum();
    chunk.text.len() + 32 * chunk.lines.len() + rejected
}

/// Unit: nanoseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(text: &str) -> Delivery {
        let chunk = Chunk { text: text.into(), ..Chunk::default() };
        let origin = Origin { source: "s".into(), labels: Arc::default(), module: "file" };
        let here = Position::new(&0);
        Delivery::new(chunk, Arc::new(origin), here.clone(), here)
    }

    #[test]
    fn a_full_window_refuses_until_what_is_in_it_is_kept() {
        let inbox = Inbox::new(|| {});
        let lane = inbox.outlet(SourceId(0), Stop::new()).lane("a", 10);
        assert!(lane.try_send(delivery("12345678")).is_ok());
        assert!(lane.try_send(delivery("12345678")).is_ok(), "one may overshoot");
        assert!(lane.try_send(delivery("1")).is_err());
        assert!(matches!(inbox.try_next(), Some(Arrival::Opened { .. })));
        let first = inbox.try_next();
        assert!(matches!(first, Some(Arrival::Delivered { .. })));
        drop(first);
        assert!(lane.try_send(delivery("1")).is_ok());
    }

    #[test]
    fn a_window_can_be_made_larger_and_smaller() {
        let inbox = Inbox::new(|| {});
        let lane = inbox.outlet(SourceId(0), Stop::new()).lane("a", 1);
        lane.try_send(delivery("12345678")).unwrap();
        assert!(lane.try_send(delivery("1")).is_err());
        lane.resize(100);
        lane.try_send(delivery("1")).unwrap();
        lane.resize(5);
        assert!(!lane.has_room());
    }

    #[tokio::test]
    async fn who_waits_for_room_is_woken() {
        let inbox = Inbox::new(|| {});
        let lane = inbox.outlet(SourceId(0), Stop::new()).lane("a", 1);
        lane.send(delivery("12345678")).await.unwrap();
        let waiting = tokio::spawn(async move { lane.send(delivery("1")).await });
        tokio::task::yield_now().await;
        while let Some(arrival) = inbox.try_next() {
            drop(arrival);
        }
        waiting.await.unwrap().unwrap();
        assert!(matches!(inbox.try_next(), Some(Arrival::Delivered { .. })));
    }

    #[tokio::test]
    async fn who_waits_for_room_ends_with_the_source() {
        let inbox = Inbox::new(|| {});
        let stop = Stop::new();
        let lane = inbox.outlet(SourceId(0), stop.clone()).lane("a", 1);
        lane.send(delivery("12345678")).await.unwrap();
        stop.now();
        assert_eq!(lane.send(delivery("1")).await, Err(Stopped));
    }

    #[test]
    fn arrivals_of_a_lane_keep_their_order() {
        let inbox = Inbox::new(|| {});
        let outlet = inbox.outlet(SourceId(3), Stop::new());
        let lane = outlet.lane("a", 100);
        outlet.ready();
        lane.try_send(delivery("x")).unwrap();
        lane.caught_up(true);
        lane.close();
        let names: Vec<_> = std::iter::from_fn(|| inbox.try_next())
            .map(|arrival| match arrival {
                Arrival::Opened { lane, .. } => ("opened", lane.source.0),
                Arrival::Delivered { lane, .. } => ("delivered", lane.source.0),
                Arrival::Ready(source) => ("ready", source.0),
                Arrival::CaughtUp(lane, _) => ("caught up", lane.source.0),
                Arrival::Closed(lane) => ("closed", lane.source.0),
            })
            .collect();
        let expected = ["opened", "ready", "delivered", "caught up", "closed"];
        assert_eq!(names, expected.map(|name| (name, 3)));
    }
}
