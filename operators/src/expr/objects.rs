//! The structures of the engine as values: what [`super::structures`] describes, filled.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alert::{Alert, Decision, Listed, Overflow, Source};
use crate::event::{Event, Kind};
use crate::value::{List, ListKind, MapKind, Object, Value};

/// The events of a bucket (`queue`; crowdsec `pkg/pipeline/queue.go`).
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its events, oldest first.
    pub events: Arc<List>,
    /// `L`: how many it may hold, less one.
    pub capacity: i64,
}

impl Queue {
    /// Events as the elements of a queue.
    pub fn list(events: impl IntoIterator<Item = Arc<Event>>) -> Arc<List> {
        let items = events.into_iter().map(Value::Held).collect();
        Arc::new(List { kind: ListKind::Typed, nil: false, items })
    }
}

impl Object for Queue {
    fn type_name(&self) -> &'static str {
        "*pipeline.Queue"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Queue" => Some(Value::List(Arc::clone(&self.events))),
            "L" => Some(Value::Int(self.capacity)),
            _ => None,
        }
    }

    fn call(&self, method: &str, _arguments: &[Value]) -> Option<Result<Value, String>> {
        (method == "GetQueue").then(|| Ok(self.field("Queue").unwrap_or(Value::Nil)))
    }
}

/// A structure given by its fields: `leaky`, `evt.Line`, records of lookups.
#[derive(Clone, Debug)]
pub struct Record {
    /// Go name of the type, for messages.
    pub type_name: &'static str,
    /// The fields.
    pub fields: BTreeMap<&'static str, Value>,
}

impl Record {
    /// A value of these fields.
    pub fn value(
        type_name: &'static str,
        fields: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Value {
        Value::Object(Arc::new(Self { type_name, fields: fields.into_iter().collect() }))
    }
}

impl Object for Record {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields.get(name).cloned()
    }
}

/// A value that has a number and a name: `time.Weekday`, `time.Month`.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) type_name: &'static str,
    pub(super) name: &'static str,
    pub(super) number: i64,
}

impl Object for Named {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn call(&self, method: &str, _arguments: &[Value]) -> Option<Result<Value, String>> {
        (method == "String").then(|| Ok(Value::str(self.name)))
    }

    fn number(&self) -> Option<i64> {
        Some(self.number)
    }
}

fn text(text: &Arc<str>) -> Value {
    Value::Str(Arc::clone(text))
}

fn typed(items: impl IntoIterator<Item = Value>) -> Value {
    Value::slice(ListKind::Typed, items.into_iter().collect())
}

fn object(object: impl Object + 'static) -> Value {
    Value::Object(Arc::new(object))
}

fn argument(arguments: &[Value]) -> Result<&str, String> {
    arguments.first().and_then(Value::as_str).ok_or_else(|| "the argument must be a string".into())
}

/// `map[string]models.Source`.
const SOURCES: MapKind =
    MapKind::Typed { name: "map[string]models.Source", zero: || object(Source::default()) };

impl Object for Overflow {
    fn type_name(&self) -> &'static str {
        "pipeline.RuntimeAlert"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Mapkey" => text(&self.map_key),
            "BucketId" => Value::str(""),
            "Whitelisted" => Value::Bool(self.whitelisted),
            "Reprocess" => Value::Bool(self.reprocess),
            "Sources" => {
                let sources = self.sources.iter();
                let entries = sources.map(|(key, s)| (Arc::clone(key), object(s.clone())));
                Value::map_of(SOURCES, entries.collect())
            }
            "Alert" => object(self.alert.clone()),
            "APIAlerts" => typed(self.sources.values().map(|source| {
                let mut alert = self.alert.clone();
                alert.source = source.clone();
                object(alert)
            })),
            _ => return None,
        })
    }

    fn call(&self, method: &str, _arguments: &[Value]) -> Option<Result<Value, String>> {
        (method == "GetSources").then(|| Ok(Value::strings(self.sources.keys().cloned())))
    }
}

impl Object for Alert {
    fn type_name(&self) -> &'static str {
        "*models.Alert"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Capacity" => Value::Int64(self.capacity.into()),
            "CreatedAt" | "MachineID" | "UUID" => Value::str(""),
            "Kind" => Value::str("crowdsec"),
            "Decisions" => typed(self.decisions.iter().cloned().map(object)),
            "Events" => typed(self.events.iter().cloned().map(object)),
            "EventsCount" => Value::Int64(self.events_count.into()),
            "ID" => Value::Int64(0),
            // CrowdSec leaves it to its API.
            "Labels" => Value::strings([""; 0]),
            "Leakspeed" => text(&self.leakspeed),
            "Message" => text(&self.message),
            "Meta" => meta(&self.meta),
            "Remediation" => Value::Bool(self.remediation),
            "Scenario" => text(&self.scenario),
            "ScenarioHash" => text(&self.scenario_hash),
            "ScenarioVersion" => text(&self.scenario_version),
            "Simulated" => Value::Bool(self.simulated),
            "Source" => object(self.source.clone()),
            "StartAt" => Value::str(&self.start_at.rfc3339_nano()),
            "StopAt" => Value::str(&self.stop_at.rfc3339_nano()),
            _ => return None,
        })
    }

    fn call(&self, method: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        Some(Ok(match method {
            "GetScope" => text(&self.source.scope),
            "GetValue" => text(&self.source.value),
            "GetScenario" => text(&self.scenario),
            "GetEventsCount" => Value::Int64(self.events_count.into()),
            "GetMeta" => match argument(arguments) {
                Ok(key) => entry(&self.meta, key),
                Err(error) => return Some(Err(error)),
            },
            _ => return None,
        }))
    }
}

fn meta(pairs: &[(Arc<str>, Arc<str>)]) -> Value {
    typed(pairs.iter().map(|(key, value)| {
        Record::value("*models.MetaItems0", [("Key", text(key)), ("Value", text(value))])
    }))
}

fn entry(pairs: &[(Arc<str>, Arc<str>)], key: &str) -> Value {
    let found = pairs.iter().find(|(known, _)| &**known == key);
    found.map_or_else(|| Value::str(""), |(_, value)| text(value))
}

impl Object for Listed {
    fn type_name(&self) -> &'static str {
        "*models.Event"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Meta" => Some(meta(&self.meta)),
            "Timestamp" => Some(text(&self.timestamp)),
            _ => None,
        }
    }

    fn call(&self, method: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        (method == "GetMeta").then(|| argument(arguments).map(|key| entry(&self.meta, key)))
    }
}

impl Object for Source {
    fn type_name(&self) -> &'static str {
        "models.Source"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "AsName" => text(&self.as_name),
            "AsNumber" => text(&self.as_number),
            "Cn" => text(&self.cn),
            "IP" => text(&self.ip),
            "Latitude" => Value::Float(self.latitude.into()),
            "Longitude" => Value::Float(self.longitude.into()),
            "Range" => text(&self.range),
            "Scope" => text(&self.scope),
            "Value" => text(&self.value),
            _ => return None,
        })
    }

    fn call(&self, method: &str, _arguments: &[Value]) -> Option<Result<Value, String>> {
        Some(Ok(match method {
            "GetScope" => text(&self.scope),
            "GetValue" => text(&self.value),
            "GetAsNumberName" if &*self.as_number == "0" || self.as_number.is_empty() => {
                Value::str("")
            }
            "GetAsNumberName" => Value::str(&format!("{} {}", self.as_number, self.as_name)),
            "String" => Value::str(&format!("{}:{}", self.scope, self.value)),
            _ => return None,
        }))
    }
}

impl Object for Decision {
    fn type_name(&self) -> &'static str {
        "*models.Decision"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Duration" => text(&self.duration),
            "ID" => Value::Int64(0),
            "Origin" => text(&self.origin),
            "Scenario" => text(&self.scenario),
            "Scope" => text(&self.scope),
            "Simulated" => Value::Bool(self.simulated),
            "Type" => text(&self.kind),
            "UUID" | "Until" => Value::str(""),
            "Value" => text(&self.value),
            _ => return None,
        })
    }
}

/// Rules that the WAF matched: none, in a log event.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// Whether this is the structure around the list.
    embedded: bool,
    /// Whether it is a nil slice: what the methods give is an empty one.
    nil: bool,
}

impl Object for Rules {
    fn type_name(&self) -> &'static str {
        if self.embedded { "pipeline.AppsecEvent" } else { "pipeline.MatchedRules" }
    }

    fn field(&self, name: &str) -> Option<Value> {
        if !self.embedded {
            return None;
        }
        Some(match name {
            "HasInBandMatches" | "HasOutBandMatches" => Value::Bool(false),
            "MatchedRules" => object(Self { embedded: false, nil: true }),
            "Vars" | "HookVars" => Value::nil_map(MapKind::Strings),
            _ => return None,
        })
    }

    fn call(&self, method: &str, _arguments: &[Value]) -> Option<Result<Value, String>> {
        Some(Ok(match method {
            _ if method.starts_with("By") => object(Self { embedded: false, nil: false }),
            "GetField" => Value::list(Vec::new()),
            "GetRuleIDs" => typed([]),
            "GetMatchedZones" | "GetNames" | "Kinds" => Value::strings::<Arc<str>>([]),
            "GetHash" | "GetMethod" | "GetName" | "GetURI" | "GetVar" | "GetVersion" => {
                Value::str("")
            }
            "GetHighestSeverity" => {
                object(Named { type_name: "types.RuleSeverity", name: "unknown", number: 0 })
            }
            _ => return None,
        }))
    }

    fn items(&self) -> Option<Vec<Value>> {
        (!self.embedded).then(Vec::new)
    }

    fn is_nil(&self) -> bool {
        self.nil
    }
}

/// A map of strings as a value of its own.
pub(super) fn string_map<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    let entries = pairs.into_iter().map(|(key, value)| (key.into(), Value::str(value))).collect();
    Value::map_of(MapKind::Strings, entries)
}

/// The value of a field of an event other than its maps; `None` where there is no such field.
pub(super) fn event_field(event: &Event, name: &str) -> Option<Value> {
    let part = |text| Value::str(event.text(text));
    Some(match name {
        "Type" => Value::Int(match event.kind {
            Kind::Log => 0,
            Kind::Overflow => 1,
            Kind::Appsec => 2,
        }),
        "ExpectMode" => Value::Int(i64::from(event.kind == Kind::Log)),
        "Whitelisted" => Value::Bool(event.whitelisted.is_some()),
        "WhitelistReason" => event.whitelisted.as_ref().map_or_else(|| Value::str(""), part),
        "Stage" => Value::str(event.stage),
        "Line" => Record::value(
            "pipeline.Line",
            [
                ("Raw", Value::str(event.line.raw.as_str())),
                ("Src", Value::Str(Arc::clone(&event.line.source))),
                ("Time", Value::Time(event.line.time)),
                ("Labels", labels(event)),
                ("Process", Value::Bool(true)),
                ("Module", part(&event.line.module)),
            ],
        ),
        "Overflow" => match &event.overflow {
            Some(overflow) => Value::Object(Arc::clone(overflow) as Arc<dyn Object>),
            None => object(NoOverflow),
        },
        "Time" => Value::Time(event.time.unwrap_or(event.line.time)),
        "StrTime" => part(&event.str_time),
        "StrTimeFormat" => part(&event.str_time_format),
        "MarshaledTime" => part(&event.marshaled_time),
        "Process" => Value::Bool(event.process),
        "Appsec" => object(Rules { embedded: true, nil: false }),
        _ => return None,
    })
}

/// The labels of an event's line as a map of its own.
pub(super) fn labels(event: &Event) -> Value {
    string_map(event.line.labels.iter().map(|(key, value)| (&**key, &**value)))
}

/// A nil pointer of that Go type.
#[derive(Clone, Copy, Debug)]
struct NoPointer(&'static str);

impl Object for NoPointer {
    fn type_name(&self) -> &'static str {
        self.0
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn is_nil(&self) -> bool {
        true
    }
}

/// `evt.Overflow` of a log event.
#[derive(Clone, Copy, Debug)]
struct NoOverflow;

impl Object for NoOverflow {
    fn type_name(&self) -> &'static str {
        "pipeline.RuntimeAlert"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Mapkey" | "BucketId" => Value::str(""),
            "Whitelisted" | "Reprocess" => Value::Bool(false),
            "Sources" => Value::nil_map(SOURCES),
            "Alert" => object(NoPointer("*models.Alert")),
            "APIAlerts" => Value::nil_list(ListKind::Typed),
            _ => return None,
        })
    }

    fn call(&self, method: &str, _arguments: &[Value]) -> Option<Result<Value, String>> {
        (method == "GetSources").then(|| Ok(Value::strings::<Arc<str>>([])))
    }
}
