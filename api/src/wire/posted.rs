//! Alerts as agents and cscli post them: read, checked, and made into what the `decide` fold takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use operators::alert::{Alert, AlertEvent, Source};
use operators::place::{OrderKey, Partition};
use operators::time::layout::parse_rfc3339;
use operators::time::{EventTime, Stamp};

use super::bind::Sent;
use super::blocks::Blocks;
use super::decision::{Known, RawDecision};
use super::repeated::Text;
use super::shape;
use super::target::object;
use super::typed::Typed;
use super::validation::Failures;
use crate::error::ApiError;
use crate::intake::PostedAlert;
use crate::record::normal_scope;

/// Bytes that the meta of one event may take as JSON (crowdsec ent/schema/event.go).
const MOST_EVENT_META: usize = 8_191;
/// Bytes of a value of an alert's meta.
const MOST_META_VALUE: usize = 4_095;
/// Bytes of a key of an alert's meta.
const MOST_META_KEY: usize = 255;
/// Bytes of scope, value, type, origin or scenario.
const MOST_TEXT: usize = 4_096;
/// Partition of alerts that did not come from a source of ours: behind all of them.
const POSTED: Partition = Partition(u32::MAX);

#[derive(Debug, Default)]
struct RawAlert<'a> {
    capacity: Option<i32>,
    created_at: Typed<Text<'a>>,
    decisions: Option<Blocks<RawDecision<'a>>>,
    events: Option<Vec<RawEvent>>,
    events_count: Option<i32>,
    id: Typed<i64>,
    kind: Arc<str>,
    labels: Typed<Vec<Text<'a>>>,
    leakspeed: Option<Arc<str>>,
    machine_id: Typed<Text<'a>>,
    message: Option<Arc<str>>,
    meta: Vec<Option<RawMeta>>,
    remediation: bool,
    scenario: Option<Arc<str>>,
    scenario_hash: Option<Arc<str>>,
    scenario_version: Option<Arc<str>>,
    simulated: Option<bool>,
    source: Option<RawSource>,
    start_at: Option<String>,
    stop_at: Option<String>,
    uuid: Typed<Text<'a>>,
}

object!('de, RawAlert<'de> {
    capacity, created_at, decisions, events, events_count, id, kind, labels, leakspeed, machine_id,
    message, meta, remediation, scenario, scenario_hash, scenario_version, simulated, source,
    start_at, stop_at, uuid,
});

#[derive(Debug, Default)]
struct RawEvent {
    meta: Option<Vec<Option<RawMeta>>>,
    timestamp: Option<Arc<str>>,
}

object!('de, RawEvent { meta, timestamp });

#[derive(Debug, Default)]
struct RawMeta {
    key: Arc<str>,
    value: Arc<str>,
}

object!('de, RawMeta { key, value });

#[derive(Debug, Default)]
struct RawSource {
    as_name: Arc<str>,
    as_number: Arc<str>,
    cn: Arc<str>,
    ip: Arc<str>,
    latitude: f32,
    longitude: f32,
    range: Arc<str>,
    scope: Option<Arc<str>>,
    value: Option<Arc<str>>,
}

object!('de, RawSource {
    as_name, as_number, cn, ip, latitude, longitude, range, scope, value,
});

/// Reads the body of `POST /v1/alerts`. `at` is its arrival (nanoseconds since the Unix epoch),
/// `name` a hash of machine and body: both become part of the alerts' identity.
///
/// # Errors
/// It is no list of alerts (400), a required key is missing or a duration is none (500, as
/// CrowdSec).
pub fn read(body: &[u8], at: i64, name: &str) -> Result<Vec<PostedAlert>, ApiError> {
    let body = Sent::new(body);
    let raw: Vec<RawAlert<'_>> = body.decode(shape::ALERTS).map_err(ApiError::bad)?;
    for (index, alert) in raw.iter().enumerate() {
        let mut failures = checked(alert);
        failures.put_under(&index.to_string());
        failures.check().map_err(ApiError::internal)?;
    }
    let each = raw.into_iter().enumerate();
    each.filter_map(|(index, raw)| posted(raw, at, name, index).transpose()).collect()
}

fn checked(alert: &RawAlert<'_>) -> Failures {
    let mut failures = Failures::default();
    failures.required("capacity", alert.capacity.as_ref());
    let decisions = alert.decisions.iter().flat_map(Blocks::iter).map(RawDecision::checked);
    first_part(&mut failures, "decisions", decisions);
    failures.required("events", alert.events.as_ref());
    let events = alert.events.iter().flatten().map(|event| {
        let mut failures = Failures::default();
        failures.required("meta", event.meta.as_ref());
        failures.required("timestamp", event.timestamp.as_ref());
        failures
    });
    first_part(&mut failures, "events", events);
    failures.required("events_count", alert.events_count.as_ref());
    failures.required("leakspeed", alert.leakspeed.as_ref());
    failures.required("message", alert.message.as_ref());
    failures.required("scenario", alert.scenario.as_ref());
    failures.required("scenario_hash", alert.scenario_hash.as_ref());
    failures.required("scenario_version", alert.scenario_version.as_ref());
    failures.required("simulated", alert.simulated.as_ref());
    failures.required("source", alert.source.as_ref());
    if let Some(source) = &alert.source {
        let mut inner = Failures::default();
        inner.required("scope", source.scope.as_ref());
        inner.required("value", source.value.as_ref());
        failures.part("source", inner);
    }
    failures.required("start_at", alert.start_at.as_ref());
    failures.required("stop_at", alert.stop_at.as_ref());
    failures
}

/// Of a list the first item that is wrong is told.
fn first_part(to: &mut Failures, name: &str, items: impl Iterator<Item = Failures>) {
    let wrong = items.enumerate().find(|(_, failures)| *failures != Failures::default());
    if let Some((index, failures)) = wrong {
        to.part(&format!("{name}.{index}"), failures);
    }
}

/// An alert for the fold; `None` where it had decisions and none of them names an address.
fn posted(
    raw: RawAlert<'_>,
    at: i64,
    name: &str,
    index: usize,
) -> Result<Option<PostedAlert>, ApiError> {
    let time = |text: Option<String>| {
        let stamp = text.as_deref().and_then(parse_rfc3339);
        stamp.unwrap_or_else(|| Stamp::utc_at(EventTime(at))).to_utc()
    };
    let (start_at, stop_at) = (time(raw.start_at), time(raw.stop_at));
    let simulated = raw.simulated.unwrap_or_default();
    let source = source(raw.source)?;
    let position = u64::try_from(index).unwrap_or(u64::MAX);
    let events = raw.events.unwrap_or_default().into_iter();
    let events = events.map(|event| kept_event(event, at).into());
    let mut alert = Alert {
        cause: OrderKey { clock: EventTime(at), partition: POSTED, position, part: 0 },
        bucket: format!("{name}/{index}").into(),
        scenario: short(raw.scenario.unwrap_or_default())?,
        scenario_hash: raw.scenario_hash.unwrap_or_default(),
        scenario_version: raw.scenario_version.unwrap_or_default(),
        labels: Arc::new(BTreeMap::new()),
        capacity: raw.capacity.unwrap_or_default(),
        leakspeed: raw.leakspeed.unwrap_or_default(),
        events_count: raw.events_count.unwrap_or_default(),
        start_at,
        stop_at,
        message: raw.message.unwrap_or_default(),
        simulated,
        remediation: raw.remediation,
        source,
        events: Arc::new(events.collect()),
        meta: raw.meta.into_iter().flatten().map(kept_meta).collect(),
        coordinates: Arc::new(Vec::new()),
        decisions: Vec::new(),
        nth: 0,
    };
    let given = raw.decisions.unwrap_or_default();
    let count = given.iter().count();
    let mut decisions = Vec::with_capacity(count);
    let (ids, mut known) = (alert.decision_ids(""), Known::default());
    for (index, raw) in given.into_items().enumerate() {
        decisions.extend(known.decision(raw, &alert, ids(index))?);
    }
    alert.decisions = decisions;
    let kept = count == 0 || !alert.decisions.is_empty();
    Ok(kept.then(|| PostedAlert { alert, kind: raw.kind }))
}

fn source(raw: Option<RawSource>) -> Result<Source, ApiError> {
    let Some(raw) = raw else { return Ok(Source::default()) };
    let scope = short(raw.scope.unwrap_or_default())?;
    Ok(Source {
        scope: normal_scope(&scope).into(),
        value: short(raw.value.unwrap_or_default())?,
        ip: short(raw.ip)?,
        range: short(raw.range)?,
        cn: short(raw.cn)?,
        as_name: short(raw.as_name)?,
        as_number: short(raw.as_number)?,
        latitude: raw.latitude,
        longitude: raw.longitude,
    })
}

fn short(text: Arc<str>) -> Result<Arc<str>, ApiError> {
    bounded_name(&text)?;
    Ok(text)
}

/// Refuses what is longer than any name.
pub(super) fn bounded_name(text: &str) -> Result<(), ApiError> {
    match text.len() > MOST_TEXT {
        true => Err(ApiError::bad(format!("a name is longer than {MOST_TEXT} bytes"))),
        false => Ok(()),
    }
}

fn kept_event(raw: RawEvent, at: i64) -> AlertEvent {
    let timestamp = match raw.timestamp {
        Some(text) if parse_rfc3339(&text).is_some() => text,
        _ => Stamp::utc_at(EventTime(at)).rfc3339_nano().into(),
    };
    let meta = raw.meta.unwrap_or_default().into_iter().flatten();
    let meta = meta.map(|raw| (raw.key, raw.value)).collect();
    AlertEvent { timestamp, meta: bounded(meta) }
}

/// Long values are cut, more and more, until the whole fits; what does not fit even so is dropped.
fn bounded(mut meta: Vec<(Arc<str>, Arc<str>)>) -> Vec<(Arc<str>, Arc<str>)> {
    let size = |meta: &[(Arc<str>, Arc<str>)]| {
        let mut out = Vec::new();
        for (key, value) in meta {
            super::text::string(&mut out, key);
            super::text::string(&mut out, value);
        }
        out.len() + meta.len() * r#"{"key":,"value":},"#.len() + 1
    };
    let mut longest = 2_048;
    while size(&meta) > MOST_EVENT_META {
        if longest == 0 {
            return Vec::new();
        }
        for (_, value) in &mut meta {
            if value.len() > longest * 2 {
                *value = format!("{}<stripped>", cut(value, longest)).into();
            }
        }
        longest /= 2;
    }
    meta
}

fn kept_meta(raw: RawMeta) -> (Arc<str>, Arc<str>) {
    let within = |text: Arc<str>, most: usize| match text.len() > most {
        true => cut(&text, most).into(),
        false => text,
    };
    (within(raw.key, MOST_META_KEY), within(raw.value, MOST_META_VALUE))
}

/// At most `most` bytes, ending at a character.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> String {
        let error = read(body.as_bytes(), 0, "n").unwrap_err();
        format!("{} {}", error.status().as_u16(), error.message())
    }

    fn alert(extra: &str) -> String {
        format!(
            r#"[{{"scenario":"s","scenario_hash":"","scenario_version":"","message":"","events_count":1,
            "start_at":"2026-11-21T03:00:00Z","stop_at":"2026-11-21T03:00:05Z","capacity":1,
            "leakspeed":"","simulated":false,"events":[],"source":{{"scope":"ip","value":"x"}}{extra}}}]"#
        )
    }

    #[test]
    fn what_is_missing_is_listed_as_recorded() {
        let names = [
            "capacity",
            "events",
            "events_count",
            "leakspeed",
            "message",
            "scenario_hash",
            "scenario_version",
            "simulated",
            "source",
            "start_at",
            "stop_at",
        ];
        let list: String =
            names.iter().map(|name| format!("\n0.{name} in body is required")).collect();
        assert_eq!(told(r#"[{"scenario":"x"}]"#), format!("500 validation failure list:{list}"));
        assert!(told(&alert(r#","decisions":[{}]"#)).contains("\n0.decisions.0.duration in body"));
        assert!(told("{}").starts_with("400 json: cannot unmarshal object"));
        assert_eq!(read(b"null", 0, "n").unwrap(), []);
    }

    #[test]
    fn a_decision_ends_after_the_alerts_stop() {
        let body = alert(
            r#","decisions":[{"duration":"1d1h","origin":"cscli","scenario":"s","scope":"IP","type":"ban","value":"1.2.3.4"},
            {"duration":"1h","origin":"cscli","scenario":"s","scope":"Ip","type":"ban","value":"no"}]"#,
        );
        let posted = read(body.as_bytes(), 7, "n").unwrap();
        let decisions = &posted[0].alert.decisions;
        assert_eq!(decisions.len(), 1);
        assert_eq!(&*decisions[0].scope, "Ip");
        let stop = posted[0].alert.stop_at.at.0;
        assert_eq!(decisions[0].until.0 - stop, 25 * 3_600 * 1_000_000_000);
        assert_eq!(&*posted[0].alert.source.scope, "Ip");
        let none = body.replace("1.2.3.4", "also no");
        assert_eq!(read(none.as_bytes(), 7, "n").unwrap(), []);
        let bad = body.replace("1d1h", "soon");
        assert!(told(&bad).starts_with("500 building decisions for alert "));
    }

    #[test]
    fn a_key_of_another_type_is_refused_even_where_it_is_not_kept() {
        let decision = |key: &str| {
            let given = r#""duration":"1h","origin":"o","scenario":"s","scope":"Ip","type":"ban""#;
            alert(&format!(r#","decisions":[{{{given},"value":"1.2.3.4",{key}}}]"#))
        };
        let wrong = [
            ("created_at", "5", "number", "string"),
            ("id", "\"1\"", "string", "int64"),
            ("id", "1.5", "number 1.5", "int64"),
            ("labels", "{}", "object", "[]string"),
            ("labels", "[5]", "number", "string"),
            ("machine_id", "[]", "array", "string"),
            ("uuid", "true", "bool", "string"),
        ];
        for (key, value, found, wanted) in wrong {
            let field = format!("Go struct field Alert.{key} of type {wanted}");
            let told = told(&alert(&format!(r#","{key}":{value}"#)));
            assert_eq!(told, format!("400 json: cannot unmarshal {found} into {field}"));
        }
        let wrong = [
            ("id", "\"1\"", "string", "int64"),
            ("simulated", "1", "number", "bool"),
            ("until", "5", "number", "string"),
            ("uuid", "{}", "object", "string"),
        ];
        for (key, value, found, wanted) in wrong {
            let field = format!("Go struct field Decision.decisions.{key} of type {wanted}");
            let told = told(&decision(&format!(r#""{key}":{value}"#)));
            assert_eq!(told, format!("400 json: cannot unmarshal {found} into {field}"));
        }
        let right = r#","labels":["a",null],"id":7,"uuid":"u\"","machine_id":null,"created_at":"""#;
        assert_eq!(read(alert(right).as_bytes(), 7, "n").unwrap().len(), 1);
        let right = decision(r#""id":7,"simulated":false,"until":null,"uuid":"u\"""#);
        assert_eq!(read(right.as_bytes(), 7, "n").unwrap()[0].alert.decisions.len(), 1);
    }

    #[test]
    fn degrees_without_bounds_are_refused() {
        let source = |degrees: &str| {
            alert("").replace(r#""value":"x"}"#, &format!(r#""value":"x","latitude":{degrees}}}"#))
        };
        assert_eq!(read(source("48.8").as_bytes(), 7, "n").unwrap()[0].alert.source.latitude, 48.8);
        for wrong in ["1e39", "-1e39", "1e999"] {
            assert!(told(&source(wrong)).starts_with("400 json: cannot unmarshal"), "{wrong}");
        }
    }

    #[test]
    fn long_values_of_events_are_cut() {
        let long = "v".repeat(9_000);
        let body = alert("").replace(
            r#""events":[]"#,
            &format!(r#""events":[{{"timestamp":"no","meta":[{{"key":"k","value":"{long}"}}]}}]"#),
        );
        let posted = read(body.as_bytes(), 7, "n").unwrap();
        let event = &posted[0].alert.events[0];
        assert_eq!(event.meta[0].1.len(), 2_048 + "<stripped>".len());
        assert_eq!(&*event.timestamp, "1970-01-01T00:00:00.000000007Z");
    }
}
