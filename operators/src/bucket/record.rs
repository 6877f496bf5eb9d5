//! A bucket on disk. A promise: every version reads what earlier ones wrote.
//!
//! Key: group, hash of the scenario's name and filter (8 bytes), what `groupby` gave. Value: a head
//! that tells how long the bucket is remembered, so that others than its rules can drop it, then what
//! it knows.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::bytes::{Reader, Writer};
use super::dialect::Translator;
use super::kept::Kept;
use super::queue::Queue;
use super::scenario::Scenario;
use super::state::{Bucket, GRACE, Keeping, Life};
use crate::alert::Overflow;
use crate::time::EventTime;

const VERSION: u8 = 1;
/// Bytes of the head: version and until when it is remembered.
const HEAD: usize = 9;

/// How a scenario is known on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Hash of name and filter: what keys begin with. Scenarios that share buckets share it.
    pub family: u64,
    /// Hash of all that its state depends on.
    pub content: u64,
}

/// The key of a bucket.
pub fn key(group: u32, family: u64, groupby: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(HEAD + groupby.len());
    key.push(group.to_le_bytes()[0]);
    key.extend_from_slice(&family.to_be_bytes());
    key.extend_from_slice(groupby.as_bytes());
    key
}

/// Family and what `groupby` gave, of a key.
pub fn read_key(key: &[u8]) -> Option<(u64, &str)> {
    let (family, groupby) = key.get(1..)?.split_at_checked(8)?;
    Some((u64::from_be_bytes(family.try_into().ok()?), std::str::from_utf8(groupby).ok()?))
}

/// Until when an entry is remembered, by the clock of the order: later it may be dropped unread.
pub fn remembered_until(value: &[u8]) -> Option<EventTime> {
    let bytes = value.get(1..HEAD)?;
    Some(EventTime(i64::from_be_bytes(bytes.try_into().ok()?)))
}

/// The beginning of every value.
pub(super) fn head(writer: &mut Writer, until: EventTime) {
    writer.byte(VERSION);
    writer.0.extend_from_slice(&until.0.to_be_bytes());
}

/// What follows the head, of a value of this version.
pub(super) fn body(value: &[u8]) -> Option<Reader<'_>> {
    let (head, body) = value.split_at_checked(HEAD)?;
    (head.first() == Some(&VERSION)).then_some(Reader(body))
}

/// Until when a bucket of this life is remembered.
pub(super) fn until(life: Life, scenario: &Scenario) -> EventTime {
    if scenario.timed {
        return EventTime(i64::MAX);
    }
    EventTime(life.clock.0.saturating_add(scenario.lifetime).saturating_add(GRACE))
}

/// Writes a bucket whose events are in `dialect`.
pub(super) fn write(bucket: &Bucket, owner: &Scenario, content: u64, dialect: u32) -> Vec<u8> {
    let events: usize = bucket.queue.iter().map(|event| event.as_bytes().len() + 2).sum();
    let mut writer = Writer(Vec::with_capacity(HEAD + 80 + events));
    head(&mut writer, until(bucket.life(), owner));
    writer.0.extend_from_slice(&content.to_be_bytes());
    writer.number(dialect.into());
    writer.0.extend_from_slice(&bucket.tokens.to_le_bytes());
    writer.stamp(bucket.first);
    writer.stamp(bucket.last);
    writer.signed(bucket.born.0);
    writer.signed(bucket.clock.0.wrapping_sub(bucket.born.0));
    writer.number(bucket.total.into());
    writer.number(bucket.distinct.len() as u64);
    bucket.distinct.iter().for_each(|value| writer.text(value));
    writer.number(bucket.latched.len() as u64);
    bucket.latched.iter().for_each(|index| writer.number((*index).into()));
    writer.number(bucket.queue.len() as u64);
    for event in bucket.queue.iter() {
        writer.number(event.as_bytes().len() as u64);
        writer.0.extend_from_slice(event.as_bytes());
        // Rare, and read by people's eyes in `spillway state`.
        let overflow = event.overflow().map(|overflow| serde_json::to_string(&**overflow));
        writer.text(overflow.and_then(Result::ok).as_deref().unwrap_or(""));
    }
    writer.0
}

/// Whose bucket a value is and in which dialect its events are.
pub fn owner(value: &[u8]) -> Option<(u64, u32)> {
    let mut reader = body(value)?;
    let content = u64::from_be_bytes(reader.bytes(8)?.try_into().ok()?);
    Some((content, u32::try_from(reader.number()?).ok()?))
}

/// Reads a bucket of `owner` under `key`; `None` where the bytes make no sense.
pub(super) fn read(
    value: &[u8],
    owner: &Scenario,
    key: &str,
    translator: Option<&Translator>,
) -> Option<Bucket> {
    let mut reader = body(value)?;
    reader.bytes(8)?;
    reader.number()?;
    let tokens = f64::from_le_bytes(reader.bytes(8)?.try_into().ok()?);
    let (first, last) = (reader.stamp()?, reader.stamp()?);
    let born = EventTime(reader.signed()?);
    let clock = EventTime(born.0.wrapping_add(reader.signed()?));
    let total = u32::try_from(reader.number()?).ok()?;
    let count = reader.number()?;
    let distinct =
        (0..count).map(|_| Some(Box::from(reader.text()?))).collect::<Option<BTreeSet<_>>>()?;
    let count = reader.number()?;
    let latched = (0..count)
        .map(|_| u16::try_from(reader.number()?).ok())
        .collect::<Option<BTreeSet<_>>>()?;
    let mut queue = Queue::default();
    for _ in 0..reader.number()? {
        queue.add(event(&mut reader, translator)?, None);
    }
    let mut bucket = Bucket::new(owner, key, first, born);
    (bucket.tokens, bucket.last, bucket.clock, bucket.total) = (tokens, last, clock, total);
    (bucket.queue, bucket.distinct, bucket.latched) = (queue, distinct, latched);
    bucket.keeping = Keeping { dirty: false, stored: true, seal: 0 };
    Some(bucket)
}

fn event(reader: &mut Reader<'_>, translator: Option<&Translator>) -> Option<Kept> {
    let length = reader.length()?;
    let bytes = reader.bytes(length)?;
    let overflow: Option<Arc<Overflow>> = match reader.text()? {
        "" => None,
        text => Some(Arc::new(serde_json::from_str(text).ok()?)),
    };
    Some(match translator {
        None => Kept::new(bytes, overflow),
        Some(translator) => Kept::new(&translator.event(bytes)?, overflow),
    })
}
