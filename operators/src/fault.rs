//! What failed while rules ran: counted by the rule and the part of it, with the first message of
//! each. In: failures, in any order. Out: the same counts and messages whatever that order was.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::place::Partition;

/// Part of a rule.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    thiserror::Error,
)]
#[non_exhaustive]
pub enum Part {
    /// `filter` of a node or scenario, `filters` of a profile.
    #[error("filter")]
    Filter,
    /// An expression of `whitelist`.
    #[error("whitelist")]
    Whitelist,
    /// `grok.expression`.
    #[error("grok expression")]
    Grok,
    /// Key or value of a `stash`.
    #[error("stash")]
    Stash,
    /// A static.
    #[error("static")]
    Static,
    /// `groupby`.
    #[error("groupby")]
    GroupBy,
    /// `distinct`.
    #[error("distinct")]
    Distinct,
    /// `cancel_on`.
    #[error("cancel_on")]
    CancelOn,
    /// `duration_expr` of a profile.
    #[error("duration_expr")]
    Duration,
    /// `transform` of an acquisition.
    #[error("transform")]
    Transform,
}

/// The longest message that is kept. Unit: characters.
const MESSAGE: usize = 200;

/// Where a failure was seen: partition and position of the line that caused it.
pub type Cause = (Partition, u64);

/// Failures of one part of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// How many.
    pub count: u64,
    /// Where the first one was.
    pub first: Cause,
    /// What it said.
    pub message: String,
}

/// Failures by number of the rule and part. Bounded by the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults(BTreeMap<(usize, Part), Fault>);

impl Faults {
    /// Adds one.
    pub fn add(&mut self, rule: usize, part: Part, at: Cause, message: &dyn Display) {
        let one = || {
            let message = message.to_string().chars().take(MESSAGE).collect();
            Fault { count: 1, first: at, message }
        };
        match self.0.entry((rule, part)) {
            Entry::Vacant(entry) => drop(entry.insert(one())),
            // Formatting costs more than counting, and most failures are not the first.
            Entry::Occupied(mut entry) if entry.get().first < at => entry.get_mut().count += 1,
            Entry::Occupied(mut entry) => entry.get_mut().join(one()),
        }
    }

    /// Adds what another worker saw.
    pub fn join(&mut self, other: &Self) {
        for (key, fault) in &other.0 {
            match self.0.entry(*key) {
                Entry::Vacant(entry) => drop(entry.insert(fault.clone())),
                Entry::Occupied(mut entry) => entry.get_mut().join(fault.clone()),
            }
        }
    }

    /// By rule, then part.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Part, &Fault)> {
        self.0.iter().map(|((rule, part), fault)| (*rule, *part, fault))
    }
}

impl Fault {
    fn join(&mut self, other: Self) {
        self.count += other.count;
        // Of several of one line the message decides: which comes first depends on the workers.
        if (&other.first, &other.message) < (&self.first, &self.message) {
            (self.first, self.message) = (other.first, other.message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(all: &[(u64, &str)]) -> Faults {
        let mut faults = Faults::default();
        for (at, message) in all {
            faults.add(3, Part::Filter, (Partition(0), *at), message);
        }
        faults
    }

    #[test]
    fn the_first_message_does_not_depend_on_the_order() {
        let seen = [(7, "c"), (2, "b"), (2, "a"), (9, "d")];
        let whole = faults(&seen);
        let (_, _, fault) = whole.iter().next().unwrap();
        assert_eq!((fault.count, fault.message.as_str()), (4, "a"));
        for cut in 0..seen.len() {
            let (first, second) = seen.split_at(cut);
            let mut joined = faults(second);
            joined.join(&faults(first));
            assert_eq!(joined, whole);
        }
    }

    #[test]
    fn a_long_message_is_cut() {
        let whole = faults(&[(1, &"é".repeat(5_000))]);
        let length = whole.iter().map(|(_, _, fault)| fault.message.chars().count());
        assert_eq!(length.sum::<usize>(), MESSAGE);
    }
}
