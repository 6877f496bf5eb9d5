//! Which nodes of a stage can match an event.

use crate::event::Event;
use crate::expr::{Guard, Known, Subject};
use crate::guards::{known, subject_value};
use crate::index::{Index, Need, RuleSet};

/// An index over the nodes of a stage.
#[derive(Debug)]
pub struct NodeIndex(Index<Subject>);

impl NodeIndex {
    /// From what the filter of each node needs.
    pub fn new(needs: &[Vec<Need<Subject>>]) -> Self {
        Self(Index::new(needs))
    }

    /// What needs no asking of a node that is a candidate, whose filter has these guards.
    pub fn known(&self, guards: &[Guard]) -> Known {
        known(guards, &self.0)
    }

    /// Nodes that may match, one after another; `all` of them if even hopeless ones are wanted.
    pub fn candidates(&self, event: &Event, all: bool) -> Candidates<'_> {
        let mut candidates =
            Candidates { index: &self.0, nodes: self.0.all(), version: 0, from: 0, all };
        candidates.look(event);
        candidates
    }
}

/// Nodes that may match. Nodes change the event, so that others come into question.
#[derive(Debug)]
pub struct Candidates<'a> {
    index: &'a Index<Subject>,
    nodes: RuleSet,
    version: u64,
    from: usize,
    all: bool,
}

impl Candidates<'_> {
    /// The next node, given the event as it is now.
    pub fn next(&mut self, event: &Event) -> Option<usize> {
        if event.version() != self.version {
            self.look(event);
        }
        let node = self.nodes.next(self.from)?;
        self.from = node + 1;
        Some(node)
    }

    fn look(&mut self, event: &Event) {
        self.version = event.version();
        if !self.all {
            self.index.candidates(|subject| subject_value(event, subject), &mut self.nodes);
        }
    }
}
