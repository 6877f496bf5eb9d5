//! Alerts as CrowdSec's API writes them in JSON (`models.Alert`): a promise to whoever reads them.
//! `coordinates` is ours; CrowdSec's names keep its types.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{Alert, AlertEvent, Decision, Listed, Source};
use crate::order::Partition;
use crate::time::Stamp;

/// An alert in the order in which Go's encoder writes its fields.
#[derive(Clone, Debug, Serialize)]
pub struct WireAlert<'a> {
    capacity: i32,
    coordinates: Vec<WireCoordinate>,
    created_at: String,
    decisions: Vec<WireDecision<'a>>,
    events: Vec<&'a RawValue>,
    events_count: i32,
    id: u64,
    kind: &'static str,
    /// Always null: CrowdSec has a list of strings here and never fills it.
    labels: Option<Vec<String>>,
    leakspeed: &'a str,
    machine_id: &'a str,
    message: &'a str,
    meta: Vec<WireMeta<'a>>,
    remediation: bool,
    scenario: &'a str,
    scenario_hash: &'a str,
    scenario_version: &'a str,
    simulated: bool,
    source: WireSource<'a>,
    start_at: String,
    stop_at: String,
    uuid: String,
}

#[derive(Clone, Debug, Serialize)]
struct WireCoordinate {
    file: Arc<str>,
    offset: u64,
}

/// A decision under the names of CrowdSec's API.
#[derive(Clone, Debug, Serialize)]
pub struct WireDecision<'a> {
    duration: &'a str,
    id: u64,
    origin: &'a str,
    scenario: &'a str,
    scope: &'a str,
    simulated: bool,
    #[serde(rename = "type")]
    kind: &'a str,
    until: String,
    value: &'a str,
}

#[derive(Clone, Debug, Serialize)]
struct WireEvent<'a> {
    meta: Vec<WireMeta<'a>>,
    timestamp: &'a str,
}

#[derive(Clone, Debug, Serialize)]
struct WireMeta<'a> {
    key: &'a str,
    value: &'a str,
}

#[derive(Clone, Debug, Serialize)]
struct WireSource<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    as_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    as_number: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cn: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ip: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    latitude: f32,
    #[serde(skip_serializing_if = "is_zero")]
    longitude: f32,
    #[serde(skip_serializing_if = "str::is_empty")]
    range: &'a str,
    scope: &'a str,
    value: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(degrees: &f32) -> bool {
    *degrees == 0.0
}

impl<'a> WireAlert<'a> {
    /// The JSON form of `alert`. `file` names a source partition; `machine` is who detected it.
    pub fn new(alert: &'a Alert, machine: &'a str, file: &dyn Fn(Partition) -> Arc<str>) -> Self {
        let identity = alert.identity();
        let stop_at = alert.stop_at.rfc3339_nano();
        let coordinates = alert.coordinates.iter();
        let coordinates =
            coordinates.map(|c| WireCoordinate { file: file(c.partition), offset: c.position });
        let events = alert.events.iter().map(Listed::json);
        Self {
            capacity: alert.capacity,
            coordinates: coordinates.collect(),
            created_at: stop_at.clone(),
            decisions: alert.decisions.iter().map(WireDecision::new).collect(),
            events: events.collect(),
            events_count: alert.events_count,
            id: identity.id(),
            kind: "crowdsec",
            labels: None,
            leakspeed: &alert.leakspeed,
            machine_id: machine,
            message: &alert.message,
            meta: metas(&alert.meta),
            remediation: alert.remediation,
            scenario: &alert.scenario,
            scenario_hash: &alert.scenario_hash,
            scenario_version: &alert.scenario_version,
            simulated: alert.simulated,
            source: WireSource::new(&alert.source),
            start_at: alert.start_at.rfc3339_nano(),
            stop_at,
            uuid: identity.uuid(),
        }
    }
}

impl<'a> WireDecision<'a> {
    fn new(decision: &'a Decision) -> Self {
        let until = Stamp::utc_at(decision.until);
        Self {
            duration: &decision.duration,
            id: decision.id,
            origin: &decision.origin,
            scenario: &decision.scenario,
            scope: &decision.scope,
            simulated: decision.simulated,
            kind: &decision.kind,
            until: until.rfc3339_nano(),
            value: &decision.value,
        }
    }
}

impl<'a> WireSource<'a> {
    fn new(source: &'a Source) -> Self {
        Self {
            as_name: &source.as_name,
            as_number: &source.as_number,
            cn: &source.cn,
            ip: &source.ip,
            latitude: source.latitude,
            longitude: source.longitude,
            range: &source.range,
            scope: &source.scope,
            value: &source.value,
        }
    }
}

/// The JSON of an event that an alert lists.
pub(super) fn event(event: &AlertEvent) -> Box<RawValue> {
    let event = WireEvent { meta: metas(&event.meta), timestamp: &event.timestamp };
    to_raw_value(&event).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn metas(meta: &[(Arc<str>, Arc<str>)]) -> Vec<WireMeta<'_>> {
    meta.iter().map(|(key, value)| WireMeta { key, value }).collect()
}

/// The JSON forms of decisions.
pub fn decisions(decisions: &[Decision]) -> impl Iterator<Item = WireDecision<'_>> {
    decisions.iter().map(WireDecision::new)
}
