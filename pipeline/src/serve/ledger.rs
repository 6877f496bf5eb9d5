//! What is written when alerts and decisions come and go. Each commit has a number; alerts and
//! decisions get running numbers in the order of commits. All of it goes into the caller's batch, so
//! that it becomes real together with whatever else the caller keeps.

use std::ops::Range;
use std::sync::Arc;

use api::archive::KeptAlert;
use api::record::Record;
use operators::alert::{Alert, Decision};
use serde::{Deserialize, Serialize};

use super::census::{AlertCensus, counts};
use super::places;
use super::row::{AlertRow, DecisionRow, End};
use crate::state::{Batch, Family, Store, StoreError};

const COUNTERS: &[u8] = b"serve counters";

/// The last numbers that were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Commits.
    pub seq: u64,
    /// Alerts.
    pub alert: u64,
    /// Decisions.
    pub decision: u64,
}

/// Gives numbers.
#[derive(Debug)]
pub struct Ledger {
    counters: Counters,
    census: AlertCensus,
}

/// What a commit means for the view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// The commit.
    pub seq: u64,
    /// When it was made. Unit: nanoseconds since the Unix epoch.
    pub now: i64,
    /// Decisions that began, by number, each with the commit.
    pub begun: Vec<(u64, Record)>,
    /// Numbers of decisions that ended, and when.
    pub ended: Vec<(u64, i64)>,
}

impl Feed {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.ended.is_empty()
    }
}

/// An alert to be written, with its decisions.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Who found it.
    pub machine: Arc<str>,
    /// `crowdsec`, `cscli` and so on.
    pub kind: Arc<str>,
    /// The alert and what was decided.
    pub alert: Alert,
}

/// An alert that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its number.
    pub id: u64,
    /// Numbers of its decisions.
    pub decisions: Range<u64>,
    /// What it takes in the store, about. Unit: bytes.
    pub size: usize,
    /// The alert, with its decisions.
    pub alert: Arc<Alert>,
    /// Who found it.
    pub machine: Arc<str>,
}

/// A commit in the making.
#[derive(Debug)]
pub struct Commit {
    counters: Counters,
    feed: Feed,
    rows: Rows,
    census: AlertCensus,
}

/// Decisions that are to be written with a commit: that may wait until the view has its part.
#[must_use]
#[derive(Debug, Default)]
pub struct Rows {
    alerts: Vec<Kept>,
}

/// An alert with its decisions, of which the first has this number.
#[derive(Debug)]
struct Kept {
    found: places::Found,
    alert: Arc<Alert>,
    first: u64,
    born: u64,
}

impl Kept {
    fn decisions(&self) -> impl Iterator<Item = (u64, &Decision)> {
        (self.first..).zip(&self.alert.decisions)
    }
}

impl Rows {
    /// Writes them.
    pub fn write(self, batch: &mut Batch<'_>) {
        let count = self.alerts.iter().map(|kept| kept.alert.decisions.len() + 2).sum();
        let mut names = Vec::with_capacity(count);
        let mut entries = places::Entries::with_capacity(count);
        for kept in self.alerts {
            let decisions = kept.decisions().map(|(id, one)| (id, &*one.scenario, &*one.value));
            places::put(&mut entries, &kept.found, decisions);
            let made = kept.alert.stop_at.at;
            for (id, decision) in kept.decisions() {
                let row = DecisionRow::encode(decision, kept.found.alert, kept.born, made);
                batch.put(Family::Decisions, &id.to_be_bytes(), &row);
                names.push((decision.id, id));
            }
        }
        // The store finds the place of the next key from that of the last one.
        entries.sort_unstable();
        for (key, value) in entries {
            batch.put(Family::AlertPlaces, &key, &value);
        }
        names.sort_unstable();
        for (hash, id) in names {
            batch.put(Family::Names, &hash.to_be_bytes(), &id.to_be_bytes());
        }
    }
}

impl Ledger {
    /// Goes on with the numbers of a store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: &Store, census: AlertCensus) -> Result<Self, StoreError> {
        Ok(Self { counters: counters(store)?, census })
    }

    /// The last numbers that were given.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Begins a commit at a time. Unit: nanoseconds since the Unix epoch.
    pub fn begin(&self, now: i64) -> Commit {
        let seq = self.counters.seq + 1;
        let feed = Feed { seq, now, ..Feed::default() };
        let (counters, census) = (Counters { seq, ..self.counters }, self.census.clone());
        Commit { counters, feed, rows: Rows::default(), census }
    }

    /// Ends a commit: writes the numbers. What comes back is for the view, and what is to be written
    /// still.
    pub fn finish(&mut self, commit: Commit, batch: &mut Batch<'_>) -> (Feed, Rows) {
        self.counters = commit.counters;
        self.write(batch);
        (commit.feed, commit.rows)
    }

    fn write(&self, batch: &mut Batch<'_>) {
        let bytes = serde_json::to_vec(&self.counters).unwrap_or_default();
        batch.put(Family::Meta, COUNTERS, &bytes);
    }
}

impl Commit {
    /// The number of this commit.
    pub fn seq(&self) -> u64 {
        self.counters.seq
    }

    /// What is to be written so far.
    pub fn rows(&mut self) -> Rows {
        std::mem::take(&mut self.rows)
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.feed.is_empty()
    }

    /// When it is made. Unit: nanoseconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        self.feed.now
    }

    /// Writes an alert, and its decisions with the rows of the commit.
    ///
    /// # Errors
    /// It cannot be written as MessagePack.
    pub fn alert(
        &mut self,
        batch: &mut Batch<'_>,
        judged: Judged,
    ) -> Result<Written, rmp_serde::encode::Error> {
        self.alert_of(batch, judged, self.feed.now)
    }

    /// The same for an alert that was kept elsewhere before, at `created`.
    ///
    /// # Errors
    /// It cannot be written as MessagePack.
    pub fn alert_of(
        &mut self,
        batch: &mut Batch<'_>,
        judged: Judged,
        created: i64,
    ) -> Result<Written, rmp_serde::encode::Error> {
        let Judged { machine, kind, alert } = judged;
        self.counters.alert += 1;
        let id = self.counters.alert;
        let first = self.counters.decision + 1;
        let count = alert.decisions.len() as u64;
        self.feed.begun.reserve(alert.decisions.len());
        for decision in &alert.decisions {
            self.counters.decision += 1;
            let record = Record {
                id: self.counters.decision,
                hash: decision.id,
                alert: id,
                until: decision.until.0,
                origin: Arc::clone(&decision.origin),
                kind: Arc::clone(&decision.kind),
                scope: Arc::clone(&decision.scope),
                value: Arc::clone(&decision.value),
                scenario: Arc::clone(&decision.scenario),
                simulated: decision.simulated,
            };
            self.begin(batch, record);
        }
        let found = places::Found {
            alert: id,
            scenario: Arc::clone(&alert.scenario),
            source: Arc::clone(&alert.source.value),
            counts: counts(&alert.source.scope, alert.decisions.iter().map(|one| &*one.origin)),
        };
        if found.counts {
            self.census.add(&found.scenario);
        }
        let mut row = AlertRow { created, machine, kind, first, count, alert };
        let bytes = row.encode()?;
        batch.put(Family::Alerts, &id.to_be_bytes(), &bytes);
        let AlertRow { machine, alert, .. } = row;
        let alert = Arc::new(alert);
        let born = self.counters.seq;
        self.rows.alerts.push(Kept { found, alert: Arc::clone(&alert), first, born });
        let size = bytes.len() + alert.decisions.len() * DecisionRow::ABOUT;
        Ok(Written { id, decisions: first..first + count, size, alert, machine })
    }

    fn begin(&mut self, batch: &mut Batch<'_>, record: Record) {
        if record.until > self.feed.now {
            self.feed.begun.push((self.counters.seq, record));
        } else {
            // It was over before it came.
            let end = End { seq: self.counters.seq, at: record.until };
            batch.put(Family::Ends, &record.id.to_be_bytes(), &end.encode());
        }
    }

    /// Writes that an active decision ends, by hand or by time.
    pub fn end(&mut self, batch: &mut Batch<'_>, id: u64, at: i64) {
        let end = End { seq: self.counters.seq, at };
        batch.put(Family::Ends, &id.to_be_bytes(), &end.encode());
        self.feed.ended.push((id, at));
    }

    /// Removes an alert. Its decisions must have ended, or end with this commit; they stay until
    /// everybody was told.
    pub fn remove_alert(&mut self, batch: &mut Batch<'_>, kept: &KeptAlert) {
        batch.delete(Family::Alerts, &kept.id.to_be_bytes());
        places::take(batch, kept);
        self.census.gone(kept);
    }
}

/// The last numbers that were given in a store.
///
/// # Errors
/// The store cannot be read.
pub fn counters(store: &Store) -> Result<Counters, StoreError> {
    let bytes = store.get(Family::Meta, COUNTERS)?;
    let counters = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(counters.unwrap_or_default())
}
