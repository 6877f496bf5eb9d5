//! OTLP logs in JSON. In: a body. Out: records, one after another. Each record is decoded by itself:
//! what a body claims to hold costs nothing before its turn.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::record::{Record, Surroundings};
use crate::listener::{Batch, Full};

/// Why a body is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JsonError {
    /// The text.
    #[error("no OTLP logs in JSON")]
    Json(#[source] serde_json::Error),
    /// Too much.
    #[error("too many records in one body")]
    Full,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<Full> for JsonError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow, default)]
    resource_logs: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct ResourceLogs<'a> {
    #[serde(borrow)]
    resource: Bearer<'a>,
    #[serde(borrow)]
    scope_logs: Vec<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ScopeLogs<'a> {
    #[serde(borrow)]
    scope: Bearer<'a>,
    #[serde(borrow)]
    log_records: Vec<&'a RawValue>,
}

/// What has attributes.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Bearer<'a> {
    #[serde(borrow)]
    attributes: Vec<Pair<'a>>,
}

#[derive(Deserialize)]
struct Pair<'a> {
    key: String,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct LogRecord<'a> {
    time_unix_nano: Value,
    observed_time_unix_nano: Value,
    body: Value,
    #[serde(borrow)]
    attributes: Vec<Pair<'a>>,
}

/// Reads a body.
///
/// # Errors
/// It is none, or holds too much.
pub(crate) fn read(
    body: &[u8],
    around: &Surroundings<'_>,
    batch: &mut Batch,
) -> Result<(), JsonError> {
    let body = String::from_utf8_lossy(body);
    let request: Request<'_> = serde_json::from_str(&body)?;
    for resource_logs in request.resource_logs {
        let ResourceLogs { resource, scope_logs } = serde_json::from_str(resource_logs.get())?;
        let resource = around.with(wanted(resource.attributes, around)?);
        for scope_logs in scope_logs {
            let ScopeLogs { scope, log_records } = serde_json::from_str(scope_logs.get())?;
            let scope = resource.with(wanted(scope.attributes, around)?);
            for record in log_records {
                match read_record(record, around) {
                    Ok(record) => scope.push(record, batch)?,
                    Err(_) => batch.reject(record.get().as_bytes())?,
                }
            }
        }
    }
    Ok(())
}

fn read_record(record: &RawValue, around: &Surroundings<'_>) -> Result<Record, serde_json::Error> {
    let record: LogRecord<'_> = serde_json::from_str(record.get())?;
    Ok(Record {
        time: nanoseconds(&record.time_unix_nano),
        observed: nanoseconds(&record.observed_time_unix_nano),
        body: plain(record.body),
        attributes: wanted(record.attributes, around)?,
    })
}

fn wanted(
    pairs: Vec<Pair<'_>>,
    around: &Surroundings<'_>,
) -> Result<Vec<(String, Value)>, serde_json::Error> {
    let pairs = pairs.into_iter().filter(|pair| around.wants(&pair.key));
    let pair = |pair: Pair<'_>| {
        let value = pair.value.map(|value| serde_json::from_str(value.get())).transpose()?;
        Ok((pair.key, plain(value.unwrap_or_default())))
    };
    pairs.map(pair).collect()
}

/// A 64-bit number, which JSON of protobuf writes as a string.
fn nanoseconds(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.parse().unwrap_or(0),
        Value::Number(number) => number.as_u64().unwrap_or(0),
        _ => 0,
    }
}

/// `AnyValue` as the JSON that it stands for. It is as deep as the decoder let it be.
fn plain(value: Value) -> Value {
    let Value::Object(any) = value else { return Value::Null };
    let Some((kind, value)) = any.into_iter().next() else { return Value::Null };
    match (kind.as_str(), value) {
        ("stringValue" | "bytesValue" | "boolValue" | "doubleValue", value) => value,
        ("intValue", Value::String(text)) => {
            text.parse::<i64>().map_or(Value::Null, |number| Value::Number(Number::from(number)))
        }
        ("intValue", value) => value,
        ("arrayValue", Value::Object(mut list)) => match list.remove("values") {
            Some(Value::Array(values)) => Value::Array(values.into_iter().map(plain).collect()),
            _ => Value::Array(Vec::new()),
        },
        ("kvlistValue", Value::Object(mut list)) => {
            let mut map = Map::new();
            if let Some(Value::Array(pairs)) = list.remove("values") {
                for pair in pairs {
                    let Value::Object(mut pair) = pair else { continue };
                    if let Some(Value::String(name)) = pair.remove("key") {
                        map.insert(name, plain(pair.remove("value").unwrap_or_default()));
                    }
                }
            }
            Value::Object(map)
        }
        _ => Value::Null,
    }
}
