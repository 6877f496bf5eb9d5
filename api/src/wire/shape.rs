//! The types of CrowdSec's bodies as Go's decoder knows them: what comes in is a body that is not of
//! its type, out comes what Go says about the first place that is not.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::target::place_of;

/// A type of Go.
#[derive(Debug)]
pub enum Shape {
    /// `string`.
    Text,
    /// `bool`.
    Bool,
    /// `int32`, `int64`, `float32` or `float64`.
    Number(&'static str),
    /// A list: its own name, and what is on it.
    List(&'static str, &'static Shape),
    /// A map from texts: its own name, and what it maps to.
    Map(&'static str, &'static Shape),
    /// A struct.
    Object {
        /// Its name.
        name: &'static str,
        /// The struct that is named where a field of it is wrong.
        told: &'static str,
        /// Its fields.
        fields: &'static [(&'static str, &'static Shape)],
    },
}

use Shape::{Bool, List, Map, Number, Object, Text};

const TEXTS: &Shape = &List("[]string", &Text);
const NUMBER: &Shape = &Number("int64");

/// `POST /v1/watchers`.
pub const REGISTRATION: &Shape = &Object {
    name: "models.WatcherRegistrationRequest",
    told: "WatcherRegistrationRequest",
    fields: &[("machine_id", &Text), ("password", &Text), ("registration_token", &Text)],
};

/// `POST /v1/watchers/login`.
pub const LOGIN: &Shape = &Object {
    name: "models.WatcherAuthRequest",
    told: "WatcherAuthRequest",
    fields: &[("machine_id", &Text), ("password", &Text), ("scenarios", TEXTS)],
};

/// `POST /v1/allowlists/check`.
pub const CHECK: &Shape = &Object {
    name: "models.BulkCheckAllowlistRequest",
    told: "BulkCheckAllowlistRequest",
    fields: &[("targets", TEXTS)],
};

/// `POST /v1/alerts`.
pub const ALERTS: &Shape = &List("models.AddAlertsRequest", &ALERT);

const ALERT: Shape = Object {
    name: "models.Alert",
    told: "Alert",
    fields: &[
        ("capacity", &Number("int32")),
        ("created_at", &Text),
        ("decisions", &List("[]*models.Decision", &DECISION)),
        ("events", &List("[]*models.Event", &EVENT)),
        ("events_count", &Number("int32")),
        ("id", NUMBER),
        ("kind", &Text),
        ("labels", TEXTS),
        ("leakspeed", &Text),
        ("machine_id", &Text),
        ("message", &Text),
        ("meta", META),
        ("remediation", &Bool),
        ("scenario", &Text),
        ("scenario_hash", &Text),
        ("scenario_version", &Text),
        ("simulated", &Bool),
        ("source", &SOURCE),
        ("start_at", &Text),
        ("stop_at", &Text),
        ("uuid", &Text),
    ],
};

const DECISION: Shape = Object {
    name: "models.Decision",
    told: "Decision",
    fields: &[
        ("duration", &Text),
        ("id", NUMBER),
        ("origin", &Text),
        ("scenario", &Text),
        ("scope", &Text),
        ("simulated", &Bool),
        ("type", &Text),
        ("until", &Text),
        ("uuid", &Text),
        ("value", &Text),
    ],
};

const EVENT: Shape =
    Object { name: "models.Event", told: "Event", fields: &[("meta", META), ("timestamp", &Text)] };

const META: &Shape = &List(
    "models.Meta",
    &Object {
        name: "models.MetaItems0",
        told: "MetaItems0",
        fields: &[("key", &Text), ("value", &Text)],
    },
);

const SOURCE: Shape = Object {
    name: "models.Source",
    told: "Source",
    fields: &[
        ("as_name", &Text),
        ("as_number", &Text),
        ("cn", &Text),
        ("ip", &Text),
        ("latitude", &Number("float32")),
        ("longitude", &Number("float32")),
        ("range", &Text),
        ("scope", &Text),
        ("value", &Text),
    ],
};

/// Its parts decode themselves, so that Go names the whole.
const ALL_METRICS: &str = "AllMetrics";

/// `POST /v1/usage-metrics`.
pub const METRICS: &Shape = &Object {
    name: "models.AllMetrics",
    told: ALL_METRICS,
    fields: &[
        ("lapi", &COMPONENT),
        ("log_processors", &List("[]*models.LogProcessorsMetrics", &COMPONENT)),
        ("remediation_components", &List("[]*models.RemediationComponentsMetrics", &COMPONENT)),
    ],
};

const COMPONENT: Shape = Object {
    name: "models.BaseMetrics",
    told: ALL_METRICS,
    fields: &[
        ("datasources", &Map("map[string]int64", NUMBER)),
        ("feature_flags", TEXTS),
        ("hub_items", HUB_ITEMS),
        ("metrics", &List("[]*models.DetailedMetrics", &DETAILED)),
        (
            "os",
            &Object {
                name: "models.OSversion",
                told: ALL_METRICS,
                fields: &[("family", &Text), ("name", &Text), ("version", &Text)],
            },
        ),
        ("type", &Text),
        ("utc_startup_timestamp", NUMBER),
        ("version", &Text),
    ],
};

const HUB_ITEMS: &Shape = &Map(
    "models.HubItems",
    &List(
        "[]models.HubItem",
        &Object {
            name: "models.HubItem",
            told: ALL_METRICS,
            fields: &[("name", &Text), ("status", &Text), ("version", &Text)],
        },
    ),
);

const DETAILED: Shape = Object {
    name: "models.DetailedMetrics",
    told: ALL_METRICS,
    fields: &[
        (
            "items",
            &List(
                "[]*models.MetricsDetailItem",
                &Object {
                    name: "models.MetricsDetailItem",
                    told: ALL_METRICS,
                    fields: &[
                        ("labels", &Map("models.MetricsLabels", &Text)),
                        ("name", &Text),
                        ("unit", &Text),
                        ("value", &Number("float64")),
                    ],
                },
            ),
        ),
        (
            "meta",
            &Object {
                name: "models.MetricsMeta",
                told: ALL_METRICS,
                fields: &[("utc_now_timestamp", NUMBER), ("window_size_seconds", NUMBER)],
            },
        ),
    ],
};

/// Where in a body something stands: the struct that is named, and the fields that lead there.
#[derive(Clone, Debug, Default)]
struct Place {
    told: &'static str,
    path: Vec<&'static str>,
}

impl Shape {
    /// What Go calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Text => "string",
            Bool => "bool",
            Number(name) | List(name, _) | Map(name, _) | Object { name, .. } => name,
        }
    }

    /// What Go says about the first value that is not of its type; `None` where all are.
    pub fn told(&self, value: &RawValue) -> Option<String> {
        self.wrong(value, &mut Place::default())
    }

    fn wrong(&self, value: &RawValue, place: &mut Place) -> Option<String> {
        let text = value.get().trim_ascii();
        match (self, text.as_bytes().first()?) {
            (_, b'n') | (Text, b'"') | (Bool, b't' | b'f') => None,
            (Number(name), b'-' | b'0'..=b'9') => {
                let fits = match *name {
                    "int32" => text.parse::<i32>().is_ok(),
                    "int64" => text.parse::<i64>().is_ok(),
                    "float32" => text.parse::<f32>().is_ok_and(f32::is_finite),
                    _ => text.parse::<f64>().is_ok_and(f64::is_finite),
                };
                (!fits).then(|| self.refused(&format!("number {text}"), place))
            }
            (List(_, each), b'[') => {
                let all: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                all.iter().find_map(|one| each.wrong(one, place))
            }
            (Map(_, each), b'{') => pairs(text)?.iter().find_map(|(_, one)| each.wrong(one, place)),
            (Object { told, fields, .. }, b'{') => pairs(text)?.iter().find_map(|(key, value)| {
                let found = place_of(key, &fields.iter().map(|(name, _)| *name))?;
                let (name, shape) = fields.get(found)?;
                let before = std::mem::replace(&mut place.told, *told);
                place.path.push(*name);
                let wrong = shape.wrong(value, place);
                place.path.pop();
                place.told = before;
                wrong
            }),
            (_, b't' | b'f') => Some(self.refused("bool", place)),
            (_, b'"') => Some(self.refused("string", place)),
            (_, b'[') => Some(self.refused("array", place)),
            (_, b'{') => Some(self.refused("object", place)),
            _ => Some(self.refused("number", place)),
        }
    }

    fn refused(&self, found: &str, place: &Place) -> String {
        let name = self.name();
        let Place { told, path } = place;
        match path.is_empty() {
            true => format!("json: cannot unmarshal {found} into Go value of type {name}"),
            false => {
                let field = format!("{told}.{}", path.join("."));
                format!(
                    "json: cannot unmarshal {found} into Go struct field {field} of type {name}"
                )
            }
        }
    }
}

/// The keys of an object with their values, all of them as they stand there.
fn pairs(text: &str) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    serde_json::from_str::<Pairs<'_>>(text).ok().map(|pairs| pairs.0)
}

struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Self(Vec::new()))
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Pairs<'a> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut from: A) -> Result<Self, A::Error> {
        while let Some(pair) = from.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            self.0.push(pair);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_another_type_is_told_as_crowdsec_was_seen_to() {
        let cannot = "json: cannot unmarshal";
        for (shape, body, told) in [
            (ALERTS, "[5]", "number into Go value of type models.Alert"),
            (ALERTS, "{}", "object into Go value of type models.AddAlertsRequest"),
            (
                ALERTS,
                r#"[{"capacity":"x"}]"#,
                "string into Go struct field Alert.capacity of type int32",
            ),
            (
                ALERTS,
                r#"[{"capacity":1.5}]"#,
                "number 1.5 into Go struct field Alert.capacity of type int32",
            ),
            (
                ALERTS,
                r#"[{"events":[5]}]"#,
                "number into Go struct field Alert.events of type models.Event",
            ),
            (
                ALERTS,
                r#"[{"source":[]}]"#,
                "array into Go struct field Alert.source of type models.Source",
            ),
            (
                ALERTS,
                r#"[{"decisions":[{"duration":5}]}]"#,
                "number into Go struct field Decision.decisions.duration of type string",
            ),
            (
                ALERTS,
                r#"[{"meta":[{"key":5}]}]"#,
                "number into Go struct field MetaItems0.meta.key of type string",
            ),
            (
                LOGIN,
                r#"{"scenarios":"x"}"#,
                "string into Go struct field WatcherAuthRequest.scenarios of type []string",
            ),
            (
                METRICS,
                r#"{"log_processors":[5]}"#,
                "number into Go struct field AllMetrics.log_processors of type models.BaseMetrics",
            ),
            (
                METRICS,
                r#"{"remediation_components":[{"os":{"name":5}}]}"#,
                "number into Go struct field AllMetrics.remediation_components.os.name of type string",
            ),
            (
                METRICS,
                r#"{"remediation_components":[{"metrics":[{"items":[{"labels":{"a":5}}]}]}]}"#,
                "number into Go struct field AllMetrics.remediation_components.metrics.items.labels of type string",
            ),
            (
                ALERTS,
                r#"[{"Message":"","message":5,"CAPACITY":1.50}]"#,
                "number into Go struct field Alert.message of type string",
            ),
            (
                ALERTS,
                r#"[{"unknown":[5],"CAPACITY":1.50}]"#,
                "number 1.50 into Go struct field Alert.capacity of type int32",
            ),
        ] {
            let value = serde_json::from_str(body).unwrap();
            assert_eq!(shape.told(value).unwrap_or_default(), format!("{cannot} {told}"), "{body}");
        }
        let right = r#"[{"capacity": 1, "source": null, "unknown": [5]}]"#;
        assert_eq!(ALERTS.told(serde_json::from_str(right).unwrap()), None);
    }
}
