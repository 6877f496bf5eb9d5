//! Reading the arguments of a call: their types, and lists and maps wherever they live.

use std::borrow::Cow;
use std::sync::Arc;

use super::format::type_name;
use crate::expr::context::Cx;
use crate::value::{List, MapKind, Value};

/// Short names of types for the tables of the families.
pub(super) mod kinds {
    use crate::expr::types::Type;

    pub(in super::super) const ANY: Type = Type::Any;
    pub(in super::super) const BOOL: Type = Type::Bool;
    pub(in super::super) const INT: Type = Type::Int;
    pub(in super::super) const FLOAT: Type = Type::Float;
    pub(in super::super) const STR: Type = Type::String;
    pub(in super::super) const TIME: Type = Type::Time;
    pub(in super::super) const SPAN: Type = Type::Duration;
    pub(in super::super) const ANYS: Type = Type::List(&Type::Any);
    pub(in super::super) const STRS: Type = Type::List(&Type::String);
    pub(in super::super) const MAP: Type = Type::Map(&Type::Any);
    pub(in super::super) const STRS_MAP: Type = Type::Map(&STRS);
}

/// What a function may return.
pub(super) type Outcome = Result<Value, String>;

/// Longest text that a function builds. Unit: bytes.
pub(super) const TEXT_BUDGET: usize = 16 << 20;

/// Most elements that a function builds (the memory budget of expr-lang).
pub(super) const ELEMENT_BUDGET: usize = 1_000_000;

/// The message for what would exceed a budget, in the words of expr-lang.
pub(super) fn over_budget() -> String {
    "memory budget exceeded".to_owned()
}

/// A message for an argument of the wrong type.
pub(super) fn mismatch(arguments: &[Value], index: usize, wanted: &str) -> String {
    match arguments.get(index) {
        Some(value) => {
            format!("argument {} is of type {}, not {wanted}", index + 1, type_name(value))
        }
        None => format!("argument {} is missing", index + 1),
    }
}

/// The string at `index`.
pub(super) fn text(arguments: &[Value], index: usize) -> Result<&str, String> {
    match arguments.get(index) {
        Some(Value::Str(text)) => Ok(text),
        _ => Err(mismatch(arguments, index, "string")),
    }
}

/// The string at `index`, shared.
pub(super) fn shared(arguments: &[Value], index: usize) -> Result<&Arc<str>, String> {
    match arguments.get(index) {
        Some(Value::Str(text)) => Ok(text),
        _ => Err(mismatch(arguments, index, "string")),
    }
}

/// The `int` at `index`.
pub(super) fn int(arguments: &[Value], index: usize) -> Result<i64, String> {
    match arguments.get(index) {
        Some(Value::Int(number) | Value::Int64(number)) => Ok(*number),
        _ => Err(mismatch(arguments, index, "int")),
    }
}

/// The number at `index`.
pub(super) fn float(arguments: &[Value], index: usize) -> Result<f64, String> {
    match arguments.get(index) {
        Some(Value::Float(number)) => Ok(*number),
        Some(Value::Int(number) | Value::Int64(number)) => Ok(*number as f64),
        _ => Err(mismatch(arguments, index, "float64")),
    }
}

/// The elements of a list, `None` where the value is no Go slice.
pub(super) fn items(value: &Value) -> Option<Cow<'_, [Value]>> {
    match value {
        Value::List(list) => Some(Cow::Borrowed(&list.items)),
        Value::Object(object) => object.items().map(Cow::Owned),
        _ => None,
    }
}

/// The list at `index`, as it is.
pub(super) fn list(arguments: &[Value], index: usize) -> Result<&Arc<List>, String> {
    match arguments.get(index) {
        Some(Value::List(list)) => Ok(list),
        _ => Err(mismatch(arguments, index, "a list")),
    }
}

/// The entries of a map by key, `None` where the value is no Go map.
pub(super) fn entries(cx: &Cx<'_>, value: &Value) -> Option<Vec<(Arc<str>, Value)>> {
    match value {
        Value::Map(map) => {
            Some(map.entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        Value::Unmarshaled => {
            let entries = cx.event.unmarshaled.iter();
            Some(entries.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        Value::Labels => {
            let entries = cx.event.line.labels.iter();
            Some(entries.map(|(key, value)| (key.clone(), Value::Str(value.clone()))).collect())
        }
        Value::Fields(space) => {
            let entries = cx.event.named(*space).into_iter();
            Some(entries.map(|(key, value)| (key.into(), Value::str(value))).collect())
        }
        _ => None,
    }
}

/// How many entries a map has, `None` where the value is no Go map.
pub(super) fn entry_count(cx: &Cx<'_>, value: &Value) -> Option<usize> {
    match value {
        Value::Map(map) => Some(map.entries.len()),
        Value::Unmarshaled => Some(cx.event.unmarshaled.len()),
        Value::Labels => Some(cx.event.line.labels.len()),
        Value::Fields(space) => Some(cx.event.named(*space).len()),
        _ => None,
    }
}

/// The entry of a map: `None` where the value is no Go map, `Some(None)` where the key is missing.
pub(super) fn entry(cx: &Cx<'_>, value: &Value, key: &str) -> Option<Option<Value>> {
    match value {
        Value::Map(map) => Some(map.entries.get(key).cloned()),
        Value::Unmarshaled => Some(cx.event.unmarshaled.get(key).cloned()),
        Value::Labels => Some(cx.event.line.labels.get(key).cloned().map(Value::Str)),
        Value::Fields(space) => Some(cx.event.get_named(*space, key).map(Value::str)),
        _ => None,
    }
}

/// Go value type of a map, `None` where the value is no Go map.
pub(super) fn map_kind(value: &Value) -> Option<MapKind> {
    match value {
        Value::Map(map) => Some(map.kind),
        Value::Unmarshaled => Some(MapKind::Any),
        Value::Labels | Value::Fields(_) => Some(MapKind::Strings),
        _ => None,
    }
}

/// Bytes as text: every byte that is not part of UTF-8 becomes U+FFFD, as Go reads such strings.
pub(super) fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}
