//! Messages of all peers of a listener become deliveries of its lane: numbered in the order in which
//! they come, up to 256 KiB or 20 ms together. Several tasks add; the lane takes one delivery after
//! the other.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::header::{self, Arrival};
use super::session::Session;
use crate::lane::{Delivery, Lane, Origin, Outlet, Receipt};
use crate::metric::{Meter, Reason};
use crate::position::Position;
use crate::record::{Chunk, Reject, Span};
use crate::rfc3339;
use crate::source::Resume;
use crate::stop::Stop;

/// How much text a delivery holds about. Unit: bytes.
const BATCH: usize = 256 << 10;
/// How long a message waits for others.
const WAIT: Duration = Duration::from_millis(20);
/// Different peers of a delivery.
const PEERS: usize = 60_000;
/// How long a time of arrival is good enough for lines that have none. Unit: nanoseconds.
const TICK: i64 = 1_000_000;

/// The position of a listener's lane: nothing can be read again, but numbers go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    next: u64,
}

/// Who sends.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    address: IpAddr,
    origin: Arc<Origin>,
}

impl Peer {
    pub(super) fn new(address: IpAddr) -> Self {
        let source = address.to_string().into();
        let origin = Origin { source, labels: Arc::default(), module: super::MODULE };
        Self { address, origin: Arc::new(origin) }
    }
}

/// The collector of a listener.
#[derive(Debug)]
pub(super) struct Collector {
    state: Mutex<State>,
    /// Whether a delivery waits for room in the lane.
    full: AtomicBool,
    begun: Notify,
    freed: Notify,
    outlet: Outlet,
    meter: Meter,
}

#[derive(Debug)]
struct State {
    lane: Lane,
    raw: bool,
    next: u64,
    position: Position,
    text: String,
    lines: Vec<Span>,
    rejects: Vec<Reject>,
    /// What `rejects` take. Unit: bytes.
    rejected: usize,
    origins: Vec<Arc<Origin>>,
    origin_of: Vec<u16>,
    known: BTreeMap<IpAddr, u16>,
    last: Option<(IpAddr, u16)>,
    repaired: u32,
    acknowledge: Vec<(Arc<Session>, u32)>,
    waiting: Option<Delivery>,
    now: i64,
    now_text: String,
}

impl Collector {
    /// The collector of a lane, which goes on where it was.
    pub(super) fn new(
        lane: Lane,
        resume: Option<&Resume>,
        raw: bool,
        outlet: Outlet,
        meter: Meter,
    ) -> Self {
        let kept = resume.map_or(0, |resume| {
            let place = resume.position.read::<Place>();
            place.map_or(0, |place| place.next).max(resume.next_offset)
        });
        lane.caught_up(true);
        let state = State {
            lane,
            raw,
            next: kept,
            position: Position::new(&Place { next: kept }),
            text: String::new(),
            lines: Vec::new(),
            rejects: Vec::new(),
            rejected: 0,
            origins: Vec::new(),
            origin_of: Vec::new(),
            known: BTreeMap::new(),
            last: None,
            repaired: 0,
            acknowledge: Vec::new(),
            waiting: None,
            now: 0,
            now_text: String::new(),
        };
        let (begun, freed) = (Notify::new(), Notify::new());
        Self { state: Mutex::new(state), full: AtomicBool::new(false), begun, freed, outlet, meter }
    }

    /// Lets a peer add messages.
    pub(super) fn add(&self, peer: &Peer, add: impl FnOnce(&mut Adding<'_>)) {
        let mut state = self.lock();
        let was_empty = state.is_empty();
        if state.origins.len() >= PEERS && state.waiting.is_none() {
            state.send(&self.meter);
        }
        state.look_at_the_clock();
        let origin = state.origin(peer);
        add(&mut Adding { state: &mut state, collector: self, origin, peer });
        if was_empty && !state.is_empty() {
            self.begun.notify_one();
        }
        self.full.store(state.waiting.is_some(), Ordering::Release);
    }

    /// Whether peers must wait.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Waits until messages can be added.
    pub(super) async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            if !self.is_full() {
                return;
            }
            freed.await;
        }
    }

    /// Sends what waits in time, until stopped, and then what is left.
    pub(super) async fn flush(&self, stop: Stop) {
        loop {
            tokio::select! {
                () = self.begun.notified() => {}
                () = stop.wait() => break,
            }
            tokio::time::sleep(WAIT).await;
            loop {
                let room = self.outlet.room();
                if self.send() {
                    break;
                }
                tokio::select! {
                    () = room => {}
                    () = stop.wait() => return,
                }
            }
            self.freed.notify_waiters();
        }
        self.send();
    }

    /// Sends as far as there is room; whether nothing is left.
    fn send(&self) -> bool {
        let mut state = self.lock();
        let all = state.send(&self.meter);
        self.full.store(!all, Ordering::Release);
        all
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The messages of one peer, being added.
#[derive(Debug)]
pub(super) struct Adding<'a> {
    state: &'a mut State,
    collector: &'a Collector,
    origin: u16,
    peer: &'a Peer,
}

impl Adding<'_> {
    /// Adds a message. What it ends in, a line end or NULs, does not belong to it.
    pub(super) fn message(&mut self, message: &[u8]) {
        let end = message.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0));
        let Some(message) = end.and_then(|end| message.get(..=end)) else { return };
        let state = &mut *self.state;
        state.begin();
        let start = match str::from_utf8(message) {
            Ok(message) => state.write(message, &self.peer.origin.source),
            Err(_) => {
                state.repaired += 1;
                state.write(&String::from_utf8_lossy(message), &self.peer.origin.source)
            }
        };
        let (start, end) = (position(start), position(state.text.len()));
        state.lines.push(Span { start, end, offset: state.next });
        state.origin_of.push(self.origin);
        state.next += 1;
        self.send_if_full();
    }

    /// Adds a message that `session` is told of by its number when it is kept.
    pub(super) fn message_of(&mut self, session: &Arc<Session>, number: u32, message: &[u8]) {
        // Before the message: it may complete the batch, and must be told of with it.
        self.state.acknowledge.push((Arc::clone(session), number));
        self.message(message);
    }

    /// Sets aside what is not read, by its beginning and its length; counted with the delivery.
    pub(super) fn reject(&mut self, reason: Reason, beginning: &[u8], bytes: usize) {
        let state = &mut *self.state;
        state.begin();
        let reject = Reject::new(state.next, reason, beginning, bytes);
        state.rejected += reject.size();
        state.rejects.push(reject);
        state.next += 1;
        self.send_if_full();
    }

    /// The same, of which `session` is told by its number when it is kept.
    pub(super) fn reject_of(
        &mut self,
        session: &Arc<Session>,
        number: u32,
        (reason, beginning, bytes): (Reason, &[u8], usize),
    ) {
        self.state.acknowledge.push((Arc::clone(session), number));
        self.reject(reason, beginning, bytes);
    }

    fn send_if_full(&mut self) {
        let state = &mut *self.state;
        if state.text.len() + state.rejected >= BATCH && state.waiting.is_none() {
            state.send(&self.collector.meter);
            self.origin = state.origin(self.peer);
        }
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.holds_nothing() && self.waiting.is_none()
    }

    /// Whether there is nothing for the next delivery.
    fn holds_nothing(&self) -> bool {
        self.lines.is_empty() && self.rejects.is_empty() && self.acknowledge.is_empty()
    }

    /// Something is added.
    fn begin(&mut self) {
        if self.lines.is_empty() && self.rejects.is_empty() && self.waiting.is_none() {
            self.lane.caught_up(false);
        }
    }

    /// Adds a message and the line that is made of it; where that begins. A line that the message ends
    /// with stands there once: [`crate::record::raw`].
    fn write(&mut self, message: &str, peer: &str) -> usize {
        let Self { text, now_text, .. } = self;
        text.push_str(message);
        let end = text.len();
        if self.raw {
            return end - header::without_priority(message).len();
        }
        text.push('\n');
        let start = text.len();
        header::write(message, Arrival { peer, time: now_text }, text);
        let line = text.get(start..).unwrap_or_default();
        match message.strip_suffix(line) {
            Some(before) if !before.ends_with('\n') => {
                let start = end - line.len();
                text.truncate(end);
                start
            }
            _ => start,
        }
    }

    /// The number of a peer in the batch.
    fn origin(&mut self, peer: &Peer) -> u16 {
        if let Some((address, number)) = self.last
            && address == peer.address
        {
            return number;
        }
        if self.origins.len() >= PEERS {
            // Without room for a delivery nobody adds; what is added at the edge is of the last one.
            return u16::try_from(self.origins.len() - 1).unwrap_or(0);
        }
        let Self { origins, known, .. } = self;
        let number = *known.entry(peer.address).or_insert_with(|| {
            origins.push(Arc::clone(&peer.origin));
            u16::try_from(origins.len() - 1).unwrap_or(0)
        });
        self.last = Some((peer.address, number));
        number
    }

    fn look_at_the_clock(&mut self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX) / TICK * TICK;
        if now != self.now {
            self.now = now;
            self.now_text.clear();
            // Writing to a text cannot fail.
            let _ = rfc3339::write(now, &mut self.now_text);
        }
    }

    /// Sends what waits, as far as there is room; whether nothing is left.
    fn send(&mut self, meter: &Meter) -> bool {
        if let Some(delivery) = self.waiting.take()
            && let Err(delivery) = self.lane.try_send(delivery)
        {
            self.waiting = Some(delivery);
            return false;
        }
        if !self.holds_nothing() {
            let delivery = self.delivery(meter);
            if let Err(delivery) = self.lane.try_send(delivery) {
                self.waiting = Some(delivery);
                return false;
            }
        }
        self.lane.caught_up(true);
        true
    }

    fn delivery(&mut self, meter: &Meter) -> Delivery {
        let lines = Vec::with_capacity(self.lines.len());
        let chunk = Chunk {
            text: self.text.as_str().into(),
            lines: std::mem::replace(&mut self.lines, lines),
            rejects: std::mem::take(&mut self.rejects),
            repaired: std::mem::take(&mut self.repaired),
            has_raw: true,
        };
        chunk.count(meter);
        self.text.clear();
        self.rejected = 0;
        (self.last, self.known) = (None, BTreeMap::new());
        let to = Position::new(&Place { next: self.next });
        let acknowledge = std::mem::take(&mut self.acknowledge);
        let receipt = (!acknowledge.is_empty()).then(|| {
            Receipt::new(move || {
                for (session, number) in acknowledge {
                    session.kept(number);
                }
            })
        });
        Delivery {
            chunk,
            origins: std::mem::take(&mut self.origins),
            origin_of: std::mem::take(&mut self.origin_of),
            times: Vec::new(),
            from: std::mem::replace(&mut self.position, to.clone()),
            to,
            receipt,
        }
    }
}

/// Batches are bounded by [`BATCH`] and the longest message.
fn position(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
