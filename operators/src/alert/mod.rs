//! Overflows, alerts and decisions, under the names of CrowdSec's API.
//!
//! ```text
//! bucket ─▶ Overflow ─ postoverflow ─▶ Alert (one per source) ─ profile ─▶ Decision ─▶ wire (JSON)
//! ```

pub mod identity;
pub mod listed;
pub mod wire;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::listed::Listed;

use crate::place::{OrderKey, Partition};
use crate::time::{EventTime, Stamp};

/// Who did it. Field names follow CrowdSec's `models.Source`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// `Ip`, `Range`, `Country`, `AS` or a scenario's own.
    pub scope: Arc<str>,
    /// The value within the scope.
    pub value: Arc<str>,
    /// Address, "" for other scopes than Ip and Range.
    pub ip: Arc<str>,
    /// Network of the address in CIDR notation, "" where unknown.
    pub range: Arc<str>,
    /// Country code.
    pub cn: Arc<str>,
    /// Name of the AS.
    pub as_name: Arc<str>,
    /// Number of the AS as text.
    pub as_number: Arc<str>,
    /// Degrees.
    pub latitude: f32,
    /// Degrees.
    pub longitude: f32,
}

/// An event as an alert lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertEvent {
    /// RFC 3339.
    pub timestamp: Arc<str>,
    /// Meta, by key.
    pub meta: Vec<(Arc<str>, Arc<str>)>,
}

/// Where a line that caused an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Coordinate {
    /// The source partition.
    pub partition: Partition,
    /// Position within it. Unit: bytes for files.
    pub position: u64,
}

/// A bucket that overflowed, as `evt.Overflow` shows it (CrowdSec's `RuntimeAlert`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Overflow {
    /// Key of the bucket (hexadecimal).
    pub map_key: Arc<str>,
    /// Whether a postoverflow whitelisted it.
    pub whitelisted: bool,
    /// Whether it is matched again: the scenario wants that, and it is not too deep.
    pub reprocess: bool,
    /// How many overflows follow one from another up to this one: 1 where lines alone overflowed.
    #[serde(default)]
    pub depth: u32,
    /// One per source value, by value.
    pub sources: BTreeMap<Arc<str>, Source>,
    /// The alert; `alert.source` is the first of `sources`.
    pub alert: Alert,
}

impl Overflow {
    /// One alert per source, by value. With a single source it is the alert as postoverflows left
    /// it; with several, copies of it that differ in their source alone (crowdsec
    /// cmd/crowdsec/output.go).
    pub fn alerts(&self) -> Vec<Alert> {
        if self.sources.len() <= 1 {
            return vec![self.alert.clone()];
        }
        let of = |source: &Source| Alert { source: source.clone(), ..self.alert.clone() };
        self.sources.values().map(of).collect()
    }
}

/// An alert (CrowdSec's `models.Alert`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// Where it stands in the run: the record (or deadline) that caused it.
    pub cause: OrderKey,
    /// Key of the bucket (hexadecimal), part of what names the alert and its decisions.
    pub bucket: Arc<str>,
    /// Name of the scenario.
    pub scenario: Arc<str>,
    /// Hash of the scenario's content.
    pub scenario_hash: Arc<str>,
    /// Version of the scenario, "" for a local one.
    pub scenario_version: Arc<str>,
    /// Labels of the scenario. CrowdSec's alerts do not carry them.
    pub labels: Arc<BTreeMap<Arc<str>, serde_json::Value>>,
    /// Capacity of the bucket.
    pub capacity: i32,
    /// Leak speed as Go prints a duration.
    pub leakspeed: Arc<str>,
    /// Events that the bucket took in all.
    pub events_count: i32,
    /// First event.
    pub start_at: Stamp,
    /// The overflow.
    pub stop_at: Stamp,
    /// `<scope> <value> performed '<scenario>' (<n> events over <duration>) at <time>`.
    pub message: Arc<str>,
    /// Whether the scenario is simulated.
    pub simulated: bool,
    /// Whether the scenario asks for remediation.
    pub remediation: bool,
    /// Who did it.
    pub source: Source,
    /// Events of the queue, oldest first.
    pub events: Arc<Vec<Listed>>,
    /// Alert context: key and JSON array text, by key.
    pub meta: Vec<(Arc<str>, Arc<str>)>,
    /// Lines that caused it, oldest first.
    pub coordinates: Arc<Vec<Coordinate>>,
    /// What was decided, filled by the profiles.
    pub decisions: Vec<Decision>,
    /// Which one of its bucket it is of those with this cause, from 0.
    #[serde(default)]
    pub nth: u32,
}

impl Alert {
    /// *The* order of alerts: by cause, scenario, bucket, its overflow, source value.
    pub fn in_order(&self, other: &Self) -> Ordering {
        (self.cause.cmp(&other.cause))
            .then_with(|| self.scenario.cmp(&other.scenario))
            .then_with(|| self.bucket.cmp(&other.bucket))
            .then_with(|| self.nth.cmp(&other.nth))
            .then_with(|| self.source.value.cmp(&other.source.value))
            .then_with(|| self.source.scope.cmp(&other.source.scope))
    }
}

/// A decision (CrowdSec's `models.Decision`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Hash of (scenario, version, bucket key, coordinates, profile, index, source value): law 4.
    /// 63 bits, as Go's clients read it into an `int64`.
    pub id: u64,
    /// `crowdsec` or `crowdsec/<origin>`.
    pub origin: Arc<str>,
    /// `ban`, `captcha` or a custom type.
    pub kind: Arc<str>,
    /// Scope of the value.
    pub scope: Arc<str>,
    /// What it applies to.
    pub value: Arc<str>,
    /// How long, as the profile wrote it (`4h`, `2d`).
    pub duration: Arc<str>,
    /// When it ends.
    pub until: EventTime,
    /// Name of the scenario.
    pub scenario: Arc<str>,
    /// Whether it must not be enforced.
    pub simulated: bool,
}
