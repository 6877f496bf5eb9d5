//! What other hosts say, by way of the lookups; every one of them fails offline.

use super::Function;
use super::arguments::kinds::{ANY, BOOL, STR};
use super::arguments::{Outcome, entries, mismatch, text};
use crate::expr::context::Cx;
use crate::expr::types::Type;
use crate::value::Value;

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("CrowdsecCTI", &[STR], ANY, cti).impure()
        .about("what CrowdSec's threat intelligence knows of an address; an error when offline",
            r#"CrowdsecCTI("10.0.0.1")"#, ""),
    Function::new("HTTPGet", &[STR], ANY, get).impure()
        .about("{StatusCode, Body, Headers} of a GET; an error when offline",
            r#"HTTPGet("http://a.invalid/")"#, ""),
    Function::new("HTTPHead", &[STR], ANY, head).impure()
        .about("{StatusCode, Body, Headers} of a HEAD; an error when offline",
            r#"HTTPHead("http://a.invalid/")"#, ""),
    Function::new("HTTPPost", &[STR, STR, STR], ANY, post).impure()
        .about("{StatusCode, Body, Headers} of a POST (url, type, body); an error when offline",
            r#"HTTPPost("http://a.invalid/", "text/plain", "x")"#, ""),
    Function::new("HTTPRequest", &[STR, STR, HEADERS, STR], ANY, request).impure()
        .about("{StatusCode, Body, Headers} of a request (method, url, headers, body); an error \
                when offline",
            r#"HTTPRequest("PUT", "http://a.invalid/", {"a": "b"}, "x")"#, ""),
    Function::new("Hostname", &[], STR, hostname).impure()
        .about("the name of this host", "len(Hostname()) >= 0", "true"),
    Function::new("LibInjectionIsSQLI", &[STR], BOOL, is_sqli)
        .about("whether it looks like injected SQL",
            r#"LibInjectionIsSQLI("1' OR '1'='1")"#, "true"),
    Function::new("LibInjectionIsXSS", &[STR], BOOL, is_xss)
        .about("whether it looks like injected script",
            r#"LibInjectionIsXSS("<script>alert(1)</script>")"#, "true"),
];

const HEADERS: Type = Type::Any;

fn cti(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    cx.lookups.cti(text(a, 0)?)
}

fn get(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    cx.lookups.http("GET", text(a, 0)?, &[], "")
}

fn head(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    cx.lookups.http("HEAD", text(a, 0)?, &[], "")
}

fn post(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let headers = [("Content-Type", text(a, 1)?)];
    cx.lookups.http("POST", text(a, 0)?, &headers, text(a, 2)?)
}

fn request(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let given = match a.get(2) {
        Some(Value::Nil) => Vec::new(),
        Some(map) => entries(cx, map).ok_or_else(|| mismatch(a, 2, "map[string]string"))?,
        None => Vec::new(),
    };
    let mut headers: Vec<(&str, &str)> = Vec::with_capacity(given.len());
    for (name, value) in &given {
        match value {
            Value::Str(value) => headers.push((name, value)),
            _ => return Err(mismatch(a, 2, "map[string]string")),
        }
    }
    cx.lookups.http(text(a, 0)?, text(a, 1)?, &headers, text(a, 3)?)
}

fn hostname(cx: &mut Cx<'_>, _: &[Value]) -> Outcome {
    Ok(Value::str(cx.lookups.hostname()))
}

fn is_sqli(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Bool(libinjectionrs::detect_sqli(text(a, 0)?.as_bytes()).is_injection()))
}

fn is_xss(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Bool(libinjectionrs::detect_xss(text(a, 0)?.as_bytes()).is_injection()))
}
