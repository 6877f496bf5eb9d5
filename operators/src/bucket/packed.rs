//! A bucket that holds one event, in as few bytes as it takes: most of the ten million.

use super::bytes::{Reader, Writer};
use super::kept::{Kept, stamp_in};
use super::scenario::{Scenario, ScenarioId};
use super::state::{Bucket, Keeping, Life};
use crate::time::{EventTime, Stamp};

const VERSION: u8 = 1;
const HAS_DISTINCT: u8 = 1 << 4;
/// The bucket's time is not the date of its event.
const HAS_TIME: u8 = 1 << 5;
/// The store has it.
const STORED: u8 = 1 << 6;
/// Place of the number of its seal.
const SEAL: usize = 1;

/// A bucket after its first event.
#[derive(Clone, Debug)]
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    /// The small form of a bucket; `None` where it holds more than such a one can.
    pub(super) fn new(bucket: &Bucket) -> Option<Self> {
        let event = bucket.queue.iter().next()?;
        let single = bucket.total == 1 && bucket.queue.len() == 1 && bucket.latched.is_empty();
        if !single || bucket.distinct.len() > 1 || event.overflow().is_some() {
            return None;
        }
        let distinct = bucket.distinct.first();
        let stamp = event.stamp();
        let dated = stamp.is_some_and(|stamp| {
            let same = stamp.offset == bucket.last.offset && stamp.utc == bucket.last.utc;
            stamp == bucket.last && same
        });
        let room = bucket.key.len() + event.as_bytes().len() + 32;
        let mut writer = Writer(Vec::with_capacity(room));
        let has_distinct = if distinct.is_some() { HAS_DISTINCT } else { 0 };
        let has_time = if dated { 0 } else { HAS_TIME };
        let stored = if bucket.keeping.stored { STORED } else { 0 };
        writer.byte(VERSION | has_distinct | has_time | stored);
        writer.byte(bucket.keeping.seal);
        writer.number(bucket.scenario.0.into());
        writer.text(&bucket.key);
        writer.signed(bucket.clock.0.wrapping_sub(bucket.last.at.0));
        if !dated {
            writer.stamp(bucket.last);
        }
        if let Some(value) = distinct {
            writer.text(value);
        }
        writer.0.extend_from_slice(event.as_bytes());
        Some(Self(writer.0.into_boxed_slice()))
    }

    /// Scenario and key.
    pub(super) fn name(&self) -> Option<(ScenarioId, &str)> {
        let mut reader = Reader(self.0.get(2..)?);
        let scenario = ScenarioId(u32::try_from(reader.number()?).ok()?);
        Some((scenario, reader.text()?))
    }

    /// All of it, where it lies.
    pub(super) fn read(&self) -> Option<Contents<'_>> {
        let mut reader = Reader(&self.0);
        let (flags, seal) = (reader.byte()?, reader.byte()?);
        let scenario = ScenarioId(u32::try_from(reader.number()?).ok()?);
        let key = reader.text()?;
        let ahead = reader.signed()?;
        let time = if flags & HAS_TIME == 0 { None } else { Some(reader.stamp()?) };
        let distinct = if flags & HAS_DISTINCT == 0 { None } else { Some(reader.text()?) };
        let event = reader.0;
        let at = match time {
            Some(time) => time,
            None => stamp_in(event)?,
        };
        let clock = EventTime(at.at.0.wrapping_add(ahead));
        let stored = flags & STORED != 0;
        let keeping = Keeping { dirty: false, stored, seal };
        Some(Contents { scenario, key, at, clock, distinct, event, keeping })
    }

    /// How far the store knows it: what is packed changes no more, so it is dirty until it is stored.
    pub(super) fn keeping(&self) -> Keeping {
        let flags = self.0.first().copied().unwrap_or(0);
        let stored = flags & STORED != 0;
        Keeping { dirty: !stored, stored, seal: self.0.get(SEAL).copied().unwrap_or(0) }
    }

    /// It was handed over at a seal.
    pub(super) fn set_stored(&mut self, seal: u8) {
        if let [flags, at, ..] = &mut *self.0 {
            *flags |= STORED;
            *at = seal;
        }
    }

    /// Unit: bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What a bucket knows after its first event.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    scenario: ScenarioId,
    key: &'a str,
    at: Stamp,
    clock: EventTime,
    /// Value of `distinct`.
    pub(super) distinct: Option<&'a str>,
    event: &'a [u8],
    keeping: Keeping,
}

impl Contents<'_> {
    /// How long it is remembered.
    pub(super) fn life(&self) -> Life {
        Life { last: self.at.at, clock: self.clock }
    }

    /// The bucket again.
    pub(super) fn restore(&self, scenario: &Scenario) -> Bucket {
        let Self { key, at, clock, .. } = *self;
        let mut bucket = Bucket::new(scenario, key, at, clock);
        bucket.scenario = self.scenario;
        bucket.total = 1;
        let full = bucket.tokens;
        bucket.tokens = scenario.limiter.take(full, None, at.at).unwrap_or(full);
        bucket.distinct.extend(self.distinct.map(Box::from));
        bucket.queue.add(Kept::from_bytes(self.event), None);
        bucket.keeping = self.keeping;
        bucket
    }
}
