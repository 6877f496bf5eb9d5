//! One partition while it is read: from its queue of fetched records into deliveries on its lane.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Timestamp};
use rdkafka::types::RDKafkaErrorCode;

use super::batch::{Batch, Line};
use super::discovery::Key;
use super::link::Link;
use super::origin::Origins;
use super::payload::{Decoder, without_line_end};
use super::place::{MAX_LINES, Place, Scale};
use super::unreadable::Search;
use crate::lane::{Delivery, Lane, Origin, Receipt};
use crate::metric::{Counter, Meter, Reason};

/// Records of one partition before the next one has its turn.
const TURN: usize = 4096;

/// What all partitions of a source share.
#[derive(Debug)]
pub(super) struct Reading {
    /// How lines stand in records; `None`: they are lines.
    pub(super) decoder: Option<Decoder>,
    pub(super) scale: Scale,
    /// Unit: bytes.
    pub(super) max_line: usize,
    /// Whether offsets of what is kept are committed.
    pub(super) commits: bool,
    pub(super) meter: Meter,
}

/// A partition that is read.
pub(super) struct Partition {
    pub(super) key: Key,
    /// Behind the last record that was read.
    pub(super) place: Place<'static>,
    /// Where the batch begins.
    from: i64,
    lane: Lane,
    queue: PartitionQueue<Link>,
    /// Whether something may be in the queue.
    ready: Arc<AtomicBool>,
    origins: Origins,
    batch: Batch,
    /// What the lane had no room for.
    waiting: Option<Delivery>,
    /// Whether everything was read.
    at_end: bool,
    told_end: bool,
    flushed: Instant,
    /// Behind the last record that is kept.
    kept: Arc<AtomicI64>,
    committed: i64,
    /// What it asked for that is not done yet.
    pub(super) pending: Option<Event>,
    /// While records that cannot be unpacked are passed.
    pub(super) search: Option<Passing>,
    /// Where unpacking failed last.
    pub(super) struck: Option<i64>,
    refused: Option<RDKafkaErrorCode>,
    /// Since when the cluster does not have it.
    pub(super) missing: Option<Instant>,
}

/// A search for the end of what cannot be unpacked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing {
    pub(super) search: Search,
    /// Where reading was tried last.
    pub(super) tried: i64,
}

/// What a partition's queue said that its source must act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The broker does not have the next offset.
    OutOfRange,
    /// What is at the next offset cannot be unpacked.
    Unreadable(RDKafkaErrorCode),
    /// There is something readable, or the end, where it was tried.
    Readable,
    /// The topic or the partition does not exist.
    Gone,
    /// The broker refuses.
    Refused(RDKafkaErrorCode),
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing more is there.
    Empty,
    /// There may be more.
    More,
    /// The lane has no room.
    Full,
    /// See there.
    Event(Event),
}

impl Partition {
    /// A partition on a new lane.
    pub(super) fn new(
        key: Key,
        place: Place<'static>,
        lane: Lane,
        (queue, ready): (PartitionQueue<Link>, Arc<AtomicBool>),
    ) -> Self {
        Self {
            from: place.offset,
            committed: place.offset,
            kept: Arc::new(AtomicI64::new(place.offset)),
            origins: Origins::new(&key.0),
            key,
            place,
            lane,
            queue,
            ready,
            batch: Batch::new(),
            waiting: None,
            at_end: false,
            told_end: false,
            flushed: Instant::now(),
            pending: None,
            search: None,
            struck: None,
            refused: None,
            missing: None,
        }
    }

    /// Says where the lane begins, so that it begins there again whatever happens.
    pub(super) fn announce(&mut self, reading: &Reading) {
        self.batch.record();
        self.flush(reading);
    }

    /// Goes on at another offset, and lets that be kept even if nothing more comes.
    pub(super) fn jump(&mut self, offset: i64, reading: &Reading) {
        self.place.offset = offset;
        self.announce(reading);
    }

    /// The broker does not let us read.
    pub(super) fn refuse(&mut self, code: RDKafkaErrorCode) {
        self.refused = Some(code);
    }

    /// Why it cannot be read, if the broker said so.
    pub(super) fn refused(&self) -> Option<String> {
        let topic = &self.key.0;
        self.refused.map(|code| {
            format!("topic `{topic}` is not ours to read ({code}): allow this user to read it")
        })
    }

    /// Reads what was fetched, as far as the lane has room. `sweep`: even if nothing seems to be
    /// there.
    pub(super) fn turn(&mut self, reading: &Reading, sweep: bool) -> Turn {
        if self.pending.is_some() {
            return Turn::Empty;
        }
        if !self.send_waiting() || !self.lane.has_room() {
            return Turn::Full;
        }
        if !self.ready.swap(false, Ordering::AcqRel) && !sweep {
            return Turn::Empty;
        }
        let turn = self.read(reading);
        if turn != Turn::Empty {
            self.ready.store(true, Ordering::Release);
        }
        turn
    }

    fn read(&mut self, reading: &Reading) -> Turn {
        for _ in 0..TURN {
            match self.queue.poll(Duration::ZERO) {
                None => return Turn::Empty,
                Some(Ok(_)) if self.search.is_some() => return Turn::Event(Event::Readable),
                Some(Ok(record)) => {
                    take(&mut self.batch, &mut self.place, &mut self.origins, &record, reading);
                    self.at_end = false;
                    self.refused = None;
                }
                Some(Err(KafkaError::PartitionEOF(_))) if self.search.is_some() => {
                    return Turn::Event(Event::Readable);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => self.reached_end(reading),
                Some(Err(error)) => {
                    if let Some(event) = event(&error) {
                        return Turn::Event(event);
                    }
                    tracing::debug!(lane = %self.lane.name(), %error, "kafka partition");
                }
            }
            if self.batch.is_full() {
                self.flush(reading);
                if self.waiting.is_some() || !self.lane.has_room() {
                    return Turn::Full;
                }
            }
        }
        Turn::More
    }

    fn reached_end(&mut self, reading: &Reading) {
        self.at_end = true;
        self.refused = None;
        if self.batch.is_empty() {
            self.tell_end();
        } else if self.flushed.elapsed() >= super::batch::PATIENCE {
            self.flush(reading);
        }
    }

    /// When something must be sent at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        self.batch.due().filter(|_| self.waiting.is_none())
    }

    /// Sends the batch if it has waited long enough.
    pub(super) fn flush_if_due(&mut self, reading: &Reading, now: Instant) {
        if self.due().is_some_and(|due| due <= now) {
            self.flush(reading);
        }
    }

    /// Sends the batch, or lets it wait for room.
    pub(super) fn flush(&mut self, reading: &Reading) {
        if self.batch.is_empty() || !self.send_waiting() {
            return;
        }
        let (lines, bytes) = self.batch.size();
        let from = Place { offset: self.from, ..self.place.clone() };
        let usual = self.origins.usual();
        let mut delivery = self.batch.take(usual, from.position(), self.place.position());
        self.from = self.place.offset;
        self.flushed = Instant::now();
        if reading.commits {
            let (kept, next) = (Arc::clone(&self.kept), self.place.offset);
            delivery.receipt = Some(Receipt::new(move || {
                kept.fetch_max(next, Ordering::AcqRel);
            }));
        }
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        reading.meter.add(Counter::Lines, count(lines));
        reading.meter.add(Counter::Bytes, count(bytes));
        reading.meter.add(Counter::Repaired, u64::from(delivery.chunk.repaired));
        self.waiting = Some(delivery);
        self.send_waiting();
    }

    /// Whether nothing waits (any more).
    fn send_waiting(&mut self) -> bool {
        if let Some(delivery) = self.waiting.take() {
            if !self.at_end {
                self.tell_end();
            }
            if let Err(delivery) = self.lane.try_send(delivery) {
                self.waiting = Some(delivery);
                return false;
            }
            self.tell_end();
        }
        true
    }

    /// Tells whether everything was sent, where that changed.
    fn tell_end(&mut self) {
        let at_end = self.at_end && self.batch.is_empty() && self.waiting.is_none();
        if at_end != self.told_end {
            self.told_end = at_end;
            self.lane.caught_up(at_end);
        }
    }

    /// It is not known any more whether everything was read.
    pub(super) fn lose_sight(&mut self) {
        self.at_end = false;
        self.tell_end();
    }

    /// How far its newest record is ahead.
    pub(super) fn lag(&self, end: i64) -> i64 {
        end.saturating_sub(self.place.offset).max(0)
    }

    /// Where the group is to be committed, if that changed.
    pub(super) fn uncommitted(&mut self) -> Option<(Key, i64)> {
        let kept = self.kept.load(Ordering::Acquire);
        (kept > self.committed).then(|| {
            self.committed = kept;
            (self.key.clone(), kept)
        })
    }

    /// Name of its lane.
    pub(super) fn name(&self) -> &str {
        self.lane.name()
    }

    /// Nothing more comes on its lane. What has not been sent is read again, should it come back.
    pub(super) fn close(self) -> Place<'static> {
        self.lane.close();
        Place { offset: self.from, ..self.place }
    }
}

fn take(
    batch: &mut Batch,
    place: &mut Place<'static>,
    origins: &mut Origins,
    record: &BorrowedMessage<'_>,
    reading: &Reading,
) {
    let offset = record.offset();
    if offset < place.offset {
        return;
    }
    batch.record();
    place.offset = offset + 1;
    let time = match record.timestamp() {
        Timestamp::CreateTime(milliseconds) | Timestamp::LogAppendTime(milliseconds) => {
            milliseconds.saturating_mul(1_000_000)
        }
        Timestamp::NotAvailable => 0,
    };
    let first = reading.scale.line(offset);
    let reject = |batch: &mut Batch, (offset, text), reason| {
        reading.meter.reject(reason, 1);
        batch.reject(offset, reason, text);
    };
    let Some(bytes) = record.payload() else {
        return reject(batch, (first, ""), Reason::Empty);
    };
    let repaired;
    let (text, is_repaired) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, false),
        Err(_) => {
            repaired = String::from_utf8_lossy(bytes);
            (&*repaired, true)
        }
    };
    let Some(decoder) = &reading.decoder else {
        let text = without_line_end(text);
        let line = Line { text, offset: first, time, repaired: is_repaired };
        return put(batch, line, origins.usual(), reading);
    };
    let (mut lines, mut full) = (0, false);
    let decoded = decoder.decode(text, &mut |told| {
        if lines == MAX_LINES {
            if !std::mem::replace(&mut full, true) {
                batch.reject(first + lines - 1, Reason::TooLong, text);
            }
            return reading.meter.reject(Reason::TooLong, 1);
        }
        let time = told.time.unwrap_or(time);
        let line = Line { text: &told.text, offset: first + lines, time, repaired: is_repaired };
        put(batch, line, origins.of(&told.labels), reading);
        lines += 1;
    });
    if let Err(reason) = decoded {
        reject(batch, (first + lines, text), reason);
    }
}

fn put(batch: &mut Batch, line: Line<'_>, origin: &Arc<Origin>, reading: &Reading) {
    let reason = match line.text.len() {
        0 => Reason::Empty,
        length if length > reading.max_line => Reason::TooLong,
        _ => return batch.push(line, origin),
    };
    reading.meter.reject(reason, 1);
    batch.reject(line.offset, reason, line.text);
}

/// What an error of a queue asks for, if anything.
fn event(error: &KafkaError) -> Option<Event> {
    let code = error.rdkafka_error_code()?;
    match code {
        RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::LogTruncation => {
            Some(Event::OutOfRange)
        }
        RDKafkaErrorCode::NotImplemented
        | RDKafkaErrorCode::BadCompression
        | RDKafkaErrorCode::BadMessage
        | RDKafkaErrorCode::InvalidMessage
        | RDKafkaErrorCode::MessageSizeTooLarge => Some(Event::Unreadable(code)),
        RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownPartition => Some(Event::Gone),
        RDKafkaErrorCode::TopicAuthorizationFailed => Some(Event::Refused(code)),
        _ => None,
    }
}
