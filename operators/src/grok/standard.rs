//! The patterns of every installation, from the texts in `patterns/`.
//!
//! A line with a name alone takes the definition of the `grok` crate, which carries Logstash's
//! patterns. A line with a pattern is ours: where that crate has no such name, uses look-around,
//! or means something else than CrowdSec's users know by the name.

use std::collections::BTreeMap;

use super::pattern;

const BASE: &str = include_str!("patterns/base.txt");

const COMMON: [&str; 8] = [
    include_str!("patterns/system.txt"),
    include_str!("patterns/sshd.txt"),
    include_str!("patterns/web.txt"),
    include_str!("patterns/applications.txt"),
    include_str!("patterns/databases.txt"),
    include_str!("patterns/network.txt"),
    include_str!("patterns/backup.txt"),
    include_str!("patterns/monitoring.txt"),
];

/// The base patterns: names and definitions.
pub(super) fn base() -> Vec<(&'static str, String)> {
    definitions(&[BASE])
}

/// The patterns of common programs: names and definitions.
pub(super) fn common() -> Vec<(&'static str, String)> {
    definitions(&COMMON)
}

fn definitions(texts: &[&'static str]) -> Vec<(&'static str, String)> {
    let known: BTreeMap<&str, &str> = grok::patterns().iter().copied().collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .filter_map(|line| match pattern::line(line) {
            Some((name, body)) => Some((name, body.to_owned())),
            None => {
                let (name, _) = pattern::word(line)?;
                Some((name, known.get(name)?.trim().to_owned()))
            }
        })
        .collect()
}
