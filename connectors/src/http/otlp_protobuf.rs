//! OTLP logs in protobuf (`ExportLogsServiceRequest`). In: a body. Out: records, one after another.

use serde_json::{Map, Number, Value};

use super::record::{Record, Surroundings};
use crate::listener::{Batch, Full};
use crate::protobuf::{self, Malformed, fields};

/// Values in values go so deep.
const DEEPEST: usize = 32;

/// Why a body is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProtobufError {
    /// The bytes.
    #[error("no OTLP logs in protobuf")]
    Malformed(#[from] Malformed),
    /// Values in values.
    #[error("an attribute goes deeper than {DEEPEST} levels")]
    Deep,
    /// Too much.
    #[error("too many records in one body")]
    Full(#[from] Full),
}

/// Reads a body.
///
/// # Errors
/// It is none, or holds too much.
pub(crate) fn read(
    body: &[u8],
    around: &Surroundings<'_>,
    batch: &mut Batch,
) -> Result<(), ProtobufError> {
    for resource_logs in inner(body, 1) {
        let resource_logs = resource_logs?;
        let mut resource = around.clone();
        for message in inner(resource_logs, 1) {
            resource = resource.with(attributes(message?, 1, around)?);
        }
        for scope_logs in inner(resource_logs, 2) {
            let scope_logs = scope_logs?;
            let mut scope = resource.clone();
            for message in inner(scope_logs, 1) {
                scope = scope.with(attributes(message?, 3, around)?);
            }
            for record in inner(scope_logs, 2) {
                scope.push(self::record(record?, around)?, batch)?;
            }
        }
    }
    Ok(())
}

fn record(message: &[u8], around: &Surroundings<'_>) -> Result<Record, ProtobufError> {
    let attributes = attributes(message, 6, around)?;
    let mut record = Record { attributes, ..Record::default() };
    for field in fields(message) {
        match field? {
            (1, time) => record.time = time.number(),
            (11, time) => record.observed = time.number(),
            (5, body) => record.body = value(body.bytes(), 0)?,
            _ => {}
        }
    }
    Ok(record)
}

/// The wanted ones of a message whose field `number` has attributes.
fn attributes(
    message: &[u8],
    number: u32,
    around: &Surroundings<'_>,
) -> Result<Vec<(String, Value)>, ProtobufError> {
    let mut attributes = Vec::new();
    for pair in inner(message, number) {
        let (name, content) = pair_of(pair?)?;
        let name = String::from_utf8_lossy(name);
        if around.wants(&name) {
            attributes.push((name.into_owned(), value(content, 0)?));
        }
    }
    Ok(attributes)
}

/// `KeyValue`.
fn pair_of(message: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (mut name, mut content) = (&[][..], &[][..]);
    for field in fields(message) {
        match field? {
            (1, text) => name = text.bytes(),
            (2, value) => content = value.bytes(),
            _ => {}
        }
    }
    Ok((name, content))
}

/// `AnyValue`.
fn value(message: &[u8], depth: usize) -> Result<Value, ProtobufError> {
    if depth > DEEPEST {
        return Err(ProtobufError::Deep);
    }
    let mut found = Value::Null;
    for field in fields(message) {
        let (number, content) = field?;
        found = match (number, content) {
            (1 | 7, text) => Value::String(String::from_utf8_lossy(text.bytes()).into_owned()),
            (2, flag) => Value::Bool(flag.number() != 0),
            (3, number) => Value::Number(number.number().cast_signed().into()),
            (4, number) => {
                let number = Number::from_f64(f64::from_bits(number.number()));
                number.map_or(Value::Null, Value::Number)
            }
            (5, list) => {
                let values = inner(list.bytes(), 1);
                let values = values.map(|message| value(message?, depth + 1));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            (6, list) => {
                let mut map = Map::new();
                for pair in inner(list.bytes(), 1) {
                    let (name, content) = pair_of(pair?)?;
                    let name = String::from_utf8_lossy(name).into_owned();
                    map.insert(name, value(content, depth + 1)?);
                }
                Value::Object(map)
            }
            _ => continue,
        };
    }
    Ok(found)
}

/// The messages of one field.
fn inner(message: &[u8], number: u32) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    fields(message).filter_map(move |field| match field {
        Ok((of, protobuf::Value::Bytes(bytes))) if of == number => Some(Ok(bytes)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}
