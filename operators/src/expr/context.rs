//! What an expression may see and touch while it runs.

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
    /// The parse state of the event's source partition; `None` while lines are parsed ahead of
    /// their order: touching it then sets [`Cx::wants_stash`] and fails.
    pub stash: Option<&'a mut dyn Stash>,
    /// Whether the stash was touched while there was none.
    pub wants_stash: bool,
    /// Other roots than `evt`: `queue`, `leaky`, `signal`, `Alert`, `results`, `match`, `req`.
    pub roots: &'a [(&'static str, Value)],
}
