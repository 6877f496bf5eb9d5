//! What another rule set would change: what two runs over the same records found, subtracted.
//!
//! ```text
//! alerts of A ─▶ Found ─ negate ─┐
//! alerts of B ─▶ Found ──────────┴▶ reduce by (scenario, source) ─▶ Change
//! ```

pub mod operator;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use operator::compare;

use crate::alert::Alert;
use crate::time::EventTime;

/// What alerts of two rule sets have in common where they are about the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct About {
    /// Name of the scenario.
    pub scenario: Arc<str>,
    /// Scope of the source.
    pub scope: Arc<str>,
    /// Value of the source.
    pub value: Arc<str>,
}

/// The rest of an alert, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Found {
    /// First event.
    pub start: EventTime,
    /// The overflow.
    pub stop: EventTime,
    /// Events that the bucket took.
    pub count: i32,
    /// Type, duration and whether it is simulated, of each decision.
    pub decisions: Vec<(Arc<str>, Arc<str>, bool)>,
}

/// A difference: added where there was nothing before, removed where there is nothing after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Change {
    /// What it is about.
    pub about: About,
    /// What the first rules find.
    pub before: Option<Found>,
    /// What the second rules find.
    pub after: Option<Found>,
}

/// What an alert says, as far as it is compared.
pub fn found(alert: &Alert) -> (About, Found) {
    let about = About {
        scenario: Arc::clone(&alert.scenario),
        scope: Arc::clone(&alert.source.scope),
        value: Arc::clone(&alert.source.value),
    };
    let decisions = alert.decisions.iter();
    let decision =
        |d: &crate::alert::Decision| (Arc::clone(&d.kind), Arc::clone(&d.duration), d.simulated);
    let found = Found {
        start: alert.start_at.at,
        stop: alert.stop_at.at,
        count: alert.events_count,
        decisions: decisions.map(decision).collect(),
    };
    (about, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: &str, start: i64, count: i32) -> (About, Found) {
        let about = About { scenario: "t/s".into(), scope: "Ip".into(), value: value.into() };
        let decisions = vec![("ban".into(), "4h".into(), false)];
        let (start, stop) = (EventTime(start), EventTime(start + 10));
        (about, Found { start, stop, count, decisions })
    }

    /// Value, count before and count after of each difference.
    fn shown(before: Vec<(About, Found)>, after: Vec<(About, Found)>) -> Vec<String> {
        let count = |found: &Option<Found>| {
            found.as_ref().map_or("-".to_owned(), |found| found.count.to_string())
        };
        let changes = compare(before, after);
        let line = |change: &Change| {
            format!("{} {} {}", change.about.value, count(&change.before), count(&change.after))
        };
        changes.iter().map(line).collect()
    }

    #[test]
    fn what_both_find_is_no_difference() {
        let rows = vec![row("a", 1, 6), row("a", 1, 6), row("b", 2, 6)];
        assert_eq!(compare(rows.clone(), rows), []);
    }

    #[test]
    fn one_sided_finds_are_added_or_removed() {
        let (before, after) =
            (vec![row("a", 1, 6), row("b", 1, 6)], vec![row("b", 1, 6), row("c", 1, 4)]);
        assert_eq!(shown(before, after), ["a 6 -", "c - 4"]);
    }

    #[test]
    fn another_count_of_the_same_source_is_a_change() {
        assert_eq!(shown(vec![row("a", 1, 6)], vec![row("a", 1, 4)]), ["a 6 4"]);
        let mut other = row("a", 1, 6);
        other.1.decisions[0].1 = "8h".into();
        assert_eq!(shown(vec![row("a", 1, 6)], vec![other]), ["a 6 6"]);
    }

    #[test]
    fn the_same_start_belongs_together() {
        let before = vec![row("a", 5, 6)];
        let after = vec![row("a", 1, 3), row("a", 5, 4), row("a", 9, 5)];
        assert_eq!(shown(before, after), ["a - 3", "a 6 4", "a - 5"]);
    }

    #[test]
    fn repetitions_count() {
        assert_eq!(shown(vec![row("a", 1, 6)], vec![row("a", 1, 6); 3]), ["a - 6", "a - 6"]);
    }
}
