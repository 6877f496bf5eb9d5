//! Escapes, queries and the shape of URLs, as Go's `net/url` and CrowdSec's `waf.go` read them.

use std::collections::BTreeMap;

use super::arguments::lossy;

/// Values by name, in the order of the query.
pub(super) type Query = BTreeMap<String, Vec<String>>;

fn hex(digit: Option<&u8>) -> Option<u8> {
    let digit = char::from(*digit?).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// The byte of `%XX` at `at`.
fn escaped(bytes: &[u8], at: usize) -> Option<u8> {
    Some(hex(bytes.get(at + 1))? << 4 | hex(bytes.get(at + 2))?)
}

/// Decodes `%XX`, and `+` as a blank where `plus` says so; `None` for a bad escape.
pub(super) fn unescape(text: &str, plus: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'%' => {
                out.push(escaped(bytes, at)?);
                at += 2;
            }
            b'+' if plus => out.push(b' '),
            byte => out.push(*byte),
        }
        at += 1;
    }
    Some(lossy(&out))
}

/// Decodes what can be decoded and keeps bad escapes.
fn lenient(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, escaped(bytes, at)) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
        at += 1;
    }
    lossy(&out)
}

/// `url.PathEscape` (`path`) or `url.QueryEscape`.
pub(super) fn escape(text: &str, path: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b'$' | b'&' | b'+' | b'=' | b':' | b'@' if path => out.push(char::from(byte)),
            b' ' if !path => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Reads a query that may be malformed: CrowdSec's `ParseQuery`.
pub(super) fn lenient_query(query: &str) -> Query {
    let mut values = Query::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        values.entry(lenient(key)).or_default().push(lenient(value));
    }
    values
}

/// Reads a query; `None` where Go's `url.ParseQuery` has an error.
pub(super) fn strict_query(query: &str) -> Option<Query> {
    let mut values = Query::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pair.contains(';') {
            return None;
        }
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        values.entry(unescape(key, true)?).or_default().push(unescape(value, true)?);
    }
    Some(values)
}

/// The query of a URL; `None` where Go's `url.Parse` has an error.
pub(super) fn query_of(url: &str) -> Option<&str> {
    let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
    if url.bytes().chain(fragment.bytes()).any(|byte| byte < b' ' || byte == 0x7f) {
        return None;
    }
    unescape(fragment, false)?;
    if url == "*" {
        return Some("");
    }
    let (scheme, rest) = scheme(url)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !rest.starts_with('/') {
        if !scheme.is_empty() {
            return Some(query);
        }
        let first = rest.split('/').next().unwrap_or("");
        if first.contains(':') {
            return None;
        }
    }
    let mut path = rest;
    let authority = rest.strip_prefix("//");
    if let Some(authority) = authority.filter(|_| !scheme.is_empty() || !rest.starts_with("///")) {
        let end = authority.find('/').unwrap_or(authority.len());
        valid_authority(&authority[..end])?;
        path = &authority[end..];
    }
    unescape(path, false)?;
    Some(query)
}

/// The scheme and the rest; `None` where the scheme is missing before `:`.
fn scheme(url: &str) -> Option<(&str, &str)> {
    for (at, byte) in url.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return None,
            b':' => return Some((&url[..at], &url[at + 1..])),
            _ => break,
        }
    }
    Some(("", url))
}

fn valid_authority(authority: &str) -> Option<()> {
    let host = match authority.rsplit_once('@') {
        None => authority,
        Some((user, host)) => {
            let allowed =
                |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
            if !user.bytes().all(allowed) {
                return None;
            }
            unescape(user, false)?;
            host
        }
    };
    let (name, port) = match host.strip_prefix('[') {
        Some(literal) => {
            let (name, port) = literal.rsplit_once(']')?;
            (name, port)
        }
        None => match host.rfind(':') {
            Some(at) => (&host[..at], &host[at..]),
            None => (host, ""),
        },
    };
    if !port.is_empty() && !port.strip_prefix(':')?.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let literal = host.starts_with('[');
    let name = if literal { name.split("%25").next().unwrap_or(name) } else { name };
    valid_host(name)
}

/// Whether a host has only bytes, and escapes of bytes, that Go takes there.
fn valid_host(host: &str) -> Option<()> {
    let bytes = host.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'%' => {
                // Only bytes beyond ASCII may be escaped in a host.
                if escaped(bytes, at)? < 0x80 {
                    return None;
                }
                at += 2;
            }
            byte if byte.is_ascii_alphanumeric() || *byte >= 0x80 => {}
            byte if b"-_.~!$&'()*+,;=:[]<>\"".contains(byte) => {}
            _ => return None,
        }
        at += 1;
    }
    Some(())
}
