//! What bouncers did, a table for each of them (crowdsec cmd/crowdsec-cli/climetrics/statbouncer.go).

use std::collections::{BTreeMap, BTreeSet};

use api::bouncer_metrics::{ByOrigin, OneBouncer};

use super::section::number_of;
use crate::cli::alerts::printable;

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// What stands above it.
    pub(super) title: String,
    /// The names of its columns: what is counted above its unit.
    pub(super) header: Vec<String>,
    /// A row for each origin, then their total.
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// What a bouncer did, numbers with their units or whole. What has no origin is in the total alone.
    pub(super) fn new(name: &str, bouncer: &OneBouncer, units: bool) -> Self {
        let totals = totals(&bouncer.metrics);
        let columns: BTreeSet<&(&str, &str)> = totals.keys().collect();
        let heading = |(name, unit): &(&str, &str)| {
            let name = name.strip_suffix("_gauge").unwrap_or(name);
            format!("{}\n{}", printable(name), printable(plural(unit)))
        };
        let cell = |value: Option<i64>| value.map_or("-".to_owned(), |value| shown(value, units));
        let row = |title: String, of: &dyn Fn(&str, &str) -> Option<i64>| {
            let cells = columns.iter().map(|(name, unit)| cell(of(name, unit)));
            std::iter::once(title).chain(cells).collect()
        };
        let said = bouncer.metrics.iter().filter(|(origin, _)| !origin.is_empty());
        let mut rows: Vec<Vec<String>> = said
            .map(|(origin, names)| {
                row(explained(origin), &|name, unit| names.get(name)?.get(unit).copied())
            })
            .collect();
        rows.push(row("Total".to_owned(), &|name, unit| totals.get(&(name, unit)).copied()));
        let header = columns.iter().map(|column| heading(column));
        Self {
            title: format!("Bouncer Metrics ({name}) since {}", time(&bouncer.since)),
            header: std::iter::once("Origin".to_owned()).chain(header).collect(),
            rows,
        }
    }
}

/// Sums over all origins, by name and unit.
fn totals(metrics: &ByOrigin) -> BTreeMap<(&str, &str), i64> {
    let mut totals = BTreeMap::new();
    for (name, units) in metrics.values().flatten() {
        for (unit, value) in units {
            let sum: &mut i64 = totals.entry((name.as_str(), unit.as_str())).or_default();
            *sum = sum.saturating_add(*value);
        }
    }
    totals
}

/// A time of RFC 3339 as cscli prints it.
fn time(since: &str) -> String {
    match since.strip_suffix('Z') {
        Some(since) => format!("{} +0000 UTC", since.replace('T', " ")),
        None => since.to_owned(),
    }
}

fn plural(unit: &str) -> &str {
    match unit {
        "byte" => "bytes",
        "packet" => "packets",
        "ip" => "IPs",
        other => other,
    }
}

/// An origin with what not everybody knows of it.
fn explained(origin: &str) -> String {
    let more = match origin {
        "CAPI" => " (community blocklist)",
        "cscli" => " (manual decisions)",
        "crowdsec" => " (security engine)",
        _ => "",
    };
    format!("{origin}{more}")
}

fn shown(value: i64, units: bool) -> String {
    if units { number_of(value as f64, true) } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bouncer() -> OneBouncer {
        let numbers = [
            ("", "processed", "byte", 12_345),
            ("CAPI", "dropped", "byte", 1_200),
            ("CAPI", "active_decisions", "ip", 7),
            ("cscli", "dropped", "byte", 34),
            ("cscli", "queue_gauge", "x\u{1b}", 0),
        ];
        let mut metrics = ByOrigin::new();
        for (origin, name, unit, value) in numbers {
            let names = metrics.entry(origin.to_owned()).or_default();
            names.entry(name.to_owned()).or_default().insert(unit.to_owned(), value);
        }
        OneBouncer { since: "2025-11-21T02:35:00Z".to_owned(), metrics }
    }

    #[test]
    fn a_row_is_an_origin_and_the_last_the_total() {
        let table = Table::new("fw", &bouncer(), true);
        assert_eq!(table.title, "Bouncer Metrics (fw) since 2025-11-21 02:35:00 +0000 UTC");
        let header = [
            "Origin",
            "active_decisions\nIPs",
            "dropped\nbytes",
            "processed\nbytes",
            "queue\nx\u{fffd}",
        ];
        assert_eq!(table.header, header);
        let rows = [
            ["CAPI (community blocklist)", "7", "1.20k", "-", "-"],
            ["cscli (manual decisions)", "-", "34", "-", "0"],
            ["Total", "7", "1.23k", "12.35k", "0"],
        ];
        assert_eq!(table.rows, rows);
    }

    #[test]
    fn numbers_may_be_whole() {
        let table = Table::new("fw", &bouncer(), false);
        assert_eq!(table.rows[2], ["Total", "7", "1234", "12345", "0"]);
    }
}
