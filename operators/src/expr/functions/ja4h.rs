//! JA4H: the fingerprint of an HTTP client (FoxIO), as CrowdSec's `pkg/appsec/ja4h` computes it.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Function;
use super::arguments::kinds::STR;
use super::arguments::{Outcome, entries, items, mismatch};
use crate::expr::context::Cx;
use crate::expr::types::Type;
use crate::value::{Object, Value};

/// The family's part of the list.
pub(super) const FUNCTIONS: &[Function] =
    &[Function::new("JA4H", &[Type::Struct("Request")], STR, fingerprint).about(
        "the JA4H fingerprint of a request of the WAF",
        "JA4H(req)",
        "",
    )];

/// A header with its values.
type Header = (Arc<str>, Vec<Arc<str>>);

fn number(request: &dyn Object, field: &str) -> i64 {
    match request.field(field) {
        Some(Value::Int(number) | Value::Int64(number)) => number,
        _ => 0,
    }
}

fn headers(cx: &Cx<'_>, request: &dyn Object) -> Vec<Header> {
    let map = request.field("Header").unwrap_or(Value::Nil);
    let texts = |value: &Value| match value {
        Value::Str(text) => vec![text.clone()],
        other => items(other)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| match item {
                Value::Str(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
    };
    let entries = entries(cx, &map).unwrap_or_default();
    entries.iter().map(|(name, value)| (name.clone(), texts(value))).collect()
}

/// The first value of a header, "" where there is none.
fn first<'a>(headers: &'a [Header], name: &str) -> &'a str {
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.and_then(|(_, values)| values.first()).map_or("", |value| value)
}

/// Names and values of the cookies, as Go's `net/http` reads them, by name.
fn cookies(headers: &[Header]) -> Vec<(&str, &str)> {
    let lines = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let mut found: Vec<(&str, &str)> = lines
        .flat_map(|(_, values)| values.iter())
        .flat_map(|line| line.split(';'))
        .filter_map(|part| {
            let part = part.trim();
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = name.trim();
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            let value = quoted.unwrap_or(value);
            let token = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(c);
            let valid = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | ';' | '\\');
            let good = !name.is_empty() && name.chars().all(token) && value.chars().all(valid);
            good.then_some((name, value))
        })
        .collect();
    found.sort_by_key(|(name, _)| *name);
    found
}

/// The first twelve hexadecimal digits of the SHA-256 of the texts with commas between them.
fn hash(texts: &[String]) -> String {
    let digest = Sha256::digest(texts.join(",").as_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The first four characters of the first language, filled up with zeros.
fn language(accepted: &str) -> String {
    let accepted = accepted.to_lowercase().replace('-', "").replace(';', ",");
    let first: String = accepted.split(',').next().unwrap_or("").chars().take(4).collect();
    format!("{first:0<4}")
}

fn fingerprint(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let Some(Value::Object(request)) = a.first() else {
        return Err(mismatch(a, 0, "*http.Request"));
    };
    let headers = headers(cx, &**request);
    let cookies = cookies(&headers);
    let method = match request.field("Method") {
        Some(Value::Str(method)) => method.to_lowercase().chars().take(2).collect(),
        _ => String::new(),
    };
    let referer = !first(&headers, "Referer").is_empty();
    let apart = usize::from(!first(&headers, "Cookie").is_empty()) + usize::from(referer);
    let mut names: Vec<String> = headers
        .iter()
        .map(|(name, _)| name.to_string())
        .filter(|name| {
            let lower = name.to_lowercase();
            !lower.starts_with("cookie") && lower != "referer"
        })
        .collect();
    names.sort_unstable();
    let of_cookies = |text: &dyn Fn(&(&str, &str)) -> String| {
        if cookies.is_empty() {
            return "000000000000".to_owned();
        }
        hash(&cookies.iter().map(text).collect::<Vec<_>>())
    };
    let text = format!(
        "{method}{}{}{}{}{:02}{}_{}_{}_{}",
        number(&**request, "ProtoMajor") % 10,
        number(&**request, "ProtoMinor") % 10,
        if cookies.is_empty() { 'n' } else { 'c' },
        if referer { 'r' } else { 'n' },
        headers.len().saturating_sub(apart).min(99),
        language(first(&headers, "Accept-Language")),
        hash(&names),
        of_cookies(&|(name, _)| (*name).to_owned()),
        of_cookies(&|(name, value)| format!("{name}={value}")),
    );
    Ok(Value::Str(text.into()))
}
