//! What nodes work with while an event passes through them.

use super::watch::Watch;
use crate::enrich::{Dates, Places};
use crate::expr::Program;
use crate::grok::Captures;

/// Memory that is used again for every event. One per worker.
#[derive(Debug, Default)]
pub struct Hands {
    /// What a grok captured.
    pub captures: Captures,
    /// Compiled date layouts.
    pub dates: Dates,
    /// What databases said.
    pub places: Places,
}

/// One event on its way.
#[derive(Debug)]
pub struct Pass<'p, W: Watch> {
    /// All expressions.
    pub program: &'p Program,
    /// Names of the stages, in order.
    pub stages: &'p [&'static str],
    /// Memory.
    pub hands: &'p mut Hands,
    /// Who watches.
    pub watch: &'p mut W,
}
