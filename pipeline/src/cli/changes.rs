//! Prints the differences of two rule sets in each format.

use std::collections::BTreeMap;
use std::io::{self, Write};

use operators::compare::{Change, Found};
use operators::time::{EventTime, Stamp};
use serde::Serialize;

use super::Format;
use super::alerts::{csv, printable};

/// Writes differences, which come by scenario and source.
///
/// # Errors
/// When `to` fails.
pub fn write(to: &mut impl Write, format: Format, changes: &[Change]) -> io::Result<()> {
    match format {
        Format::Human => human(to, changes),
        Format::Json => json(to, changes),
        Format::Raw => raw(to, changes),
    }
}

/// Name and sign of a difference.
fn kind(change: &Change) -> (&'static str, char) {
    match (&change.before, &change.after) {
        (None, _) => ("added", '+'),
        (_, None) => ("removed", '-'),
        _ => ("changed", '~'),
    }
}

#[derive(Default)]
struct Counts {
    added: u64,
    removed: u64,
    changed: u64,
}

impl Counts {
    fn add(&mut self, change: &Change) {
        match kind(change).1 {
            '+' => self.added += 1,
            '-' => self.removed += 1,
            _ => self.changed += 1,
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { added, removed, changed } = self;
        write!(f, "{added:>8} added {removed:>8} removed {changed:>8} changed")
    }
}

fn human(to: &mut impl Write, changes: &[Change]) -> io::Result<()> {
    let mut scenarios: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut sources: BTreeMap<(&str, &str), Counts> = BTreeMap::new();
    let mut all = Counts::default();
    for change in changes {
        let about = &change.about;
        writeln!(to, "{}", printable(&line(change)))?;
        scenarios.entry(&about.scenario).or_default().add(change);
        sources.entry((&about.scope, &about.value)).or_default().add(change);
        all.add(change);
    }
    if !changes.is_empty() {
        writeln!(to, "\nby scenario")?;
    }
    for (scenario, counts) in &scenarios {
        writeln!(to, "{counts}  {}", printable(scenario))?;
    }
    if !changes.is_empty() {
        writeln!(to, "by source")?;
    }
    for ((scope, value), counts) in &sources {
        writeln!(to, "{counts}  {}", printable(&format!("{scope} {value}")))?;
    }
    writeln!(to, "{all}  in all")
}

fn line(change: &Change) -> String {
    let about = &change.about;
    let sign = kind(change).1;
    let known = [&change.before, &change.after].into_iter().flatten();
    let shown: Vec<_> = known.map(shown).collect();
    let shown = shown.join("  →  ");
    format!("{sign} {}  {} {}  {shown}", about.scenario, about.scope, about.value)
}

fn shown(found: &Found) -> String {
    let mut text = format!("{} {} events", time(found.start), found.count);
    for decision in decisions(found) {
        text.push_str(&format!(", {decision}"));
    }
    text
}

fn time(at: EventTime) -> String {
    Stamp::utc_at(at).rfc3339_nano()
}

fn decisions(found: &Found) -> impl Iterator<Item = String> {
    found.decisions.iter().map(|(kind, duration, simulated)| {
        let pretended = if *simulated { " (simulated)" } else { "" };
        format!("{kind} for {duration}{pretended}")
    })
}

#[derive(Serialize)]
struct WireChange<'a> {
    change: &'static str,
    scenario: &'a str,
    scope: &'a str,
    value: &'a str,
    before: Option<WireFound<'a>>,
    after: Option<WireFound<'a>>,
}

#[derive(Serialize)]
struct WireFound<'a> {
    start_at: String,
    stop_at: String,
    events_count: i32,
    decisions: Vec<WireDecision<'a>>,
}

#[derive(Serialize)]
struct WireDecision<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    duration: &'a str,
    simulated: bool,
}

impl<'a> WireFound<'a> {
    fn new(found: &'a Found) -> Self {
        let decisions = found.decisions.iter().map(|(kind, duration, simulated)| WireDecision {
            kind,
            duration,
            simulated: *simulated,
        });
        Self {
            start_at: time(found.start),
            stop_at: time(found.stop),
            events_count: found.count,
            decisions: decisions.collect(),
        }
    }
}

fn json(to: &mut impl Write, changes: &[Change]) -> io::Result<()> {
    for change in changes {
        let about = &change.about;
        let wire = WireChange {
            change: kind(change).0,
            scenario: &about.scenario,
            scope: &about.scope,
            value: &about.value,
            before: change.before.as_ref().map(WireFound::new),
            after: change.after.as_ref().map(WireFound::new),
        };
        serde_json::to_writer(&mut *to, &wire)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

fn raw(to: &mut impl Write, changes: &[Change]) -> io::Result<()> {
    let side = "start_at,stop_at,events_count,decisions";
    let side = |which: &str| side.replace(',', &format!("_{which},")) + "_" + which;
    writeln!(to, "change,scenario,scope,value,{},{}", side("before"), side("after"))?;
    for change in changes {
        let about = &change.about;
        let mut fields: Vec<String> = vec![
            kind(change).0.into(),
            about.scenario.to_string(),
            about.scope.to_string(),
            about.value.to_string(),
        ];
        for found in [&change.before, &change.after] {
            fields.extend(match found {
                Some(found) => [
                    time(found.start),
                    time(found.stop),
                    found.count.to_string(),
                    decisions(found).collect::<Vec<_>>().join(";"),
                ],
                None => Default::default(),
            });
        }
        let quoted: Vec<_> = fields.iter().map(|field| csv(field)).collect();
        writeln!(to, "{}", quoted.join(","))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use operators::compare::About;

    use super::*;

    fn text(format: Format) -> String {
        let about =
            |value: &str| About { scenario: "t/s".into(), scope: "Ip".into(), value: value.into() };
        let found = |count| Found {
            start: EventTime(0),
            stop: EventTime(1_500_000_000),
            count,
            decisions: vec![("ban".into(), "4h".into(), false)],
        };
        let changes = [
            Change { about: about("a"), before: None, after: Some(found(3)) },
            Change { about: about("b"), before: Some(found(6)), after: Some(found(4)) },
        ];
        let mut text = Vec::new();
        write(&mut text, format, &changes).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn people_see_each_change_and_sums() {
        let expected = "\
+ t/s  Ip a  1970-01-01T00:00:00Z 3 events, ban for 4h
~ t/s  Ip b  1970-01-01T00:00:00Z 6 events, ban for 4h  →  1970-01-01T00:00:00Z 4 events, ban for 4h

by scenario
       1 added        0 removed        1 changed  t/s
by source
       1 added        0 removed        0 changed  Ip a
       0 added        0 removed        1 changed  Ip b
       1 added        0 removed        1 changed  in all
";
        assert_eq!(text(Format::Human), expected);
    }

    #[test]
    fn machines_get_one_change_a_line() {
        let json = text(Format::Json);
        let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
        assert_eq!(first["change"], "added");
        assert_eq!(first["before"], serde_json::Value::Null);
        assert_eq!(first["after"]["decisions"][0]["type"], "ban");
        let raw = text(Format::Raw);
        let widths = raw.lines().map(|line| line.split(',').count());
        assert_eq!(widths.collect::<Vec<_>>(), [12, 12, 12]);
        assert!(raw.starts_with("change,scenario,scope,value,start_at_before,stop_at_before,"));
    }
}
