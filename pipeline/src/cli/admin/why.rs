//! `spillway decisions explain`: why a decision was made.

use anyhow::Context;
use serde_json::Value;

use super::client::Client;
use super::output::{Output, Row, items, text};
use crate::cli::Format;

/// Shows which lines, which bucket and which rule are behind a decision.
///
/// # Errors
/// There is no such decision, or the service is not reached.
pub(super) fn explain(client: &Client, id: u64, output: Output) -> anyhow::Result<()> {
    let told = client.get(&["v1", "decisions", &id.to_string(), "explain"], &[]);
    let told = told.with_context(|| format!("can't find decision with id {id}"))?;
    let lines = items(&told, "/coordinates");
    let place = |line: &Value| ["/source", "/lane", "/position"].map(|key| text(line, key));
    let line = |line: &Value| [&place(line)[..], &[text(line, "/line")]].concat();
    match output.format {
        Format::Json => output.json(&told, 1),
        Format::Raw => output.csv(&["source", "lane", "position", "line"], lines.iter().map(line)),
        Format::Human => {
            let rows = [
                ("Scope:Value", format!("{}:{}", of(&told, "scope"), of(&told, "value"))),
                ("Action", of(&told, "type")),
                ("Until", of(&told, "until")),
                ("Origin", of(&told, "origin")),
                ("Simulated", of(&told, "simulated")),
                ("Reason", of(&told, "scenario")),
                ("Rule", text(&told, "/rule/name")),
                ("Rule version", text(&told, "/rule/version")),
                ("Bucket", text(&told, "/bucket")),
                ("Alert ID", text(&told, "/alert/id")),
            ];
            let rows = rows.map(|(name, value)| Row::new([name.to_owned(), value]));
            output.table(&format!("Decision: {}", of(&told, "id")), &[], rows.into())?;
            if !lines.is_empty() {
                let rows = lines.iter().map(|one| {
                    let [source, lane, position] = place(one);
                    Row::new([source, lane, position, shown(one)])
                });
                output.table("Lines", &["Source", "Place", "Offset", "Line"], rows.collect())?;
            }
            let kept = items(&told, "/alert/events");
            if lines.iter().any(|one| text(one, "/line").is_empty()) && !kept.is_empty() {
                let rows = kept.iter().map(|one| Row::new([text(one, "/timestamp"), meta(one)]));
                output.table("What is kept of the events", &["Time", "Meta"], rows.collect())?;
            }
            Ok(())
        }
    }
}

/// The text of a line, or why there is none.
fn shown(line: &Value) -> String {
    let (source, lane) = (text(line, "/source"), text(line, "/lane"));
    match text(line, "/line") {
        found if !found.is_empty() => found,
        _ if source.is_empty() => "(where it came from is not known any more)".to_owned(),
        // Only lanes of files are called by an absolute path.
        _ if lane.starts_with('/') => "(the file does not have it any more)".to_owned(),
        _ => format!("(the text stayed in {source})"),
    }
}

/// What an event says of itself, as `key=value`.
fn meta(event: &Value) -> String {
    let pairs = items(event, "/meta");
    let pair = |one: &Value| format!("{}={}", text(one, "/key"), text(one, "/value"));
    pairs.iter().map(pair).collect::<Vec<_>>().join(" ")
}

fn of(told: &Value, name: &str) -> String {
    text(told, &format!("/decision/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_text_says_why() {
        let line = |source: &str, lane: &str, line: Option<&str>| {
            shown(&serde_json::json!({ "source": source, "lane": lane, "line": line }))
        };
        assert_eq!(line("file:a", "/var/log/a", Some("text")), "text");
        let rotated = line("file:a", "/var/log/a", None);
        assert_eq!(rotated, "(the file does not have it any more)");
        assert_eq!(line("kafka:k", "logs/3", None), "(the text stayed in kafka:k)");
        assert!(line("", "", None).contains("not known any more"));
    }

    #[test]
    fn an_event_is_told_by_its_meta() {
        let pair = serde_json::json!({ "key": "source_ip", "value": "192.0.2.1" });
        assert_eq!(
            meta(&serde_json::json!({ "meta": [pair, pair] })),
            "source_ip=192.0.2.1 source_ip=192.0.2.1"
        );
    }
}
