//! What every source may have (crowdsec pkg/acquisition/configuration), and what of it is ours.

use std::collections::BTreeMap;
use std::sync::Arc;

use operators::parse::lines::Clock;
use operators::time::Zone;
use operators::yaml::Reading;

use super::{Place, Start};
use crate::config::key::{Key, Kind};
use crate::config::values::Values;
use crate::zone;

const LEVELS: &[&str] = &["trace", "debug", "info", "warning", "warn", "error", "fatal", "panic"];

/// Keys of every source.
pub(super) static KEYS: &[Key] = &[
    Key::new("source", Kind::Text, "what kind of source this is"),
    Key::new("labels", Kind::Pairs, "labels of every line; parsers ask for `type`"),
    Key::new(
        "name",
        Kind::Text,
        "what it is called in logs, metrics and the store; must stay the same",
    ),
    Key::new("unique_id", Kind::Text, "another name, for those who use CrowdSec's key"),
    Key::new(
        "mode",
        Kind::Choice(&["tail", "cat", "server"]),
        "tail: go on for ever; cat: end with what is there",
    ),
    Key::new(
        "clock",
        Kind::Choice(&["event", "arrival"]),
        "whether buckets fill by the dates of lines or by their arrival",
    ),
    Key::new(
        "timezone",
        Kind::Text,
        "zone of dates that say none: local (this host's), UTC, or a name such as Europe/Berlin (local)",
    ),
    Key::new(
        "hold",
        Kind::Duration(&["unlimited"]),
        "lines of other sources wait so long for its own; `hold` of all",
    ),
    Key::new(
        "rate",
        Kind::Count(1, u64::MAX >> 1, &[]),
        "so many of its lines are taken in a second; all",
    ),
    Key::new("use_time_machine", Kind::Flag, "as with `clock: event`, which is the default"),
    Key::new("transform", Kind::Text, "expression that makes other lines of a line"),
    Key::new("log_level", Kind::Choice(LEVELS), "accepted; `log.level` holds for all sources"),
];

/// Labels of every line. Without `type`, which parsers ask for, there is an error or a warning.
pub(super) fn labels(
    module: &str,
    values: &Values,
    reading: &mut Reading<'_>,
) -> BTreeMap<Arc<str>, Arc<str>> {
    let pairs = values.pairs("labels").into_iter();
    let labels: BTreeMap<Arc<str>, Arc<str>> =
        pairs.map(|(name, value)| (name.into(), value.into())).collect();
    // Containers may bring their own.
    if labels.is_empty() && module != "docker" {
        let help = "parsers ask for it: `labels: {type: nginx}`";
        reading.refuse_with(values.at, "a source needs `labels`", help);
    } else if !labels.contains_key("type") && module != "docker" {
        reading.warn(values.place("labels"), "no label `type`: parsers will not take its lines");
    }
    labels
}

/// By which clock lines count.
pub(super) fn clock(values: &Values) -> Clock {
    match values.text("clock") {
        Some("arrival") => Clock::Arrival,
        _ => Clock::Event,
    }
}

/// Where dates that say no zone were written.
pub(super) fn zone(values: &Values, reading: &mut Reading<'_>) -> Option<Zone> {
    zone::named(values.text("timezone").unwrap_or(zone::LOCAL)).unwrap_or_else(|message| {
        reading.refuse(values.place("timezone"), message);
        None
    })
}

/// Whether the source ends with what is there.
pub(super) fn is_finite(values: &Values) -> bool {
    values.text("mode") == Some("cat")
}

/// Where a first start begins.
pub(super) fn start(values: &Values, place: Place<'_>) -> Start {
    values.text("start").and_then(Start::named).unwrap_or(place.start)
}

/// Says which keys have no effect.
pub(super) fn warn(values: &Values, reading: &mut Reading<'_>) {
    if values.text("log_level").is_some() {
        let message = "`log_level` of a source has no effect: `log.level` holds for all";
        reading.warn(values.place("log_level"), message);
    }
    if values.text("clock") == Some("arrival") && values.flag("use_time_machine") {
        let message = "`use_time_machine` asks for the dates of lines, `clock` for their arrival";
        reading.refuse(values.place("clock"), message);
    }
}

/// Says that these keys of CrowdSec have no effect, and why.
pub(super) fn without_effect(values: &Values, keys: &[&str], why: &str, reading: &mut Reading<'_>) {
    for key in keys {
        if values.entry(key).is_some() {
            reading.warn(values.place(key), format!("`{key}` has no effect: {why}"));
        }
    }
}
