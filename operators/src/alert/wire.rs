//! Alerts as CrowdSec's API writes them in JSON (`models.Alert`): a promise to whoever reads them.
//! `coordinates` is ours; CrowdSec's names keep its types.

use std::sync::Arc;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{Alert, AlertEvent, Decision, Listed, Source};
use crate::place::Partition;
use crate::time::Stamp;

/// An alert in the order in which Go's encoder writes its fields.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Alert")]
pub struct WireAlert<'a> {
    /// How many events the bucket holds.
    capacity: i32,
    /// Where the lines stand that filled the bucket.
    coordinates: Vec<WireCoordinate>,
    /// When it was made (RFC 3339): the time of the last event.
    created_at: String,
    /// The decisions that it led to.
    decisions: Vec<WireDecision<'a>>,
    /// The events that it lists.
    #[schemars(with = "Vec<WireEvent<'a>>")]
    events: Vec<&'a RawValue>,
    /// How many events filled the bucket; those that are listed may be fewer.
    events_count: i32,
    /// A hash of what caused it: the same in every run.
    id: u64,
    /// Who made it.
    kind: &'static str,
    /// Always null: CrowdSec has a list of strings here and never fills it.
    labels: Option<Vec<String>>,
    /// How fast the bucket leaks: a duration of Go.
    leakspeed: &'a str,
    /// Which machine found it.
    machine_id: &'a str,
    /// What happened, for people.
    message: &'a str,
    /// What its scenario says about it.
    meta: Vec<WireMeta<'a>>,
    /// Whether it asks for decisions.
    remediation: bool,
    /// Its scenario.
    scenario: &'a str,
    /// A hash of the scenario.
    scenario_hash: &'a str,
    /// The version of the scenario.
    scenario_version: &'a str,
    /// Whether its decisions are only pretended.
    simulated: bool,
    /// Who attacked.
    source: WireSource<'a>,
    /// Time of the first event (RFC 3339).
    start_at: String,
    /// Time of the last event (RFC 3339).
    stop_at: String,
    /// Its name in every store.
    uuid: String,
}

/// The place of a line.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Coordinate")]
struct WireCoordinate {
    /// Name of the source: a file, a topic with its partition.
    file: Arc<str>,
    /// Place within: bytes, or whatever the source counts by.
    offset: u64,
}

/// A decision under the names of CrowdSec's API.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Decision")]
pub struct WireDecision<'a> {
    /// How long it holds from `stop_at` of its alert on: a duration of Go.
    duration: &'a str,
    /// A hash of what caused it: the same in every run.
    id: u64,
    /// Who decided: `crowdsec`, `cscli`, `CAPI`, `lists`.
    origin: &'a str,
    /// Why: the scenario.
    scenario: &'a str,
    /// What kind of thing `value` is: `Ip`, `Range`, `Country`, `AS`, or another one.
    scope: &'a str,
    /// Whether it is only pretended.
    simulated: bool,
    /// What is to be done: `ban`, `captcha`, or another one.
    #[serde(rename = "type")]
    kind: &'a str,
    /// When it ends (RFC 3339).
    until: String,
    /// Whom it is about.
    value: &'a str,
}

/// An event that an alert lists.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Event")]
struct WireEvent<'a> {
    /// What was read from it.
    meta: Vec<WireMeta<'a>>,
    /// When it happened (RFC 3339).
    timestamp: &'a str,
}

/// A name and its value.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Meta")]
struct WireMeta<'a> {
    /// The name.
    key: &'a str,
    /// The value.
    value: &'a str,
}

/// Who attacked. What is not known is absent.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Source")]
struct WireSource<'a> {
    /// Name of its network's operator.
    #[serde(skip_serializing_if = "str::is_empty")]
    as_name: &'a str,
    /// Number of its network's operator.
    #[serde(skip_serializing_if = "str::is_empty")]
    as_number: &'a str,
    /// Its country (ISO 3166-1).
    #[serde(skip_serializing_if = "str::is_empty")]
    cn: &'a str,
    /// Its address.
    #[serde(skip_serializing_if = "str::is_empty")]
    ip: &'a str,
    /// Where it is. Unit: degrees.
    #[serde(skip_serializing_if = "is_zero")]
    latitude: f32,
    /// Where it is. Unit: degrees.
    #[serde(skip_serializing_if = "is_zero")]
    longitude: f32,
    /// Its network.
    #[serde(skip_serializing_if = "str::is_empty")]
    range: &'a str,
    /// What kind of thing `value` is.
    scope: &'a str,
    /// The source as its scenario groups by it.
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

/// The JSON Schema of [`WireAlert`].
pub fn alert_schema() -> Schema {
    schema::<WireAlert<'static>>()
}

/// The JSON Schema of [`WireDecision`].
pub fn decision_schema() -> Schema {
    schema::<WireDecision<'static>>()
}

/// The JSON Schema of a type as it is written.
pub fn schema<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// The JSON forms of decisions.
pub fn decisions(decisions: &[Decision]) -> impl Iterator<Item = WireDecision<'_>> {
    decisions.iter().map(WireDecision::new)
}
