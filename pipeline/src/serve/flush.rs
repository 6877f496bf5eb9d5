//! What is forgotten when (crowdsec pkg/database/flush.go): old alerts without an active decision,
//! decisions that ended and of which everybody was told, old metrics.

use std::collections::BTreeSet;

use super::census::AlertCensus;
use super::kept::{self, number};
use super::places;
use super::row::{AlertRow, DecisionRow, End, Shared};
use super::silence::Silence;
use super::usage;
use crate::judge::outbox;
use crate::state::{Batch, Family, Store, StoreError};

const DAY: i64 = 86_400 * 1_000_000_000;
const FLOOR: &[u8] = b"serve floor";
/// Changes of one batch.
const MOST_CHANGES: usize = 20_000;

/// What is forgotten when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Age of alerts; `None` for ever. Unit: nanoseconds.
    pub alert_age: Option<i64>,
    /// Alerts that are kept at most; `None` for all.
    pub alerts: Option<u64>,
    /// Age of usage metrics. Unit: nanoseconds.
    pub metrics_age: i64,
    /// How long removals are told. Unit: nanoseconds.
    pub removal_age: i64,
    /// After how long without a word accounts go.
    pub silence: Silence,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            alert_age: Some(7 * DAY),
            alerts: Some(5_000),
            metrics_age: 7 * DAY,
            removal_age: 7 * DAY,
            silence: Silence::default(),
        }
    }
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Alerts.
    pub alerts: u64,
    /// Decisions.
    pub decisions: u64,
}

/// Forgets what is old at `now`.
///
/// # Errors
/// The store cannot be read or written.
pub fn flush(
    (store, census): (&Store, &AlertCensus),
    retention: Retention,
    now: i64,
) -> Result<Flushed, StoreError> {
    let mut flushed = Flushed { alerts: alerts((store, census), retention, now)?, decisions: 0 };
    flushed.decisions = decisions(store, retention, now)?;
    usage::forget(store, now.saturating_sub(retention.metrics_age))?;
    if flushed != Flushed::default() {
        let Flushed { alerts, decisions } = flushed;
        tracing::info!(alerts, decisions, "what is old is forgotten");
    }
    Ok(flushed)
}

/// Forgets old alerts without an active decision; how many went.
///
/// # Errors
/// The store cannot be read or written.
pub fn alerts(
    (store, census): (&Store, &AlertCensus),
    retention: Retention,
    now: i64,
) -> Result<u64, StoreError> {
    let last = store.scan_back(Family::Alerts, &[0xff; 9]).next().transpose()?;
    let last = last.and_then(|(key, _)| number(&key)).unwrap_or(0);
    let surplus = retention.alerts.map_or(0, |most| last.saturating_sub(most));
    let untold = outbox::oldest_untold(store)?;
    let mut batch = store.batch();
    let mut count = 0;
    for entry in store.scan(Family::Alerts, &[]) {
        let (key, bytes) = entry?;
        let (Some(id), Some(row)) = (number(&key), AlertRow::decode(&bytes)) else { continue };
        let old = retention.alert_age.is_some_and(|age| now.saturating_sub(row.created) > age);
        // They lie in the order in which they were kept.
        if (!old && id >= surplus) || untold.is_some_and(|untold| id >= untold) {
            break;
        }
        let Some(kept) = kept::kept(store, id)? else { continue };
        if kept.decisions.iter().any(|record| record.until > now) {
            continue;
        }
        places::take(&mut batch, &kept);
        census.gone(&kept);
        batch.delete(Family::Alerts, &id.to_be_bytes());
        count += 1;
        commit_if_long(store, &mut batch)?;
    }
    store.commit(batch)?;
    Ok(count)
}

/// Ends by commits up to this one may have been forgotten.
///
/// # Errors
/// The store cannot be read.
pub fn floor(store: &Store) -> Result<u64, StoreError> {
    let bytes = store.get(Family::Meta, FLOOR)?;
    Ok(bytes.and_then(|bytes| number(&bytes)).unwrap_or(0))
}

/// Decisions whose end is old and whose alert is gone.
fn decisions(store: &Store, retention: Retention, now: i64) -> Result<u64, StoreError> {
    let mut batch = store.batch();
    let mut gone: BTreeSet<u64> = BTreeSet::new();
    let mut count = 0;
    let mut floor = floor(store)?;
    let mut shared = Shared::default();
    for entry in store.scan(Family::Ends, &[]) {
        let (key, bytes) = entry?;
        let (Some(id), Some(end)) = (number(&key), End::decode(&bytes)) else { continue };
        if now.saturating_sub(end.at) <= retention.removal_age {
            continue;
        }
        let bytes = store.get(Family::Decisions, &key)?;
        if let Some(row) = bytes.and_then(|bytes| DecisionRow::decode(id, &bytes, &mut shared)) {
            let alert = row.record.alert;
            if !gone.contains(&alert) {
                if store.get(Family::Alerts, &alert.to_be_bytes())?.is_some() {
                    continue;
                }
                gone.insert(alert);
            }
            batch.delete(Family::Names, &row.record.hash.to_be_bytes());
        }
        batch.delete(Family::Decisions, &key);
        batch.delete(Family::Ends, &key);
        floor = floor.max(end.seq);
        batch.put(Family::Meta, FLOOR, &floor.to_be_bytes());
        count += 1;
        commit_if_long(store, &mut batch)?;
    }
    store.commit(batch)?;
    Ok(count)
}

fn commit_if_long<'a>(store: &'a Store, batch: &mut Batch<'a>) -> Result<(), StoreError> {
    match batch.len() >= MOST_CHANGES {
        true => store.commit(std::mem::replace(batch, store.batch())),
        false => Ok(()),
    }
}
