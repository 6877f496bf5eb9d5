//! A machine: an agent that posts alerts, or a person with cscli.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use super::Proof;

/// A machine as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Its name.
    pub id: String,
    /// Hash of its password: argon2, or bcrypt until its next login.
    pub password: String,
    /// Its address.
    pub ip: String,
    /// Its version, as its User-Agent says.
    pub version: String,
    /// Names of its scenarios, joined by commas.
    pub scenarios: String,
    /// Whether it may log in.
    pub validated: bool,
    /// Whether it may administer this server.
    pub admin: bool,
    /// How it proves who it is.
    pub proof: Proof,
    /// When it was made. Unit: nanoseconds since the Unix epoch.
    pub created: i64,
    /// When it changed last.
    pub updated: i64,
    /// When it last posted alerts, 0 for never.
    pub last_push: i64,
    /// When it last said that it lives, 0 for never.
    pub last_heartbeat: i64,
    /// Name, family and version of its system.
    pub os: (String, String, String),
    /// Its feature flags.
    pub features: Vec<String>,
    /// Its hub items, as it sent them.
    pub hub_items: Option<serde_json::Value>,
    /// How many sources of each kind it reads.
    pub datasources: Option<serde_json::Value>,
}

/// A machine in memory: its row, and when it was seen.
#[derive(Debug)]
pub struct MachineEntry {
    row: ArcSwap<Machine>,
    last_push: AtomicI64,
    last_heartbeat: AtomicI64,
    unsaved: AtomicBool,
}

impl MachineEntry {
    pub(super) fn new(row: Machine) -> Self {
        Self {
            last_push: AtomicI64::new(row.last_push),
            last_heartbeat: AtomicI64::new(row.last_heartbeat),
            unsaved: AtomicBool::new(false),
            row: ArcSwap::from_pointee(row),
        }
    }

    /// The server itself: it finds alerts of its own, and whoever is at the Unix socket acts for it.
    /// It is never kept.
    pub fn of_server(name: &str) -> Self {
        Self::new(Machine { id: name.to_owned(), validated: true, ..Machine::default() })
    }

    /// Its row; when it was seen is told by the methods below.
    pub fn row(&self) -> Arc<Machine> {
        self.row.load_full()
    }

    pub(super) fn set_row(&self, row: Machine) {
        self.row.store(Arc::new(row));
    }

    /// When it last posted alerts, 0 for never. Unit: nanoseconds since the Unix epoch.
    pub fn last_push(&self) -> i64 {
        self.last_push.load(Ordering::Relaxed)
    }

    /// When it last said that it lives, 0 for never. Unit: nanoseconds since the Unix epoch.
    pub fn last_heartbeat(&self) -> i64 {
        self.last_heartbeat.load(Ordering::Relaxed)
    }

    /// Notes that it posted alerts.
    pub fn pushed(&self, now: i64) {
        self.last_push.store(now, Ordering::Relaxed);
        self.unsaved.store(true, Ordering::Release);
    }

    /// Notes that it lives.
    pub fn lives(&self, now: i64) {
        self.last_heartbeat.store(now, Ordering::Relaxed);
        self.unsaved.store(true, Ordering::Release);
    }

    /// Changes its row; kept a little later.
    pub fn change_later(&self, change: impl FnOnce(&mut Machine)) {
        let mut row = (*self.row()).clone();
        change(&mut row);
        self.set_row(row);
        self.unsaved.store(true, Ordering::Release);
    }

    pub(super) fn take_unsaved(&self) -> Option<Machine> {
        self.unsaved.swap(false, Ordering::AcqRel).then(|| {
            let (last_push, last_heartbeat) = (self.last_push(), self.last_heartbeat());
            Machine { last_push, last_heartbeat, ..(*self.row()).clone() }
        })
    }
}
