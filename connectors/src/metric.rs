//! What sources and outputs count. Names and reasons are closed sets; values are read by the pipeline's exporter.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Defines a closed set with a list of all of it.
macro_rules! closed_set {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As labels and names write it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

closed_set! {
    /// What is counted per source. In metrics: `source_<name>_total`.
    Counter {
        /// Lines handed over.
        Lines = "lines",
        /// Bytes of these lines.
        Bytes = "bytes",
        /// Lines that held invalid UTF-8, now U+FFFD.
        Repaired = "repaired_lines",
        /// Records that were known already and are left out.
        Duplicates = "duplicate_records",
        /// Connections, requests or files begun.
        Sessions = "sessions",
        /// Times that something was tried again.
        Retries = "retries",
        /// Records that were never seen because the other side had dropped them.
        Missed = "missed_records",
    }
}

closed_set! {
    /// Why a record is not read. In metrics: label `reason` of `source_rejected_records_total`.
    Reason {
        /// Longer than the limit.
        TooLong = "line too long",
        /// There is no room for it and it cannot wait.
        NoRoom = "no room",
        /// The bytes between messages make no sense.
        Framing = "bad framing",
        /// The document or message cannot be decoded.
        Payload = "bad payload",
        /// The field of the line is missing.
        NoLine = "no line in payload",
        /// No payload at all.
        Empty = "empty payload",
        /// Packed by a codec that is not known, or more than the limit once unpacked.
        Unpackable = "not unpackable",
        /// A connection that was to be encrypted was not.
        Handshake = "bad handshake",
        /// The peer may not send.
        Unauthorized = "unauthorized",
        /// Too many peers at once, or one that is too slow.
        PeerLimit = "peer limit",
        /// More per second than allowed.
        RateLimit = "rate limit",
    }
}

closed_set! {
    /// What is measured per source. In metrics: `source_<name>`.
    Gauge {
        /// Records known to be there and not read yet.
        LagRecords = "lag_records",
        /// Bytes known to be there and not read yet.
        LagBytes = "lag_bytes",
        /// How far what was read is behind the present. Unit: seconds.
        LagSeconds = "lag_seconds",
        /// Connections, containers or files open.
        Open = "open_inputs",
    }
}

closed_set! {
    /// What is counted per output. In metrics: `output_<name>_total`.
    OutputCounter {
        /// Messages brought out.
        Messages = "messages",
        /// Bytes of these messages.
        Bytes = "bytes",
        /// Times that something was tried again.
        Retries = "retries",
        /// Messages that the other side will never take.
        Refused = "refused_messages",
    }
}

/// Counts of one output. Clones count together.
#[derive(Clone, Debug)]
pub struct OutputMeter(Arc<OutputCounts>);

/// Reasons of one output that are counted each for itself.
const MOST_REASONS: usize = 20;

#[derive(Debug)]
struct OutputCounts {
    counters: Vec<AtomicU64>,
    refusals: Mutex<BTreeMap<String, u64>>,
}

impl Default for OutputMeter {
    fn default() -> Self {
        let counters = OutputCounter::ALL.iter().map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(OutputCounts { counters, refusals: Mutex::default() }))
    }
}

impl OutputMeter {
    /// Counts `count` more.
    pub fn add(&self, counter: OutputCounter, count: u64) {
        if let Some(cell) = self.0.counters.get(counter.index()) {
            cell.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Counts a message that the other side will never take, and why.
    pub fn refuse(&self, reason: &str) {
        self.add(OutputCounter::Refused, 1);
        let mut refusals = self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let is_one_more = refusals.len() >= MOST_REASONS && !refusals.contains_key(reason);
        let reason = if is_one_more { "other" } else { reason };
        *refusals.entry(reason.to_owned()).or_default() += 1;
    }

    /// How often so far.
    pub fn count(&self, counter: OutputCounter) -> u64 {
        self.0.counters.get(counter.index()).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// Messages that the other side will never take, by reason.
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Counts of one source. Clones count together.
#[derive(Clone, Debug)]
pub struct Meter(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    counters: Vec<AtomicU64>,
    rejects: Vec<AtomicU64>,
    gauges: Vec<AtomicI64>,
}

impl Default for Meter {
    fn default() -> Self {
        let zeros = |count| (0..count).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Counts {
            counters: zeros(Counter::ALL.len()),
            rejects: zeros(Reason::ALL.len()),
            gauges: Gauge::ALL.iter().map(|_| AtomicI64::new(0)).collect(),
        }))
    }
}

impl Meter {
    /// Counts `count` more.
    pub fn add(&self, counter: Counter, count: u64) {
        if let Some(cell) = self.0.counters.get(counter.index()) {
            cell.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Counts records that are not read.
    pub fn reject(&self, reason: Reason, count: u64) {
        if let Some(cell) = self.0.rejects.get(reason.index()) {
            cell.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Sets a measure.
    pub fn set(&self, gauge: Gauge, value: i64) {
        if let Some(cell) = self.0.gauges.get(gauge.index()) {
            cell.store(value, Ordering::Relaxed);
        }
    }

    /// Changes a measure.
    pub fn change(&self, gauge: Gauge, by: i64) {
        if let Some(cell) = self.0.gauges.get(gauge.index()) {
            cell.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// How often so far.
    pub fn count(&self, counter: Counter) -> u64 {
        self.0.counters.get(counter.index()).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// How many records were not read for this reason.
    pub fn rejected(&self, reason: Reason) -> u64 {
        self.0.rejects.get(reason.index()).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// The measure now.
    pub fn gauge(&self, gauge: Gauge) -> i64 {
        self.0.gauges.get(gauge.index()).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_counts_are_apart() {
        let mut names: Vec<_> = Counter::ALL.iter().map(|counter| counter.as_str()).collect();
        names.extend(Gauge::ALL.iter().map(|gauge| gauge.as_str()));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        let meter = Meter::default();
        meter.add(Counter::Bytes, 3);
        meter.reject(Reason::Framing, 2);
        assert_eq!((meter.count(Counter::Bytes), meter.count(Counter::Lines)), (3, 0));
        assert_eq!((meter.rejected(Reason::Framing), meter.rejected(Reason::TooLong)), (2, 0));
    }
}
