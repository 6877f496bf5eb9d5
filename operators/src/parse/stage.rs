//! The stages of a parser: which nodes an event meets, and what becomes of it
//! (crowdsec pkg/parser/runtime.go).

use super::hit::Named;
use super::node::{Abort, Node};
use super::pass::{Hands, Pass};
use super::statics::Origin;
use super::watch::Watch;
use crate::expr::{Cx, Program};

/// Nodes of one stage, in load order.
#[derive(Debug)]
pub struct Stage {
    /// Directory name, such as `s01-parse`.
    pub name: &'static str,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Which of them can match an event.
    pub index: super::index::NodeIndex,
}

/// All nodes of the parsers, or of the postoverflows.
#[derive(Debug, Default)]
pub struct Parser {
    /// Stages that have nodes, in order.
    pub stages: Vec<Stage>,
    /// Their names.
    pub names: Vec<&'static str>,
    /// Names of the top-level nodes by [`Node::number`].
    pub nodes: Vec<&'static str>,
    /// Names of all nodes by [`Node::place`].
    pub all: Vec<Named>,
}

impl Parser {
    /// What all statics write, of all nodes and their children.
    pub fn statics(&self) -> impl Iterator<Item = Origin> {
        let mut nodes: Vec<&Node> = self.stages.iter().flat_map(|stage| &stage.nodes).collect();
        let mut all = Vec::new();
        while let Some(node) = nodes.pop() {
            let grok = node.grok.iter().flat_map(|step| &step.statics);
            all.extend(node.statics.iter().chain(grok).map(|step| step.origin));
            nodes.extend(&node.children);
        }
        all.into_iter()
    }

    /// Takes the event of `cx` through all stages. `event.process` says whether it came through.
    ///
    /// # Errors
    /// When a node ended the event.
    pub fn run<W: Watch>(
        &self,
        program: &Program,
        cx: &mut Cx<'_>,
        hands: &mut Hands,
        watch: &mut W,
    ) -> Result<(), Abort> {
        let mut pass = Pass { program, stages: &self.names, hands, watch };
        cx.event.process = false;
        let Some(first) = self.names.first() else {
            cx.event.process = true;
            return Ok(());
        };
        if cx.event.stage.is_empty() {
            cx.event.stage = first;
        }
        for stage in &self.stages {
            let current = self.names.iter().position(|name| *name == cx.event.stage);
            let here = self.names.iter().position(|name| *name == stage.name);
            if current > here {
                continue;
            }
            if cx.event.stage != stage.name || !stage.run(&mut pass, cx)? {
                return Ok(());
            }
        }
        cx.event.process = true;
        Ok(())
    }
}

impl Stage {
    /// Whether any node of the stage succeeded.
    fn run<W: Watch>(&self, pass: &mut Pass<'_, W>, cx: &mut Cx<'_>) -> Result<bool, Abort> {
        let mut any = false;
        let mut candidates = self.index.candidates(cx.event, W::ALL);
        while let Some(node) = candidates.next(cx.event).and_then(|at| self.nodes.get(at)) {
            let success = node.process(pass, cx)?;
            pass.watch.top(cx, self.name, node, success);
            any |= success;
            if (success && node.next_stage) || cx.event.stage != self.name {
                break;
            }
        }
        Ok(any)
    }
}
