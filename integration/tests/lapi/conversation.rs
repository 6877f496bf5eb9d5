//! Conversations as text: requests with their answers.
//!
//! ```text
//! ### POST /v1/watchers/login
//! User-Agent: crowdsec/v1.7.8-linux
//!
//! {"machine_id":"m","password":"p"}
//! --- 200
//! Content-Type: application/json; charset=utf-8
//!
//! {"code":200,"expire":"<time>","token":"<token>"}
//! ```
//!
//! `{token}` and `{key}` in headers stand for a token and a key of the server at hand. In answers
//! what differs from run to run has a name in angles.

use crate::http::{Answer, Request};

/// Headers of answers that are compared.
const COMPARED: [&str; 8] = [
    "content-type",
    "www-authenticate",
    "cache-control",
    "expires",
    "pragma",
    "location",
    "allow",
    "transfer-encoding",
];

/// A request and the answer that is expected.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) request: Request,
    pub(crate) answer: String,
}

pub(crate) fn read(text: &str) -> Vec<Turn> {
    let mut turns = Vec::new();
    for block in text.split("\n### ").map(|block| block.trim_start_matches("### ")) {
        if !block.contains('/') || block.starts_with('#') {
            continue;
        }
        let (asked, answer) = block.split_once("\n--- ").unwrap_or((block, ""));
        let (head, body) = asked.split_once("\n\n").unwrap_or((asked, ""));
        let mut lines = head.lines();
        let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
        let pair = |line: &str| line.split_once(": ").map(|(a, b)| (a.to_owned(), b.to_owned()));
        let request = Request {
            method: method.to_owned(),
            target: target.trim().to_owned(),
            headers: lines.filter_map(pair).collect(),
            body: body.trim_end_matches('\n').to_owned(),
        };
        turns.push(Turn { request, answer: answer.trim_end().to_owned() });
    }
    turns
}

pub(crate) fn write(turns: &[Turn]) -> String {
    let mut text = String::new();
    for Turn { request, answer } in turns {
        text.push_str(&format!("### {} {}\n", request.method, request.target));
        for (name, value) in &request.headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        if !request.body.is_empty() {
            text.push_str(&format!("\n{}\n", request.body));
        }
        text.push_str(&format!("--- {answer}\n\n"));
    }
    text
}

/// An answer as it is compared: some headers, and names for what differs from run to run.
pub(crate) fn shown(target: &str, answer: &Answer) -> String {
    let mut text = answer.status.to_string();
    for name in COMPARED {
        // Elsewhere Go sends chunks from 2 KiB on: how long an answer is, is not what it says.
        if name == "transfer-encoding" && !target.contains("/stream") {
            continue;
        }
        if let Some(value) = answer.header(name) {
            text.push_str(&format!("\n{name}: {value}"));
        }
    }
    if !answer.body.is_empty() {
        text.push_str(&format!("\n\n{}", named(&answer.body)));
    }
    text.trim_end().to_owned()
}

/// Puts names in place of times, tokens, identities, and what is left of durations.
fn named(body: &str) -> String {
    let mut text = body.to_owned();
    for (key, name) in [
        ("token", "<token>"),
        ("uuid", "<uuid>"),
        ("expire", "<time>"),
        ("created_at", "<time>"),
        ("updated_at", "<time>"),
        ("start_at", "<time>"),
        ("stop_at", "<time>"),
        ("duration", ""),
    ] {
        let mut out = String::new();
        let mut rest = text.as_str();
        let head = format!("\"{key}\":\"");
        while let Some(at) = rest.find(&head) {
            let (before, found) = rest.split_at(at + head.len());
            let (value, behind) = found.split_at(found.find('"').unwrap());
            out.push_str(before);
            out.push_str(match (name, value.starts_with('-')) {
                ("", true) => "<over>",
                ("", false) => "<left>",
                (name, _) => name,
            });
            rest = behind;
        }
        out.push_str(rest);
        text = out;
    }
    // In words, too.
    const NAMED: &str = "decisions for alert ";
    if let Some((before, rest)) = text.split_once(NAMED) {
        let behind = rest.find(':').map_or("", |end| &rest[end..]);
        text = format!("{before}{NAMED}<uuid>{behind}");
    }
    text
}
