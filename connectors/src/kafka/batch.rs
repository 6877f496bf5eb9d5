//! Lines of one lane on their way into a delivery: one text, one list of spans. A raw record costs
//! one copy and no allocation here; a delivery costs a second copy as a whole, into its shared text.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::lane::{Delivery, Origin};
use crate::metric::Reason;
use crate::position::Position;
use crate::record::{Chunk, Reject, Span};

/// How much text makes a delivery. Unit: bytes.
pub(super) const FULL: usize = 256 << 10;

/// How long a line waits for more of them.
pub(super) const PATIENCE: Duration = Duration::from_millis(10);

/// What was read since the last delivery.
#[derive(Debug)]
pub(super) struct Batch {
    text: String,
    lines: Vec<Span>,
    times: Vec<i64>,
    origins: Vec<Arc<Origin>>,
    origin_of: Vec<u16>,
    repaired: u32,
    rejects: Vec<Reject>,
    /// What `rejects` take. Unit: bytes.
    rejected: usize,
    /// Records, with those that gave no line.
    records: u64,
    since: Option<Instant>,
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Its text, not empty.
    pub(super) text: &'a str,
    /// Its offset in the lane.
    pub(super) offset: u64,
    /// When it was written. Unit: nanoseconds since 1970.
    pub(super) time: i64,
    /// Whether its bytes were no UTF-8.
    pub(super) repaired: bool,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            text: String::with_capacity(FULL),
            lines: Vec::new(),
            times: Vec::new(),
            origins: Vec::new(),
            origin_of: Vec::new(),
            repaired: 0,
            rejects: Vec::new(),
            rejected: 0,
            records: 0,
            since: None,
        }
    }

    /// Counts a record; what it holds follows.
    pub(super) fn record(&mut self) {
        if self.records == 0 {
            self.since = Some(Instant::now());
        }
        self.records += 1;
    }

    /// Adds a line.
    pub(super) fn push(&mut self, line: Line<'_>, origin: &Arc<Origin>) {
        // Successive lines mostly share their origin.
        let known = self.origins.iter().rposition(|known| Arc::ptr_eq(known, origin));
        let place = known.unwrap_or_else(|| {
            self.origins.push(Arc::clone(origin));
            self.origins.len() - 1
        });
        if place > 0 || !self.origin_of.is_empty() {
            self.origin_of.resize(self.lines.len(), 0);
            self.origin_of.push(u16::try_from(place).unwrap_or(u16::MAX));
        }
        let start = self.text.len();
        self.text.push_str(line.text);
        // A batch is full long before 4 GiB: `Batch::is_full`.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let (start, end) = (place(start), place(self.text.len()));
        self.lines.push(Span { start, end, offset: line.offset });
        self.times.push(line.time);
        self.repaired += u32::from(line.repaired);
    }

    /// Adds what holds no line, or none that can be read, with its beginning.
    pub(super) fn reject(&mut self, offset: u64, reason: Reason, record: &str) {
        let reject = Reject::new(offset, reason, record.as_bytes(), record.len());
        self.rejected += reject.size();
        self.rejects.push(reject);
    }

    /// Whether there is nothing to deliver.
    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Whether it should go now: text and origins are bounded.
    pub(super) fn is_full(&self) -> bool {
        self.text.len() + self.rejected >= FULL
            || self.records >= 1 << 16
            || self.origins.len() >= 1 << 10
    }

    /// When it should go at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + PATIENCE)
    }

    /// Lines and bytes so far.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.lines.len(), self.text.len())
    }

    /// Makes a delivery of it and begins anew.
    pub(super) fn take(&mut self, usual: &Arc<Origin>, from: Position, to: Position) -> Delivery {
        let lines = self.lines.len();
        let text = Arc::from(self.text.as_str());
        self.text.clear();
        self.text.shrink_to(FULL);
        let mut origins = std::mem::take(&mut self.origins);
        if origins.is_empty() {
            origins.push(Arc::clone(usual));
        }
        let chunk = Chunk {
            text,
            lines: std::mem::replace(&mut self.lines, Vec::with_capacity(lines)),
            rejects: std::mem::take(&mut self.rejects),
            repaired: std::mem::take(&mut self.repaired),
            has_raw: false,
        };
        self.records = 0;
        self.rejected = 0;
        self.since = None;
        Delivery {
            chunk,
            origins,
            origin_of: std::mem::take(&mut self.origin_of),
            times: std::mem::replace(&mut self.times, Vec::with_capacity(lines)),
            from,
            to,
            receipt: None,
        }
    }
}
