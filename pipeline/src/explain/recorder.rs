//! Watches parsers and writes down what every node does.

use operators::expr::{Cx, Program};
use operators::parse::node::{GrokStep, Input};
use operators::parse::watch::{Step, Watch};

use super::condition::{aside, untrue};
use super::snapshot::Snapshot;
use super::story::{GrokStory, NodeStory, StageStory};

/// Writes down one pass of an event through parsers or postoverflows.
#[derive(Debug)]
pub struct Recorder<'p> {
    program: &'p Program,
    /// Whether it is to be found out why nodes did not succeed.
    reasons: bool,
    /// The event as it was last seen; `None` before the first step.
    last: Option<(u64, Snapshot)>,
    /// Nodes that have begun and not ended, outermost first.
    open: Vec<NodeStory>,
    stage: &'static str,
    stages: Vec<StageStory>,
}

impl<'p> Recorder<'p> {
    /// A recorder that asks for reasons where `reasons` says so.
    pub fn new(program: &'p Program, reasons: bool) -> Self {
        Self { program, reasons, last: None, open: Vec::new(), stage: "", stages: Vec::new() }
    }

    /// What was written down.
    pub fn finish(self) -> Vec<StageStory> {
        self.stages
    }

    /// Adds what the event has become to the innermost open node.
    fn look(&mut self, cx: &Cx<'_>) {
        let version = cx.event.version();
        if self.last.as_ref().is_some_and(|(seen, _)| *seen == version) {
            return;
        }
        let now = Snapshot::of(cx.event);
        if let (Some((_, before)), Some(node)) = (&self.last, self.open.last_mut()) {
            node.changes.extend(before.changes(&now));
        }
        self.last = Some((version, now));
    }

    fn leave(&mut self, success: bool) {
        let Some(mut node) = self.open.pop() else { return };
        node.success = success;
        if let Some(parent) = self.open.last_mut() {
            parent.nodes.push(node);
            return;
        }
        match self.stages.last_mut().filter(|stage| stage.stage == self.stage) {
            Some(stage) => {
                stage.success |= success;
                stage.nodes.push(node);
            }
            None => {
                let stage = self.stage.to_owned();
                self.stages.push(StageStory { stage, success, nodes: vec![node] });
            }
        }
    }

    fn grok(&self, step: &GrokStep, matched: bool, cx: &mut Cx<'_>) -> GrokStory {
        let reads = match step.input {
            Input::Line => "Line.Raw".to_owned(),
            Input::Parsed(field) => cx.event.schema().name(field).1.to_owned(),
            Input::Expression(id) => self.program.source(id).to_owned(),
        };
        let mut story = GrokStory { matched, reads, ..GrokStory::default() };
        if matched || !self.reasons {
            return story;
        }
        story.pattern = Some(step.grok.pattern().to_owned());
        story.text = aside(cx, |cx| step.input(self.program, cx));
        if let Some(text) = &story.text {
            let progress = step.grok.progress(text);
            story.pattern_offset = Some(progress.pattern);
            story.text_offset = Some(progress.text);
        }
        story
    }
}

impl Watch for Recorder<'_> {
    const ALL: bool = true;

    fn step(&mut self, cx: &mut Cx<'_>, step: Step<'_>) {
        self.look(cx);
        match step {
            Step::Enter(node) => {
                if self.open.is_empty() {
                    self.stage = cx.event.stage;
                }
                self.open.push(NodeStory { name: node.name.to_owned(), ..NodeStory::default() });
            }
            Step::Filter(id, false) if self.reasons => {
                let filter = untrue(self.program, id, cx);
                if let Some(node) = self.open.last_mut() {
                    node.filter = filter;
                }
            }
            Step::Filter(..) => {}
            Step::Whitelist(matched) => {
                if let Some(node) = self.open.last_mut() {
                    node.whitelist = Some(matched);
                }
            }
            Step::Grok(step, matched) => {
                let grok = self.grok(step, matched, cx);
                if let Some(node) = self.open.last_mut() {
                    node.grok = Some(grok);
                }
            }
            Step::Static(_, error) => {
                if let (Some(error), Some(node)) = (error, self.open.last_mut()) {
                    node.errors.push(error.clone());
                }
            }
            Step::Leave(_, success) => self.leave(success),
        }
    }
}
