//! Usage metrics as bouncers and agents send them (crowdsec controllers/v1/usagemetrics.go).

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer};

use super::bind::Sent;
use super::target::{self, Decode, Target, fields, object};
use super::validation::Failures;
use crate::error::ApiError;

/// Characters of a name.
const MOST_CHARS: usize = 255;

#[derive(Debug, Default)]
struct All {
    lapi: Option<Component>,
    log_processors: Option<Vec<Option<Component>>>,
    remediation_components: Option<Vec<Option<Component>>>,
}

object!('de, All { lapi, log_processors, remediation_components });

/// What a client says of itself and its work.
#[derive(Debug, Default)]
pub struct Component {
    /// Version of the client.
    pub version: Option<String>,
    /// Its system.
    pub os: Option<Os>,
    /// Its feature flags.
    pub feature_flags: Option<Vec<String>>,
    utc_startup_timestamp: Option<i64>,
    metrics: Option<Vec<Option<Metrics>>>,
    /// Type of a bouncer.
    pub kind: Option<String>,
    /// Hub items of an agent by their type.
    pub hub_items: Option<BTreeMap<String, Option<Vec<HubItem>>>>,
    /// Sources of an agent by kind.
    pub datasources: Option<BTreeMap<String, i64>>,
}

/// One that comes again is another one: its type decodes itself (crowdsec
/// models/log_processors_metrics.go).
impl<'de> Target<'de> for Component {
    fn value<D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        *self = Self::default();
        target::fill(self, from)
    }
}

fields!('de, Component {
    version, os, feature_flags, utc_startup_timestamp, metrics, kind = "type", hub_items, datasources,
});

/// An item of a hub.
#[derive(Debug, Default, Serialize)]
pub struct HubItem {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
}

object!('de, HubItem { name, status, version });

/// A system.
#[derive(Debug, Default)]
pub struct Os {
    /// Its name.
    pub name: Option<String>,
    /// Its family.
    pub family: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

object!('de, Os { name, family, version });

/// What was measured at one time.
#[derive(Debug, Default, Serialize)]
pub struct Metrics {
    items: Option<Vec<Option<Item>>>,
    meta: Option<Meta>,
}

object!('de, Metrics { items, meta });

#[derive(Debug, Default, Serialize)]
struct Meta {
    utc_now_timestamp: Option<i64>,
    window_size_seconds: Option<i64>,
}

object!('de, Meta { utc_now_timestamp, window_size_seconds });

/// A number of what was measured.
#[derive(Debug, Default, Serialize)]
pub struct Item {
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<String, String>>,
    /// What was measured.
    pub name: Option<String>,
    /// Of what it is a number.
    pub unit: Option<String>,
    /// The number.
    pub value: Option<f64>,
}

object!('de, Item { labels, name, unit, value });

impl Metrics {
    /// When it was measured. Unit: seconds since the Unix epoch.
    pub fn at(&self) -> Option<i64> {
        self.meta.as_ref().and_then(|meta| meta.utc_now_timestamp)
    }

    /// What was measured.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().flatten().flatten()
    }
}

impl Item {
    /// A label, if it has it.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.as_ref().and_then(|labels| labels.get(name)).map(String::as_str)
    }
}

impl Component {
    /// Its metrics, to be kept.
    pub fn payload(&self, bouncer: bool) -> serde_json::Value {
        let metrics = serde_json::to_value(&self.metrics).unwrap_or_default();
        match bouncer {
            true => serde_json::json!({ "metrics": metrics, "type": self.kind }),
            false => serde_json::json!({ "metrics": metrics }),
        }
    }
}

/// What [`Component::payload`] kept, again; nothing of what cannot be read.
pub fn kept(payload: &serde_json::Value) -> Vec<Metrics> {
    let mut metrics = Vec::<Option<Metrics>>::new();
    // Numbers are told apart by how they are written.
    let text = payload.get("metrics").map(ToString::to_string).unwrap_or_default();
    let mut decoder = serde_json::Deserializer::from_str(&text);
    match Decode(&mut metrics).deserialize(&mut decoder) {
        Ok(()) => metrics.into_iter().flatten().collect(),
        Err(_) => Vec::new(),
    }
}

/// Reads the body of `POST /v1/usage-metrics`: of a bouncer, or else of a machine.
///
/// # Errors
/// It cannot be read or is of the wrong kind (400), or is not complete (422).
pub fn read(body: &[u8], bouncer: bool) -> Result<Component, ApiError> {
    let body = Sent::new(body);
    let all: All = body.decode(super::shape::METRICS).map_err(ApiError::bad)?;
    let mut failures = Failures::default();
    if let Some(lapi) = &all.lapi {
        failures.part("lapi", checked(lapi, false));
    }
    first_wrong(&mut failures, "log_processors", all.log_processors.as_ref(), |one| {
        checked(one, true)
    });
    first_wrong(
        &mut failures,
        "remediation_components",
        all.remediation_components.as_ref(),
        |one| checked(one, false),
    );
    if failures.check().is_err() {
        return Err(ApiError::invalid(failures.collapsed()));
    }
    let processors = all.log_processors.unwrap_or_default();
    let components = all.remediation_components.unwrap_or_default();
    let wrong = match (processors.len(), components.len(), bouncer) {
        (0, _, false) => Some("Missing log processor data"),
        (2.., _, _) => Some("Payload has more than one log processor"),
        (_, 0, true) => Some("Missing remediation component data"),
        (_, 2.., _) => Some("Payload has more than one remediation component"),
        _ => None,
    };
    if let Some(text) = wrong {
        return Err(ApiError::bad(text));
    }
    let own = if bouncer { components } else { processors };
    own.into_iter().flatten().next().ok_or_else(|| ApiError::bad("the data is null"))
}

fn checked(component: &Component, agent: bool) -> Failures {
    let mut failures = Failures::default();
    first_wrong(&mut failures, "metrics", component.metrics.as_ref(), checked_metrics);
    if let Some(os) = &component.os {
        let mut inner = Failures::default();
        short(&mut inner, "name", os.name.as_deref());
        short(&mut inner, "version", os.version.as_deref());
        failures.part("os", inner);
    }
    failures.required("utc_startup_timestamp", component.utc_startup_timestamp.as_ref());
    short(&mut failures, "version", component.version.as_deref());
    if agent {
        failures.required("datasources", component.datasources.as_ref());
        failures.required("hub_items", component.hub_items.as_ref());
        // Of a map Go tells any that is wrong.
        let mut kinds = component.hub_items.iter().flatten();
        if let Some((kind, _)) = kinds.find(|(_, items)| items.is_none()) {
            failures.note(&format!("hub_items.{kind}"), "in body is required");
        }
    }
    failures
}

fn checked_metrics(metrics: &Metrics) -> Failures {
    let mut failures = Failures::default();
    failures.required("items", metrics.items.as_ref());
    first_wrong(&mut failures, "items", metrics.items.as_ref(), |item: &Item| {
        let mut inner = Failures::default();
        let mut labels = item.labels.iter().flatten();
        if let Some((name, text)) = labels.find(|(_, text)| is_long(text)) {
            short(&mut inner, &format!("labels.{name}"), Some(text));
        }
        short(&mut inner, "name", item.name.as_deref());
        short(&mut inner, "unit", item.unit.as_deref());
        inner.required("value", item.value.as_ref());
        inner
    });
    failures.required("meta", metrics.meta.as_ref());
    if let Some(meta) = &metrics.meta {
        let mut inner = Failures::default();
        inner.required("utc_now_timestamp", meta.utc_now_timestamp.as_ref());
        inner.required("window_size_seconds", meta.window_size_seconds.as_ref());
        failures.part("meta", inner);
    }
    failures
}

/// Of a list the first item that is wrong is told.
fn first_wrong<T>(
    failures: &mut Failures,
    name: &str,
    list: Option<&Vec<Option<T>>>,
    checked: impl Fn(&T) -> Failures,
) {
    let checked = |item: &Option<T>| item.as_ref().map(&checked).unwrap_or_default();
    let mut all = list.into_iter().flatten().map(checked).enumerate();
    if let Some((place, wrong)) = all.find(|(_, wrong)| *wrong != Failures::default()) {
        failures.part(&format!("{name}.{place}"), wrong);
    }
}

fn is_long(text: &str) -> bool {
    text.chars().count() > MOST_CHARS
}

fn short(failures: &mut Failures, name: &str, text: Option<&str>) {
    failures.required(name, text.as_ref());
    if text.is_some_and(is_long) {
        failures.note(name, &format!("in body should be at most {MOST_CHARS} chars long"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"remediation_components":[{"version":"v1","type":"b","feature_flags":[],"utc_startup_timestamp":1,"os":{"name":"debian","version":"12"},"metrics":[{"meta":{"utc_now_timestamp":2,"window_size_seconds":100},"items":[{"name":"dropped","value":3,"unit":"packet","labels":{"origin":"cscli"}}]}]}]}"#;

    fn told(body: &str, bouncer: bool) -> String {
        let error = read(body.as_bytes(), bouncer).unwrap_err();
        format!("{} {}", error.status().as_u16(), error.message())
    }

    #[test]
    fn a_bouncers_metrics_are_kept_as_sent() {
        let component = read(GOOD.as_bytes(), true).unwrap();
        assert_eq!(
            component.payload(true).to_string(),
            r#"{"metrics":[{"items":[{"labels":{"origin":"cscli"},"name":"dropped","unit":"packet","value":3.0}],"meta":{"utc_now_timestamp":2,"window_size_seconds":100}}],"type":"b"}"#
        );
    }

    #[test]
    fn what_is_missing_is_told_as_recorded() {
        assert_eq!(
            told(r#"{"remediation_components":[{"version":"v1"}]}"#, true),
            "422 validation failure list:\nremediation_components.0.utc_startup_timestamp in body is required"
        );
        assert_eq!(told(GOOD, false), "400 Missing log processor data");
        assert_eq!(told("{}", true), "400 Missing remediation component data");
        assert!(told(&GOOD.replace("[{\"meta\"", "{\"meta\""), true).starts_with("400 "));
    }

    #[test]
    fn of_a_payload_with_both_kinds_the_senders_own_counts() {
        let agent = r#""log_processors":[{"version":"a1","utc_startup_timestamp":1,"datasources":{},"hub_items":{}}]"#;
        let both = GOOD.replacen('{', &format!("{{{agent},"), 1);
        for (bouncer, version) in [(true, "v1"), (false, "a1")] {
            let component = read(both.as_bytes(), bouncer).unwrap();
            assert_eq!(component.version.as_deref(), Some(version));
        }
    }

    #[test]
    fn what_is_wrong_inside_is_told_as_by_crowdsec() {
        let told = |body: &str, bouncer: bool| {
            let told = told(body, bouncer);
            told.strip_prefix("422 validation failure list:\n").unwrap_or(&told).to_owned()
        };
        let good = GOOD.strip_suffix('}').unwrap();
        let required = |name: &str| format!("{name} in body is required");
        for bouncer in [true, false] {
            let lapi = told(&format!(r#"{good},"lapi":{{"version":"v"}}}}"#), bouncer);
            assert_eq!(lapi, required("lapi.utc_startup_timestamp"));
        }
        let long = GOOD.replace("cscli", &"x".repeat(256));
        assert_eq!(
            told(&long, true),
            "remediation_components.0.metrics.0.items.0.labels.origin in body should be at most 255 chars long"
        );
        assert!(read(GOOD.replace("cscli", &"\u{e9}".repeat(255)).as_bytes(), true).is_ok());
        let agent = |items: &str| {
            let rest = r#""version":"a1","utc_startup_timestamp":1,"datasources":{}"#;
            format!(r#"{{"log_processors":[{{{rest},"hub_items":{items}}}]}}"#)
        };
        let told_of_items = told(&agent(r#"{"collections":[],"parsers":null}"#), false);
        assert_eq!(told_of_items, required("log_processors.0.hub_items.parsers"));
        assert!(read(agent(r#"{"collections":[]}"#).as_bytes(), false).is_ok());
        let both = r#"{"log_processors":[{"version":"a"},{}],"remediation_components":[{},{}]}"#;
        let lines = told(both, true);
        assert!(lines.starts_with("log_processors.0.utc_startup_timestamp"), "{lines}");
        assert!(lines.contains("\nremediation_components.0.version"), "{lines}");
        assert!(!lines.contains(".1."), "of a list the first is told: {lines}");
    }
}
