//! A bucket that holds one event, in as few bytes as it takes: most of the ten million.

use std::collections::BTreeSet;

use super::bytes::{Reader, Writer};
use super::kept::Kept;
use super::queue::Queue;
use super::scenario::{Scenario, ScenarioId};
use super::state::Bucket;
use crate::time::EventTime;

const VERSION: u8 = 1;
const HAS_DISTINCT: u8 = 1 << 4;
/// The bucket's time is not the date of its event.
const HAS_TIME: u8 = 1 << 5;

/// A bucket after its first event.
#[derive(Clone, Debug)]
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    /// The small form of a bucket; `None` where it holds more than such a one can.
    pub(super) fn new(bucket: &Bucket) -> Option<Self> {
        let event = bucket.queue.iter().next()?;
        let single = bucket.total == 1 && bucket.queue.len() == 1 && bucket.latched.is_empty();
        if !single || bucket.distinct.len() > 1 {
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
        writer.byte(VERSION | has_distinct | has_time);
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
        let mut reader = Reader(self.0.get(1..)?);
        let scenario = ScenarioId(u32::try_from(reader.number()?).ok()?);
        Some((scenario, reader.text()?))
    }

    /// The bucket again.
    pub(super) fn restore(&self, scenario: &Scenario) -> Option<Bucket> {
        let mut reader = Reader(&self.0);
        let flags = reader.byte()?;
        let id = ScenarioId(u32::try_from(reader.number()?).ok()?);
        let key = reader.text()?.into();
        let ahead = reader.signed()?;
        let time = if flags & HAS_TIME == 0 { None } else { Some(reader.stamp()?) };
        let mut distinct = BTreeSet::new();
        if flags & HAS_DISTINCT != 0 {
            distinct.insert(reader.text()?.into());
        }
        let event = Kept::from_bytes(reader.0);
        let at = match time {
            Some(time) => time,
            None => event.stamp()?,
        };
        let clock = EventTime(at.at.0.wrapping_add(ahead));
        let full = scenario.limiter.full();
        let tokens = scenario.limiter.take(full, None, at.at).unwrap_or(full);
        let mut queue = Queue::default();
        queue.add(event, None);
        let latched = BTreeSet::new();
        let (first, last, born) = (at, at, clock);
        let scenario = id;
        let total = 1;
        Some(Bucket {
            scenario,
            key,
            tokens,
            first,
            last,
            born,
            clock,
            total,
            queue,
            distinct,
            latched,
        })
    }
}
