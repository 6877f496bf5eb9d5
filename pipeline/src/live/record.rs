//! What a live run keeps, under which keys: promises to later versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use operators::bucket::dialect::Dialect;
use operators::parse::stash::Stashes;
use operators::place::{OrderKey, Partition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::lanes::LaneRecord;
use crate::emit::{Told, Tray};
use crate::state::{Batch, Family, Store, StoreError};

const PRESENT: &[u8] = b"order/present";
const SOURCES: &[u8] = b"sources";
const DIALECTS: &[u8] = b"dialect/";
const SCENARIOS: &[u8] = b"scenario/";
/// Another store must not have it.
pub const OUTBOX_NAME: &[u8] = b"outbox/name";

/// Reads JSON that an earlier run wrote; what cannot be read is damage.
fn read<T: DeserializeOwned>(
    store: &Store,
    family: Family,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    let Some(bytes) = store.get(family, key)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|source| store.unreadable(family, key, source))
}

fn put<T: Serialize>(batch: &mut Batch<'_>, family: Family, key: &[u8], value: &T) -> usize {
    // Records are plain structs: writing them to memory cannot fail.
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    batch.put(family, key, &bytes);
    bytes.len()
}

/// Where the order stood.
///
/// # Errors
/// The store cannot be read.
pub fn present(store: &Store) -> Result<OrderKey, StoreError> {
    Ok(read(store, Family::Meta, PRESENT)?.unwrap_or(OrderKey::FIRST))
}

/// Keeps where the order stands.
pub fn put_present(batch: &mut Batch<'_>, present: OrderKey) {
    put(batch, Family::Meta, PRESENT, &present);
}

/// The place of each source in the order.
///
/// # Errors
/// The store cannot be read.
pub fn sources(store: &Store) -> Result<BTreeMap<Arc<str>, u32>, StoreError> {
    Ok(read(store, Family::Meta, SOURCES)?.unwrap_or_default())
}

/// Keeps the places of sources.
pub fn put_sources(batch: &mut Batch<'_>, places: &BTreeMap<Arc<str>, u32>) {
    put(batch, Family::Meta, SOURCES, places);
}

/// All lanes, by key.
///
/// # Errors
/// The store cannot be read.
pub fn lanes(store: &Store) -> Result<Vec<(Box<str>, LaneRecord)>, StoreError> {
    let entries = store.scan(Family::Lanes, b"");
    let entries = entries.map(|entry| {
        let (key, value) = entry?;
        let name = String::from_utf8_lossy(&key).into_owned().into_boxed_str();
        let record = serde_json::from_slice(&value)
            .map_err(|source| store.unreadable(Family::Lanes, &key, source))?;
        Ok((name, record))
    });
    entries.collect()
}

/// Keeps a lane.
pub fn put_lane(batch: &mut Batch<'_>, key: &str, lane: &LaneRecord) {
    put(batch, Family::Lanes, key.as_bytes(), lane);
}

/// The parse state of a source partition.
///
/// # Errors
/// The store cannot be read.
pub fn stash(store: &Store, partition: Partition) -> Result<Option<Stashes>, StoreError> {
    read(store, Family::Stashes, &partition.0.to_be_bytes())
}

/// Keeps the parse state of a source partition.
pub fn put_stash(batch: &mut Batch<'_>, partition: Partition, stash: &Stashes) {
    put(batch, Family::Stashes, &partition.0.to_be_bytes(), stash);
}

/// The sequence that the next message gets.
///
/// # Errors
/// The store cannot be read.
pub fn next_message(store: &Store, tray: Tray) -> Result<u64, StoreError> {
    Ok(read(store, Family::Meta, tray.next_key())?.unwrap_or(0))
}

/// Keeps the sequence that the next message gets.
pub fn put_next_message(batch: &mut Batch<'_>, tray: Tray, next: u64) {
    put(batch, Family::Meta, tray.next_key(), &next);
}

/// Puts something to be told into the outbox, under the number of its last message; how long that is.
/// Unit: bytes.
pub fn put_told(batch: &mut Batch<'_>, tray: Tray, sequence: u64, told: &Told) -> usize {
    put(batch, tray.family(), &sequence.to_be_bytes(), told)
}

/// Drops what holds no message but those from `from` up to `before` from the outbox.
pub fn drop_told(batch: &mut Batch<'_>, tray: Tray, from: u64, before: u64) {
    batch.delete_range(tray.family(), &from.to_be_bytes(), &before.to_be_bytes());
}

/// Names the numbers of the outbox: another name means other messages.
///
/// # Errors
/// The store cannot be read or written.
pub fn outbox_name(store: &Store) -> Result<String, StoreError> {
    if let Some(name) = read(store, Family::Meta, OUTBOX_NAME)? {
        return Ok(name);
    }
    let name = format!("{:016x}{:016x}", random(), random());
    let mut batch = store.batch();
    put(&mut batch, Family::Meta, OUTBOX_NAME, &name);
    store.commit(batch)?;
    Ok(name)
}

/// Without a source of randomness the time is as good: stores are made seldom.
fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| super::pace::wall().0.cast_unsigned())
}

/// The outbox from what holds the message of this number on: each with the number of its last message.
///
/// # Errors
/// Each step may fail to read.
pub fn told(
    store: &Store,
    tray: Tray,
    from: u64,
) -> impl Iterator<Item = Result<(u64, Told), StoreError>> + use<'_> {
    store.scan(tray.family(), &from.to_be_bytes()).map(move |entry| {
        let (key, value) = entry?;
        let bytes = <[u8; 8]>::try_from(&*key).unwrap_or_default();
        let told = serde_json::from_slice(&value)
            .map_err(|source| store.unreadable(tray.family(), &key, source))?;
        Ok((u64::from_be_bytes(bytes), told))
    })
}

/// The number under which a dialect is known, given now and kept if it is new.
///
/// # Errors
/// The store cannot be read or written.
pub fn dialect(store: &Store, dialect: &Dialect) -> Result<u32, StoreError> {
    let known = store.scan_prefix(Family::Meta, DIALECTS);
    let mut next = 0;
    for entry in known {
        let (key, value) = entry?;
        let number = key.get(DIALECTS.len()..).and_then(|bytes| bytes.try_into().ok());
        let number = number.map_or(0, u32::from_be_bytes);
        let read: Dialect = serde_json::from_slice(&value)
            .map_err(|source| store.unreadable(Family::Meta, &key, source))?;
        if read == *dialect {
            return Ok(number);
        }
        next = number + 1;
    }
    let mut batch = store.batch();
    put(&mut batch, Family::Meta, &dialect_key(next), dialect);
    store.commit(batch)?;
    Ok(next)
}

/// The dialect of that number.
///
/// # Errors
/// The store cannot be read.
pub fn dialect_of(store: &Store, number: u32) -> Result<Option<Dialect>, StoreError> {
    read(store, Family::Meta, &dialect_key(number))
}

/// Keeps what the scenarios of buckets are called: a bucket's key has a hash only.
///
/// # Errors
/// The store cannot be read or written.
pub fn put_scenarios<'a>(
    store: &Store,
    scenarios: impl Iterator<Item = (u64, &'a str)>,
) -> Result<(), StoreError> {
    let mut batch = store.batch();
    for (family, name) in scenarios {
        if scenario(store, family)?.as_deref() != Some(name) {
            put(&mut batch, Family::Meta, &scenario_key(family), &name);
        }
    }
    match batch.is_empty() {
        true => Ok(()),
        false => store.commit(batch),
    }
}

/// What the scenario of buckets is called.
///
/// # Errors
/// The store cannot be read.
pub fn scenario(store: &Store, family: u64) -> Result<Option<String>, StoreError> {
    read(store, Family::Meta, &scenario_key(family))
}

fn scenario_key(family: u64) -> Vec<u8> {
    [SCENARIOS, &family.to_be_bytes()].concat()
}

fn dialect_key(number: u32) -> Vec<u8> {
    [DIALECTS, &number.to_be_bytes()].concat()
}

/// How far an output is: the sequence of its next message.
///
/// # Errors
/// The store cannot be read.
pub fn output(store: &Store, tray: Tray, name: &str) -> Result<Option<u64>, StoreError> {
    read(store, Family::Outputs, &tray.output_key(name))
}

/// Keeps how far an output is.
pub fn put_output(batch: &mut Batch<'_>, tray: Tray, name: &str, next: u64) {
    put(batch, Family::Outputs, &tray.output_key(name), &next);
}
