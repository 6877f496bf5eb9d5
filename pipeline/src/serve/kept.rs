//! Alerts and decisions in the store, read again by their numbers: as they are now, or as they were made.

use std::sync::Arc;

use api::archive::KeptAlert;
use api::record::Record;
use operators::alert::{Alert, Decision};

use super::row::{AlertRow, DecisionRow, End, Shared};
use crate::state::{Family, Store, StoreError};

/// An alert by its number, with its decisions.
///
/// # Errors
/// The store cannot be read.
pub fn kept(store: &Store, id: u64) -> Result<Option<KeptAlert>, StoreError> {
    let bytes = store.get(Family::Alerts, &id.to_be_bytes())?;
    let row = bytes.and_then(|bytes| AlertRow::decode(&bytes));
    row.map(|row| with_decisions(store, id, row)).transpose()
}

/// An alert of which the row is known, with its decisions.
///
/// # Errors
/// The store cannot be read.
pub fn with_decisions(store: &Store, id: u64, row: AlertRow) -> Result<KeptAlert, StoreError> {
    let decisions = rows(store, row.first, row.count).map(|row| as_ended(store, row?.record));
    let decisions = decisions.collect::<Result<_, _>>()?;
    let AlertRow { created, machine, kind, alert, .. } = row;
    Ok(KeptAlert { id, created, machine, kind, alert, decisions })
}

/// An alert by its number, with its decisions as they were made, and who found it.
///
/// # Errors
/// The store cannot be read.
pub fn as_made(store: &Store, id: u64) -> Result<Option<(Alert, Arc<str>)>, StoreError> {
    let bytes = store.get(Family::Alerts, &id.to_be_bytes())?;
    let Some(row) = bytes.and_then(|bytes| AlertRow::decode(&bytes)) else { return Ok(None) };
    let AlertRow { mut alert, machine, first, count, .. } = row;
    alert.decisions = decisions_as_made(store, first, count)?;
    Ok(Some((alert, machine)))
}

/// So many decisions, from a number on, as they were made.
///
/// # Errors
/// The store cannot be read.
pub fn decisions_as_made(
    store: &Store,
    first: u64,
    count: u64,
) -> Result<Vec<Decision>, StoreError> {
    rows(store, first, count).map(|row| row.map(Decision::from)).collect()
}

/// A decision by its number, as it was made.
///
/// # Errors
/// The store cannot be read.
pub fn decision_as_made(store: &Store, id: u64) -> Result<Option<Decision>, StoreError> {
    let bytes = store.get(Family::Decisions, &id.to_be_bytes())?;
    let row = bytes.and_then(|bytes| DecisionRow::decode(id, &bytes, &mut Shared::default()));
    Ok(row.map(Decision::from))
}

/// So many decisions, from a number on.
fn rows(
    store: &Store,
    first: u64,
    count: u64,
) -> impl Iterator<Item = Result<DecisionRow, StoreError>> + use<'_> {
    let last = first.saturating_add(count);
    let mut shared = Shared::default();
    let entries = (count > 0).then(|| store.scan(Family::Decisions, &first.to_be_bytes()));
    let numbered = entries.into_iter().flatten().map(|entry| {
        let (key, bytes) = entry?;
        Ok((number(&key).unwrap_or(u64::MAX), bytes))
    });
    let ours = numbered.take_while(move |entry| match entry {
        Ok((number, _)) => *number < last,
        Err(_) => true,
    });
    ours.filter_map(move |entry| match entry {
        Ok((number, bytes)) => DecisionRow::decode(number, &bytes, &mut shared).map(Ok),
        Err(error) => Some(Err(error)),
    })
}

/// The decision, ending when it did.
///
/// # Errors
/// The store cannot be read.
pub fn as_ended(store: &Store, mut record: Record) -> Result<Record, StoreError> {
    let end = store.get(Family::Ends, &record.id.to_be_bytes())?;
    if let Some(end) = end.and_then(|bytes| End::decode(&bytes)) {
        record.until = record.until.min(end.at);
    }
    Ok(record)
}

/// The number that a key is.
pub fn number(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}
