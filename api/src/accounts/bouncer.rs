//! A bouncer: what enforces decisions.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::Proof;
use crate::index::stream::Cursor;

/// A bouncer as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bouncer {
    /// Its name.
    pub name: String,
    /// SHA-512 of its key, in lower-case hexadecimal.
    pub key: String,
    /// Whether the key no longer counts.
    pub revoked: bool,
    /// Its address, "" before its first request.
    pub ip: String,
    /// What it is, as its User-Agent says.
    pub kind: String,
    /// Its version, as its User-Agent says.
    pub version: String,
    /// How it proves who it is.
    pub proof: Proof,
    /// Whether its first request made this row.
    pub auto_created: bool,
    /// When it was made. Unit: nanoseconds since the Unix epoch.
    pub created: i64,
    /// When it changed last.
    pub updated: i64,
    /// When it last asked for decisions, 0 for never.
    pub last_pull: i64,
    /// Commits of its last answer and the one before, 0 for none.
    pub told: (u64, u64),
    /// Name, family and version of its system.
    pub os: (String, String, String),
    /// Its feature flags.
    pub features: Vec<String>,
    /// What its blocklists may hold at most, as a query; a request narrows it.
    pub blocklist: String,
}

impl Bouncer {
    /// Whether it may prove itself so.
    pub fn is_usable(&self, proof: Proof) -> bool {
        !self.revoked && self.proof == proof
    }
}

/// A bouncer in memory: its row, and what changes with each request.
#[derive(Debug)]
pub struct BouncerEntry {
    row: ArcSwap<Bouncer>,
    last_pull: AtomicI64,
    told: AtomicU64,
    told_before: AtomicU64,
    unsaved: AtomicBool,
}

impl BouncerEntry {
    pub(super) fn new(row: Bouncer) -> Self {
        Self {
            last_pull: AtomicI64::new(row.last_pull),
            told: AtomicU64::new(row.told.0),
            told_before: AtomicU64::new(row.told.1),
            unsaved: AtomicBool::new(false),
            row: ArcSwap::from_pointee(row),
        }
    }

    /// Its row; when it was seen is in [`BouncerEntry::last_pull`].
    pub fn row(&self) -> Arc<Bouncer> {
        self.row.load_full()
    }

    pub(super) fn set_row(&self, row: Bouncer) {
        self.row.store(Arc::new(row));
    }

    /// When it last asked for decisions, 0 for never. Unit: nanoseconds since the Unix epoch.
    pub fn last_pull(&self) -> i64 {
        self.last_pull.load(Ordering::Relaxed)
    }

    /// Notes that it asked for decisions.
    pub fn pulled(&self, now: i64) {
        self.last_pull.store(now, Ordering::Relaxed);
        self.unsaved.store(true, Ordering::Release);
    }

    /// Up to where it was told; `None` before its first answer.
    pub fn cursor(&self) -> Option<Cursor> {
        let seq = self.told.load(Ordering::Acquire);
        (seq > 0).then(|| Cursor { seq, before: self.told_before.load(Ordering::Acquire) })
    }

    /// Notes up to where it was told.
    pub fn told(&self, cursor: Cursor) {
        self.told_before.store(cursor.before, Ordering::Release);
        self.told.store(cursor.seq, Ordering::Release);
        self.unsaved.store(true, Ordering::Release);
    }

    /// Notes what it is; kept a little later.
    pub fn is_of(&self, kind: &str, version: &str) {
        let row = self.row.load();
        if row.kind != kind || row.version != version {
            let (kind, version) = (kind.to_owned(), version.to_owned());
            self.row.store(Arc::new(Bouncer { kind, version, ..(**row).clone() }));
            self.unsaved.store(true, Ordering::Release);
        }
    }

    /// Changes its row; kept a little later.
    pub fn change_later(&self, change: impl FnOnce(&mut Bouncer)) {
        let mut row = (*self.row()).clone();
        change(&mut row);
        self.set_row(row);
        self.unsaved.store(true, Ordering::Release);
    }

    pub(super) fn take_unsaved(&self) -> Option<Bouncer> {
        self.unsaved.swap(false, Ordering::AcqRel).then(|| {
            let told =
                (self.told.load(Ordering::Acquire), self.told_before.load(Ordering::Acquire));
            Bouncer { last_pull: self.last_pull(), told, ..(*self.row()).clone() }
        })
    }
}
