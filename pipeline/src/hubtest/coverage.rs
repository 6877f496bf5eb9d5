//! Which items of a hub its tests speak of (crowdsec pkg/hubtest/coverage.go).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Serialize;

use super::{Places, Test};
use crate::hub::ItemKind;

/// How often tests speak of an item.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage {
    /// The item.
    pub name: String,
    /// Lines that name it.
    pub assertions: usize,
    /// Tests with such a line.
    pub tests: BTreeSet<String>,
}

/// The coverage of a kind of items, by name.
pub fn coverage(places: &Places, kind: ItemKind, tests: &[Test]) -> Vec<Coverage> {
    let about_scenarios = kind == ItemKind::Scenario;
    let spoken = if about_scenarios { scenario_of } else { node_of };
    let mut names: BTreeMap<String, (usize, BTreeSet<String>)> = BTreeMap::new();
    for test in tests {
        let file =
            if about_scenarios { test.scenario_assertions() } else { test.parser_assertions() };
        let text = fs::read_to_string(file).unwrap_or_default();
        for name in text.lines().filter_map(spoken) {
            let (lines, tests) = names.entry(name.to_owned()).or_default();
            *lines += 1;
            tests.insert(test.name.clone());
        }
    }
    let of = |item: &str| {
        let mut found = Coverage { name: item.to_owned(), assertions: 0, tests: BTreeSet::new() };
        for (name, (lines, tests)) in &names {
            if is_about(kind, item, name) {
                found.assertions += lines;
                found.tests.extend(tests.iter().cloned());
            }
        }
        found
    };
    places.index.names(kind).map(of).collect()
}

/// How many of a hundred items tests speak of, rounded.
pub fn percent(coverage: &[Coverage]) -> usize {
    let covered = coverage.iter().filter(|item| item.assertions > 0).count();
    (covered * 200 + coverage.len()).checked_div(coverage.len() * 2).unwrap_or(0)
}

/// The node in `results["stage"]["node"][0].Evt.`.
fn node_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("results[\"")?;
    let (_, rest) = rest.split_once("\"][\"")?;
    let (node, rest) = rest.split_once("\"][")?;
    let (digits, rest) = rest.split_once(']')?;
    let numbered = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (numbered && rest.starts_with(".Evt.")).then_some(node)
}

/// The scenario in `results[0].Overflow.Alert.GetScenario() == "scenario"`.
fn scenario_of(line: &str) -> Option<&str> {
    let (_, rest) = line.strip_prefix("results[")?.split_once(']')?;
    let rest = rest.strip_prefix(".Overflow.Alert.GetScenario() == \"")?;
    rest.split_once('"').map(|(name, _)| name)
}

/// Whether a name in an assertion means an item: also without the author, and as older tests call
/// items.
fn is_about(kind: ItemKind, item: &str, name: &str) -> bool {
    let last = |name: &str| name.rsplit('/').next().unwrap_or("").to_owned();
    if item == name || last(item) == name {
        return true;
    }
    if kind == ItemKind::Scenario {
        let spelled = |name: &str| name.replace("probbing", "probing");
        let (item, name) = (spelled(item), spelled(name));
        return item == name || format!("{item}-detection") == name;
    }
    let (item, name) = (last(item), last(name));
    item == name || format!("{item}-logs") == name
}
