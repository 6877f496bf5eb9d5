//! URLs, queries and Base64.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Function;
use super::arguments::kinds::{STR, STRS, STRS_MAP};
use super::arguments::{Outcome, lossy, shared, text};
use super::url::{self, Query};
use crate::expr::context::Cx;
use crate::value::{MapKind, Value};

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("ParseUri", &[STR], STRS_MAP, parse_uri)
        .about("the query of a URL, empty where it is malformed",
            r#"ParseUri("/a?b=1&b=2")"#, "map[b:[1 2]]"),
    Function::new("ParseQuery", &[STR], STRS_MAP, parse_query)
        .about("the query, bad escapes kept", r#"ParseQuery("b=1%zz;&c")"#, "map[b:[1%zz;] c:[]]"),
    Function::new("ExtractQueryParam", &[STR, STR], STRS, extract_query_param)
        .about("every value of one parameter", r#"ExtractQueryParam("/a?b=1&b=2", "b")"#, "[1 2]"),
    Function::new("PathEscape", &[STR], STR, path_escape)
        .about("escaped for a segment of a path", r#"PathEscape("a b/c")"#, "a%20b%2Fc"),
    Function::new("PathUnescape", &[STR], STR, path_unescape)
        .about("with %XX decoded, as it is where one is bad", r#"PathUnescape("a%20b+c")"#, "a b+c"),
    Function::new("QueryEscape", &[STR], STR, query_escape)
        .about("escaped for a query", r#"QueryEscape("a b/c")"#, "a+b%2Fc"),
    Function::new("QueryUnescape", &[STR], STR, query_unescape)
        .about("with %XX and + decoded, as it is where one is bad",
            r#"QueryUnescape("a%20b+c")"#, "a b c"),
    Function::new("B64Decode", &[STR], STR, b64_decode)
        .about("decoded from padded Base64", r#"B64Decode("aGVsbG8=")"#, "hello"),
    Function::new("toBase64", &[STR], STR, to_base64)
        .about("encoded as padded Base64", r#"toBase64("hello")"#, "aGVsbG8="),
    Function::new("fromBase64", &[STR], STR, b64_decode)
        .about("decoded from padded Base64", r#"fromBase64("aGVsbG8=")"#, "hello"),
];

fn query_map(query: Query) -> Value {
    let entries: BTreeMap<Arc<str>, Value> =
        query.into_iter().map(|(key, values)| (key.into(), Value::strings(values))).collect();
    Value::map_of(MapKind::StringLists, entries)
}

fn parse_uri(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let query = url::query_of(text(a, 0)?).and_then(url::strict_query);
    Ok(query_map(query.unwrap_or_default()))
}

fn parse_query(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(query_map(url::lenient_query(text(a, 0)?)))
}

fn extract_query_param(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let query = text(a, 0)?.split_once('?').map_or("", |(_, query)| query);
    let values = url::lenient_query(query).remove(text(a, 1)?);
    Ok(Value::strings(values.unwrap_or_default()))
}

fn path_escape(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Str(url::escape(text(a, 0)?, true).into()))
}

fn query_escape(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Str(url::escape(text(a, 0)?, false).into()))
}

fn unescaped(whole: &Arc<str>, plus: bool) -> Value {
    if !whole.bytes().any(|byte| byte == b'%' || (plus && byte == b'+')) {
        return Value::Str(whole.clone());
    }
    match url::unescape(whole, plus) {
        Some(text) => Value::Str(text.into()),
        None => Value::Str(whole.clone()),
    }
}

fn path_unescape(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(unescaped(shared(a, 0)?, false))
}

fn query_unescape(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(unescaped(shared(a, 0)?, true))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Str(in_base64(text(a, 0)?.as_bytes()).into()))
}

/// Bytes as padded Base64.
pub(super) fn in_base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_usize, |group, byte| group << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                out.push(char::from(ALPHABET[group >> (18 - 6 * place) & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

/// The bytes of padded Base64, line ends skipped; the offset of the first wrong byte otherwise.
fn base64(text: &str) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut places, mut padding) = (0_u32, 0, 0);
    for (at, byte) in text.bytes().enumerate() {
        if matches!(byte, b'\r' | b'\n') {
            continue;
        }
        let digit = ALPHABET.iter().position(|known| *known == byte);
        match digit.and_then(|digit| u32::try_from(digit).ok()) {
            Some(digit) if padding == 0 => group = group << 6 | digit,
            None if byte == b'=' && places >= 2 => {
                padding += 1;
                group <<= 6;
            }
            _ => return Err(at),
        }
        places += 1;
        if places == 4 {
            let bytes = group.to_be_bytes();
            out.extend_from_slice(&bytes[1..4 - padding]);
            // Nothing may follow a padded group: `places` stays at 4 and refuses digits.
            (group, places) = (0, if padding == 0 { 0 } else { places });
        } else if places > 4 {
            return Err(at);
        }
    }
    if places == 0 || (places == 4 && padding > 0) { Ok(out) } else { Err(text.len()) }
}

fn b64_decode(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    match base64(text(a, 0)?) {
        Ok(bytes) => Ok(Value::Str(lossy(&bytes).into())),
        Err(at) => Err(format!("illegal base64 data at input byte {at}")),
    }
}
