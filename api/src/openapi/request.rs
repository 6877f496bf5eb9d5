//! Bodies of requests as the document describes them. What reads them takes more: a key of the wrong
//! type gets the words of Go's decoder. That both say the same about what is required is tested below.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// An alert as agents and cscli post it.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct PostedAlert {
    /// How many events the bucket holds.
    pub capacity: i32,
    /// Decisions by hand; without any the profiles decide.
    pub decisions: Option<Vec<PostedDecision>>,
    /// The events that filled the bucket.
    pub events: Vec<PostedEvent>,
    /// How many they were.
    pub events_count: i32,
    /// Who made it.
    pub kind: Option<String>,
    /// How fast the bucket leaks.
    pub leakspeed: String,
    /// What happened, for people.
    pub message: String,
    /// What its scenario says about it.
    pub meta: Option<Vec<PostedMeta>>,
    /// Whether it asks for decisions.
    pub remediation: Option<bool>,
    /// Its scenario.
    #[schema(max_length = 1024)]
    pub scenario: String,
    /// A hash of the scenario.
    pub scenario_hash: String,
    /// The version of the scenario.
    pub scenario_version: String,
    /// Whether its decisions are only pretended.
    pub simulated: bool,
    /// Who attacked.
    pub source: PostedSource,
    /// Time of the first event (RFC 3339).
    pub start_at: String,
    /// Time of the last event (RFC 3339): decisions count from here.
    pub stop_at: String,
}

/// A decision within a posted alert.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct PostedDecision {
    /// How long it holds: a duration of Go, with days.
    #[schema(pattern = "^[0-9]{1,4}[smhd]$")]
    pub duration: String,
    /// Who decided.
    #[schema(max_length = 1024)]
    pub origin: String,
    /// Why.
    #[schema(max_length = 1024)]
    pub scenario: String,
    /// What kind of thing `value` is.
    #[schema(max_length = 1024)]
    pub scope: String,
    /// What is to be done.
    #[serde(rename = "type")]
    #[schema(max_length = 1024)]
    pub kind: String,
    /// Whom it is about.
    #[schema(max_length = 1024)]
    pub value: String,
}

/// An event of a posted alert.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct PostedEvent {
    /// What was read from it.
    pub meta: Vec<PostedMeta>,
    /// When it happened (RFC 3339).
    pub timestamp: String,
}

/// A name and its value.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct PostedMeta {
    /// The name.
    pub key: Option<String>,
    /// The value.
    pub value: Option<String>,
}

/// Who attacked.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct PostedSource {
    /// Name of its network's operator.
    #[schema(max_length = 1024)]
    pub as_name: Option<String>,
    /// Number of its network's operator.
    #[schema(max_length = 1024)]
    pub as_number: Option<String>,
    /// Its country.
    #[schema(max_length = 1024)]
    pub cn: Option<String>,
    /// Its address.
    #[schema(max_length = 1024)]
    pub ip: Option<String>,
    /// Where it is. Unit: degrees.
    pub latitude: Option<f32>,
    /// Where it is. Unit: degrees.
    pub longitude: Option<f32>,
    /// Its network.
    #[schema(max_length = 1024)]
    pub range: Option<String>,
    /// What kind of thing `value` is.
    #[schema(max_length = 1024)]
    pub scope: String,
    /// The source as scenarios group by it.
    #[schema(max_length = 1024)]
    pub value: String,
}

/// A machine makes itself known.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct WatcherRegistrationRequest {
    /// Its name.
    #[schema(max_length = 63)]
    pub machine_id: String,
    /// Its password.
    #[schema(max_length = 72)]
    pub password: String,
    /// The secret of servers that validate whoever knows it.
    #[schema(min_length = 32, max_length = 255)]
    pub registration_token: Option<String>,
}

/// A machine logs in. With a certificate neither name nor password is needed.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct WatcherAuthRequest {
    /// Its name.
    pub machine_id: String,
    /// Its password.
    pub password: String,
    /// The scenarios that it runs.
    pub scenarios: Option<Vec<String>>,
}

/// Addresses and networks to be looked up.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct BulkCheckAllowlistRequest {
    /// At least one.
    #[schema(min_items = 1)]
    pub targets: Vec<String>,
}

/// What bouncers and agents did: one of the two lists, with one element.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct AllMetrics {
    /// Of an agent.
    #[schema(max_items = 1)]
    pub log_processors: Option<Vec<LogProcessorMetrics>>,
    /// Of a bouncer.
    #[schema(max_items = 1)]
    pub remediation_components: Option<Vec<RemediationMetrics>>,
}

/// What an agent did.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct LogProcessorMetrics {
    /// Its version.
    #[schema(max_length = 255)]
    pub version: String,
    /// Its system.
    pub os: Option<OsVersion>,
    /// Its feature flags.
    pub feature_flags: Option<Vec<String>>,
    /// When it started. Unit: seconds since the Unix epoch.
    pub utc_startup_timestamp: i64,
    /// What it counted.
    pub metrics: Option<Vec<DetailedMetrics>>,
    /// Its sources by kind.
    pub datasources: BTreeMap<String, i64>,
    /// Its hub items by kind.
    pub hub_items: BTreeMap<String, Vec<HubItem>>,
}

/// What a bouncer did.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct RemediationMetrics {
    /// Its version.
    #[schema(max_length = 255)]
    pub version: String,
    /// Its system.
    pub os: Option<OsVersion>,
    /// Its feature flags.
    pub feature_flags: Option<Vec<String>>,
    /// When it started. Unit: seconds since the Unix epoch.
    pub utc_startup_timestamp: i64,
    /// What it counted.
    pub metrics: Option<Vec<DetailedMetrics>>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// A system.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct OsVersion {
    /// Its name.
    #[schema(max_length = 255)]
    pub name: String,
    /// Its family.
    pub family: Option<String>,
    /// Its version.
    #[schema(max_length = 255)]
    pub version: String,
}

/// A hub item of an agent.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct HubItem {
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// How it is.
    pub status: Option<String>,
}

/// What was counted in a window of time.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct DetailedMetrics {
    /// The counters.
    pub items: Vec<MetricsDetailItem>,
    /// The window.
    pub meta: MetricsMeta,
}

/// A counter.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct MetricsDetailItem {
    /// What it is about.
    pub labels: Option<BTreeMap<String, String>>,
    /// Its name.
    #[schema(max_length = 255)]
    pub name: String,
    /// Its unit.
    #[schema(max_length = 255)]
    pub unit: String,
    /// How much.
    pub value: f64,
}

/// A window of time.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct MetricsMeta {
    /// Its end. Unit: seconds since the Unix epoch.
    pub utc_now_timestamp: i64,
    /// How long it is. Unit: seconds.
    pub window_size_seconds: i64,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Which of a schema's properties are required.
    fn properties<T: ToSchema>() -> BTreeMap<String, bool> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let names = schema["properties"].as_object().unwrap().keys();
        names.map(|name| (name.clone(), required.contains(&json!(name)))).collect()
    }

    /// Takes one property after the other out of the object at `place` in a good body: the body is
    /// then refused where the property is required, and taken where it is not.
    fn hold<T: ToSchema>(good: &Value, place: &str, taken: impl Fn(&[u8]) -> bool) {
        assert!(taken(good.to_string().as_bytes()), "{good}");
        for (name, required) in properties::<T>() {
            let mut body = good.clone();
            let object = body.pointer_mut(place).unwrap().as_object_mut().unwrap();
            assert!(object.remove(&name).is_some(), "the good body has no {place}/{name}");
            assert_eq!(taken(body.to_string().as_bytes()), !required, "{place}/{name}");
        }
    }

    fn alert() -> Value {
        let meta = PostedMeta { key: Some("k".into()), value: Some("v".into()) };
        let decision = PostedDecision { duration: "4h".into(), ..PostedDecision::default() };
        json!([PostedAlert {
            decisions: Some(vec![decision]),
            events: vec![PostedEvent {
                meta: vec![meta],
                timestamp: "2026-11-21T03:00:00Z".into()
            }],
            kind: Some("cscli".into()),
            ..PostedAlert::default()
        }])
    }

    #[test]
    fn alerts_are_required_what_the_document_says() {
        let taken = |body: &[u8]| crate::wire::posted::read(body, 0, "n").is_ok();
        hold::<PostedAlert>(&alert(), "/0", taken);
        hold::<PostedDecision>(&alert(), "/0/decisions/0", taken);
        hold::<PostedEvent>(&alert(), "/0/events/0", taken);
        hold::<PostedMeta>(&alert(), "/0/events/0/meta/0", taken);
        hold::<PostedSource>(&alert(), "/0/source", taken);
    }

    #[test]
    fn metrics_are_required_what_the_document_says() {
        let metrics = || {
            Some(vec![DetailedMetrics {
                items: vec![MetricsDetailItem::default()],
                meta: MetricsMeta::default(),
            }])
        };
        let os = || Some(OsVersion::default());
        let agent = LogProcessorMetrics {
            os: os(),
            metrics: metrics(),
            hub_items: BTreeMap::from([("parsers".into(), vec![HubItem::default()])]),
            ..LogProcessorMetrics::default()
        };
        let agent = json!({ "log_processors": [agent] });
        let taken = |body: &[u8]| crate::wire::usage::read(body, false).is_ok();
        hold::<LogProcessorMetrics>(&agent, "/log_processors/0", taken);
        hold::<HubItem>(&agent, "/log_processors/0/hub_items/parsers/0", taken);
        hold::<DetailedMetrics>(&agent, "/log_processors/0/metrics/0", taken);
        hold::<MetricsMeta>(&agent, "/log_processors/0/metrics/0/meta", taken);
        hold::<MetricsDetailItem>(&agent, "/log_processors/0/metrics/0/items/0", taken);
        let bouncer =
            RemediationMetrics { os: os(), metrics: metrics(), ..RemediationMetrics::default() };
        let bouncer = json!({ "remediation_components": [bouncer] });
        let taken = |body: &[u8]| crate::wire::usage::read(body, true).is_ok();
        hold::<RemediationMetrics>(&bouncer, "/remediation_components/0", taken);
        hold::<OsVersion>(&bouncer, "/remediation_components/0/os", taken);
    }
}
