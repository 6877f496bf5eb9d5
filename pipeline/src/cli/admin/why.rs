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
    let line = |line: &Value| {
        ["/source", "/lane", "/position", "/line"].map(|pointer| text(line, pointer)).to_vec()
    };
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
                let rows = lines.iter().map(|one| Row::new(line(one))).collect();
                output.table("Lines", &["Source", "Place", "Offset", "Line"], rows)?;
            }
            Ok(())
        }
    }
}

fn of(told: &Value, name: &str) -> String {
    text(told, &format!("/decision/{name}"))
}
