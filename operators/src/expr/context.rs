//! What an expression may see and touch while it runs.

use super::memo::Memo;
use super::past::Past;
use crate::event::Event;
use crate::lookup::{Lookups, Stash};
use crate::value::Value;

/// The surroundings of one evaluation.
#[derive(Debug)]
pub struct Cx<'a> {
    /// The live event, `evt`.
    pub event: &'a mut Event,
    /// Facts that are not in the log.
    pub lookups: &'a dyn Lookups,
    /// What was computed before; one per worker and [`crate::expr::Program`].
    pub memo: &'a mut Memo,
    /// The parse state of the event's source partition; `None` while lines are parsed ahead of
    /// their order: touching it then sets [`Cx::wants_stash`] and fails.
    pub stash: Option<&'a mut dyn Stash>,
    /// Whether the stash was touched while there was none.
    pub wants_stash: bool,
    /// Other roots than `evt`: `queue`, `leaky`, `signal`, `Alert`, `results`, `match`, `req`.
    pub roots: &'a [(&'static str, Value)],
    /// The events of a bucket: what `queue` and `leaky` are made of where they are no roots.
    pub past: Option<&'a mut dyn Past>,
}

impl<'a> Cx<'a> {
    /// Surroundings with `evt` alone and no stash.
    pub fn new(event: &'a mut Event, lookups: &'a dyn Lookups, memo: &'a mut Memo) -> Self {
        Self { event, lookups, memo, stash: None, wants_stash: false, roots: &[], past: None }
    }

    /// The same with other roots.
    #[must_use]
    pub fn with_roots(mut self, roots: &'a [(&'static str, Value)]) -> Self {
        self.roots = roots;
        self
    }

    /// The same with a stash.
    #[must_use]
    pub fn with_stash(mut self, stash: &'a mut dyn Stash) -> Self {
        self.stash = Some(stash);
        self
    }

    /// The same with the events of a bucket.
    #[must_use]
    pub fn with_past(mut self, past: &'a mut dyn Past) -> Self {
        self.past = Some(past);
        self
    }

    /// A root other than `evt`, nil where it was not given.
    pub fn root(&mut self, name: &str) -> Value {
        let found = self.roots.iter().find(|(known, _)| *known == name);
        match (found, &mut self.past) {
            (Some((_, value)), _) => value.clone(),
            (None, Some(past)) => past.root(name),
            (None, None) => Value::Nil,
        }
    }

    /// All roots other than `evt`.
    pub(super) fn roots(&mut self) -> impl Iterator<Item = (&'static str, Value)> + use<> {
        let mut all = self.roots.to_vec();
        if let Some(past) = &mut self.past {
            all.extend(["queue", "leaky"].map(|name| (name, past.root(name))));
        }
        all.into_iter()
    }
}
