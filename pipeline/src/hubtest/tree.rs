//! What every node did with every line, as a tree for people (crowdsec pkg/dumps `DumpTree`).

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use operators::event::{Event, Kind};
use operators::expr::recorded::NodeResult;
use operators::schema::Space;

use super::dump::Dump;

/// How much is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Every change of an event.
    pub changes: bool,
    /// Only lines that did not come through all stages.
    pub failures_only: bool,
}

/// A result with its node.
type Visit<'a> = (&'static str, &'static str, &'a Arc<NodeResult>);

/// Writes the tree of a log.
///
/// # Errors
/// The output takes nothing.
pub fn write(out: &mut dyn Write, dump: &Dump, detail: Detail) -> io::Result<()> {
    let last_stage = dump.lines.iter().flatten().map(|visit| visit.0).max();
    for visits in &dump.lines {
        let visits: Vec<Visit<'_>> =
            visits.iter().map(|(stage, node, result)| (*stage, *node, result)).collect();
        let Some((_, _, first)) = visits.first() else { continue };
        let passed =
            visits.iter().any(|(stage, _, result)| Some(*stage) == last_stage && result.success);
        if !(passed && detail.failures_only) {
            write_line(out, first.event.event(), &visits, (passed, detail))?;
        }
    }
    for overflow in &dump.overflows {
        let event = overflow.event();
        if let (Some(overflow), Kind::Overflow) = (&event.overflow, event.kind) {
            let silenced = if event.whitelisted.is_some() { " (whitelisted)" } else { "" };
            writeln!(out, "overflow: {}{silenced}", overflow.alert.message)?;
        }
    }
    Ok(())
}

fn write_line(
    out: &mut dyn Write,
    event: &Event,
    visits: &[Visit<'_>],
    (passed, detail): (bool, Detail),
) -> io::Result<()> {
    writeln!(out, "line: {}", event.line.raw.as_str())?;
    let mut stage = "";
    let mut before = BTreeMap::new();
    for (at, node, result) in visits {
        if *at != stage {
            writeln!(out, "  {at}")?;
            stage = at;
        }
        let after = texts(result.event.event());
        let changes = changes(&before, &after);
        let count = match changes.len() {
            0 => String::new(),
            count => format!(" ({count} changes)"),
        };
        let mark = if result.success { "+" } else { "-" };
        writeln!(out, "    {mark} {node}{count}")?;
        if detail.changes {
            for change in &changes {
                writeln!(out, "        {change}")?;
            }
        }
        before = after;
    }
    let whitelisted = visits.last().and_then(|(_, _, last)| {
        let event = last.event.event();
        event.whitelisted.as_ref().map(|reason| event.text(reason).to_owned())
    });
    match (passed, whitelisted) {
        (_, Some(reason)) => writeln!(out, "  whitelisted: {reason}\n"),
        (true, None) => writeln!(out, "  parsed\n"),
        (false, None) => writeln!(out, "  not parsed\n"),
    }
}

/// Every text of an event by its place.
fn texts(event: &Event) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (space, name) in
        [(Space::Parsed, "Parsed"), (Space::Meta, "Meta"), (Space::Enriched, "Enriched")]
    {
        for (key, value) in event.named(space) {
            all.insert(format!("evt.{name}.{key}"), value.to_owned());
        }
    }
    for (name, text) in [
        ("evt.StrTime", &event.str_time),
        ("evt.StrTimeFormat", &event.str_time_format),
        ("evt.MarshaledTime", &event.marshaled_time),
    ] {
        all.insert(name.to_owned(), event.text(text).to_owned());
    }
    let documents = event.unmarshaled.keys();
    all.extend(documents.map(|key| (format!("evt.Unmarshaled.{key}"), "…".to_owned())));
    all.retain(|_, value| !value.is_empty());
    all
}

fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let changed = after.iter().filter(|(key, value)| before.get(*key) != Some(value));
    let shown = changed.map(|(key, value)| match before.get(key) {
        Some(old) => format!("{key}: {old:?} -> {value:?}"),
        None => format!("{key} = {value:?}"),
    });
    shown.collect()
}
