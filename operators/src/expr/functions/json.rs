//! JSON: lenient extraction from text, decoding and encoding (CrowdSec's `jsonextract.go`, and
//! `toJSON`, `fromJSON` of expr-lang).

use std::borrow::Cow;

use super::arguments::kinds::{ANY, ANYS, MAP, STR};
use super::arguments::{Outcome, lossy, text};
use super::json_scan::{self, Found};
use super::{Function, json_text, kv};
use crate::expr::context::Cx;
use crate::json::decode;
use crate::value::{ListKind, MapKind, Value};

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("JsonExtract", &[STR, STR], STR, extract)
        .about("raw text at a path such as a.b[0].c, escapes left; \"\" if missing",
            r#"JsonExtract('{"a":{"b":[1,"x"]}}', "a.b[1]")"#, "x"),
    Function::new("JsonExtractUnescape", &[STR], STR, extract_unescape).rest(STR)
        .about("the string under these nested keys, escapes decoded; \"\" if missing (CrowdSec \
                looks at the first key only)",
            r#"JsonExtractUnescape('{"log":"a\\"b"}', "log")"#, r#"a"b"#),
    Function::new("JsonExtractLib", &[STR], STR, extract_lib).rest(STR)
        .about("raw text under these nested keys; \"\" if missing (fails always in CrowdSec)",
            r#"JsonExtractLib('{"a":{"b.c":1}}', "a", "b.c")"#, "1"),
    Function::new("JsonExtractSlice", &[STR, STR], ANYS, extract_slice)
        .about("the array at a path, nil if missing",
            r#"JsonExtractSlice('{"a":[1,2]}', "a")"#, "[1 2]"),
    Function::new("JsonExtractObject", &[STR, STR], MAP, extract_object)
        .about("the object at a path, nil if missing",
            r#"JsonExtractObject('{"a":{"b":1}}', "a")"#, "map[b:1]"),
    Function::new("ToJsonString", &[ANY], STR, to_json_string)
        .about("the value as JSON, \"\" where it has no such form",
            r#"ToJsonString({"a": [1, "x"]})"#, r#"{"a":[1,"x"]}"#),
    Function::new("UnmarshalJSON", &[STR, MAP, STR], ANY, unmarshal).impure()
        .about("nil; writes the decoded text under a key of a map of the event",
            r#"UnmarshalJSON('{"a":1}', evt.Unmarshaled, "x")"#, "<nil>"),
    Function::new("toJSON", &[ANY], STR, to_json)
        .about("the value as indented JSON", r#"toJSON("a")"#, r#""a""#),
    Function::new("fromJSON", &[STR], ANY, from_json)
        .about("the decoded value", r#"fromJSON("[1, 2]")"#, "[1 2]"),
];

/// Splits `a.b[0].c` into `a`, `b`, `[0]`, `c`.
fn path(text: &str) -> Cow<'_, str> {
    if text.starts_with('[') || !text.contains('[') {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.replace('[', ".["))
    }
}

fn found(blob: &str, path: &[&str]) -> Outcome {
    Ok(match json_scan::get(blob.as_bytes(), path)? {
        Some(raw) => Value::Str(lossy(raw.text).into()),
        None => Value::str(""),
    })
}

fn extract(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let path = path(text(a, 1)?);
    if !path.contains('.') {
        return found(text(a, 0)?, &[&*path]);
    }
    let keys: Vec<&str> = path.split('.').collect();
    found(text(a, 0)?, &keys)
}

fn keys(a: &[Value]) -> Result<Vec<&str>, String> {
    (1..a.len()).map(|index| text(a, index)).collect()
}

fn extract_lib(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    found(text(a, 0)?, &keys(a)?)
}

fn extract_unescape(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let blob = text(a, 0)?;
    // What is no key leads nowhere.
    let Ok(keys) = keys(a) else { return Ok(Value::str("")) };
    let found = json_scan::get(blob.as_bytes(), &keys)?;
    let string = found.filter(|raw| raw.kind == Found::String);
    let decoded = string.and_then(|raw| json_scan::unescape(raw.text));
    Ok(Value::Str(lossy(&decoded.unwrap_or_default()).into()))
}

/// The value at a path, decoded, where it is of that kind.
fn decoded(a: &[Value], kind: Found) -> Result<Option<Value>, String> {
    let path = path(text(a, 1)?);
    let keys: Vec<&str> = path.split('.').collect();
    let found = json_scan::get(text(a, 0)?.as_bytes(), &keys)?.filter(|raw| raw.kind == kind);
    Ok(found.and_then(|raw| decode(&lossy(raw.text)).ok()))
}

fn extract_slice(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(decoded(a, Found::Array)?.unwrap_or_else(|| Value::nil_list(ListKind::Any)))
}

fn extract_object(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(decoded(a, Found::Object)?.unwrap_or_else(|| Value::nil_map(MapKind::Any)))
}

fn one(a: &[Value]) -> &Value {
    a.first().unwrap_or(&Value::Nil)
}

fn to_json_string(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Str(json_text::encode(cx, one(a)).unwrap_or_default().into()))
}

fn to_json(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    json_text::encode_indented(cx, one(a)).map(|text| Value::Str(text.into()))
}

fn from_json(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    decode(text(a, 0)?).map_err(|error| error.to_string())
}

fn unmarshal(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let key = text(a, 2)?;
    let document = decode(text(a, 0)?).map_err(|error| error.to_string())?;
    kv::write(cx, a, key, |_| Ok(document))?;
    Ok(Value::Nil)
}
