//! OpenTelemetry's `ExportLogsServiceRequest` in JSON, as the collector's Kafka exporter writes it
//! (`encoding: otlp_json`).

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::text;
use super::{Told, without_line_end};
use crate::metric::Reason;

/// Labels by name: an attribute of the log record, or else of its resource.
pub type Attributes = Vec<(Arc<str>, String)>;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default, rename = "resourceLogs")]
    resources: Vec<Resource<'a>>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    resource: Described<'a>,
    #[serde(borrow, default, rename = "scopeLogs")]
    scopes: Vec<Scope<'a>>,
}

#[derive(Deserialize, Default)]
struct Described<'a> {
    #[serde(borrow, default)]
    attributes: Vec<Attribute<'a>>,
}

#[derive(Deserialize)]
struct Scope<'a> {
    #[serde(borrow, default, rename = "logRecords")]
    records: Vec<LogRecord<'a>>,
}

#[derive(Deserialize)]
struct LogRecord<'a> {
    #[serde(borrow, default, rename = "timeUnixNano")]
    time: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "observedTimeUnixNano")]
    observed: Option<&'a RawValue>,
    #[serde(borrow, default)]
    body: Option<Value<'a>>,
    #[serde(borrow, default)]
    attributes: Vec<Attribute<'a>>,
}

#[derive(Deserialize)]
struct Attribute<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Option<Value<'a>>,
}

/// A value of any kind; arrays and maps stay as they are written.
#[derive(Deserialize)]
struct Value<'a> {
    #[serde(
        borrow,
        default,
        alias = "stringValue",
        alias = "intValue",
        alias = "doubleValue",
        alias = "boolValue",
        alias = "bytesValue",
        alias = "arrayValue",
        alias = "kvlistValue"
    )]
    value: Option<&'a RawValue>,
}

impl<'a> Value<'a> {
    fn text(&self) -> Option<Cow<'a, str>> {
        self.value.and_then(text)
    }
}

/// Gives each line of a request to `line`.
pub(super) fn decode<'a>(
    document: &'a str,
    labels: &Attributes,
    line: &mut dyn FnMut(Told<'a>),
) -> Result<(), Reason> {
    let request: Request<'a> = serde_json::from_str(document).map_err(|_| Reason::Payload)?;
    let mut lines = 0;
    for resource in &request.resources {
        for record in resource.scopes.iter().flat_map(|scope| &scope.records) {
            let Some(body) = record.body.as_ref().and_then(Value::text) else { continue };
            let body = match body {
                Cow::Borrowed(body) => Cow::Borrowed(without_line_end(body)),
                Cow::Owned(body) => Cow::Owned(without_line_end(&body).to_owned()),
            };
            if body.is_empty() {
                continue;
            }
            lines += 1;
            let labels = labels.iter().filter_map(|(name, key)| {
                let value = find(&record.attributes, key);
                let value = value.or_else(|| find(&resource.resource.attributes, key))?;
                Some((Arc::clone(name), value))
            });
            line(Told { text: body, time: record.time(), labels: labels.collect() });
        }
    }
    if lines == 0 { Err(Reason::NoLine) } else { Ok(()) }
}

impl LogRecord<'_> {
    fn time(&self) -> Option<i64> {
        let number = |raw: &RawValue| text(raw)?.parse().ok().filter(|time| *time > 0);
        self.time.and_then(number).or_else(|| self.observed.and_then(number))
    }
}

fn find<'a>(attributes: &[Attribute<'a>], key: &str) -> Option<Cow<'a, str>> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.text()
}
