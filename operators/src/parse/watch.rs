//! What can be seen of parsing as it happens: for `explain`, the hub test runner and counters.

use std::fmt::Display;

use super::hit::Hit;
use super::node::{GrokStep, Node};
use super::statics::Static;
use crate::expr::{Cx, ExprId};
use crate::fault::{Cause, Faults, Part};

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

    /// Something happened that is counted.
    #[inline]
    fn hit(&mut self, node: &Node, hit: Hit) {
        let _ = (node, hit);
    }

    /// An expression of a node failed, or gave what its place does not take.
    fn fault(&mut self, node: &Node, part: Part, message: &dyn Display) {
        let _ = (node, part, message);
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

/// Notes what fails, as [`Node::number`] of the top-level node, and lets `watch` see all.
#[derive(Debug)]
pub struct Noting<'a, W> {
    /// Who watches besides.
    pub watch: &'a mut W,
    /// What failed.
    pub faults: &'a mut Faults,
    /// The line that is at fault.
    pub at: Cause,
}

impl<W: Watch> Watch for Noting<'_, W> {
    const ALL: bool = W::ALL;

    #[inline]
    fn step(&mut self, cx: &mut Cx<'_>, step: Step<'_>) {
        self.watch.step(cx, step);
    }

    #[inline]
    fn top(&mut self, cx: &mut Cx<'_>, stage: &'static str, node: &Node, success: bool) {
        self.watch.top(cx, stage, node, success);
    }

    #[inline]
    fn hit(&mut self, node: &Node, hit: Hit) {
        self.watch.hit(node, hit);
    }

    fn fault(&mut self, node: &Node, part: Part, message: &dyn Display) {
        self.faults.add(node.number, part, self.at, message);
        self.watch.fault(node, part, message);
    }
}
