//! What can be seen of parsing as it happens: for `explain`, the hub test runner and counters.

use super::node::{GrokStep, Node};
use super::statics::Static;
use crate::expr::{Cx, ExprId};

/// Something that happened in a node.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A node begins.
    Enter(&'a Node),
    /// Its filter was tried.
    Filter(ExprId, bool),
    /// Its whitelist was tried.
    Whitelist(bool),
    /// Its grok was tried.
    Grok(&'a GrokStep, bool),
    /// A static ran, with what was wrong.
    Static(&'a Static, Option<&'a String>),
    /// A node ended; whether it succeeded.
    Leave(&'a Node, bool),
}

/// Watches parsing. The event is the one of the context, as it stands after the step.
pub trait Watch {
    /// Whether nodes that cannot match are to be run all the same, so that they are seen.
    const ALL: bool;

    /// Something happened.
    fn step(&mut self, cx: &mut Cx<'_>, step: Step<'_>);

    /// A top-level node ended in `stage`; whether it succeeded.
    fn top(&mut self, cx: &mut Cx<'_>, stage: &'static str, node: &Node, success: bool) {
        let _ = (cx, stage, node, success);
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blind;

impl Watch for Blind {
    const ALL: bool = false;
    #[inline]
    fn step(&mut self, _: &mut Cx<'_>, _: Step<'_>) {}
}
