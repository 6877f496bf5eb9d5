//! The active view: of all decisions about the same scope, value and type, the one that lasts
//! longest. What bouncers are told is how this set changes.
//!
//! ```text
//! decisions ──────────┐
//!                     ├▶ by (scope, value, type) ─ longest ─▶ Turn (enters, leaves)
//! ends (by hand, by ──┘
//! time): retractions
//! ```

pub mod operator;

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

pub use operator::View;

/// A decision among those of its key: ordered by who wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// When it ends by itself. Unit: nanoseconds since the Unix epoch.
    pub until: i64,
    /// Its number. Of two that end together the older one stands, so that a repetition changes
    /// nothing.
    pub id: Reverse<u64>,
}

impl Standing {
    /// The standing of a decision.
    pub fn new(until: i64, id: u64) -> Self {
        Self { until, id: Reverse(id) }
    }
}

/// A commit that changed who is the longest of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Turn {
    /// The commit.
    pub seq: u64,
    /// The decision.
    pub id: u64,
    /// Whether it became the longest of its key, or else no longer is.
    pub enters: bool,
}

/// A decision that begins or ends with a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Event {
    /// The commit.
    pub seq: u64,
    /// What the decision is about: equal for those that compete.
    pub key: u128,
    /// The decision.
    pub standing: Standing,
    /// Whether it begins, or else ends.
    pub begins: bool,
}

/// Who wins among standings in ascending order: the last.
pub fn longest<'a>(standings: impl DoubleEndedIterator<Item = &'a Standing>) -> Option<Standing> {
    standings.copied().next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stands_and_of_equals_the_oldest() {
        let mut standings = [Standing::new(5, 9), Standing::new(5, 3), Standing::new(4, 1)];
        standings.sort();
        assert_eq!(longest(standings.iter()), Some(Standing::new(5, 3)));
        assert_eq!(longest([].iter()), None);
    }
}
