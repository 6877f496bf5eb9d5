//! What an engine makes of the lines of a test: the event after every node, and every overflow
//! (crowdsec pkg/dumps, pkg/parser/collector.go).

use std::collections::BTreeMap;
use std::sync::Arc;

use operators::event::Event;
use operators::expr::Cx;
use operators::expr::recorded::{NODES, NodeResult, Recorded, STAGES, list};
use operators::parse::node::Node;
use operators::parse::watch::{Step, Watch};
use operators::value::{Object, Value};

/// The results of a node, in the order of the events that reached it.
pub type Results = Vec<Arc<NodeResult>>;

/// What happened to the lines of a test.
#[derive(Debug, Default)]
pub struct Dump {
    /// Results by stage and name of the node.
    pub stages: BTreeMap<&'static str, BTreeMap<&'static str, Results>>,
    /// Overflows as events, in the order of their causes.
    pub overflows: Vec<Arc<Recorded>>,
}

impl Watch for Dump {
    const ALL: bool = true;

    fn step(&mut self, _: &mut Cx<'_>, _: Step<'_>) {}

    fn top(&mut self, cx: &mut Cx<'_>, stage: &'static str, node: &Node, success: bool) {
        let nodes = self.stages.entry(stage).or_default();
        let next = nodes.len() + 1;
        let results = nodes.entry(node.name).or_default();
        let index = match results.first() {
            Some(first) => first.index,
            None => i64::try_from(next).unwrap_or(i64::MAX),
        };
        let event = Arc::new(Recorded::new(cx.event.clone()));
        results.push(Arc::new(NodeResult { index, event, success }));
    }
}

impl Dump {
    /// Adds an overflow.
    pub fn overflow(&mut self, event: Event) {
        if event.overflow.is_some() {
            self.overflows.push(Arc::new(Recorded::new(event)));
        }
    }

    /// Whether the last stage that anything reached has no results: the reference refuses such a
    /// dump.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// `results` of assertions about parsers. There is always a stage `success` with an empty node.
    pub fn parser_results(&self) -> Value {
        let object =
            |result: &Arc<NodeResult>| Value::Object(Arc::clone(result) as Arc<dyn Object>);
        let results = |results: &Results| list(results.iter().map(object).collect());
        let mut stages = BTreeMap::new();
        for (stage, nodes) in &self.stages {
            let nodes = nodes.iter().map(|(name, all)| (Arc::from(*name), results(all)));
            let entries = nodes.collect();
            stages.insert(Arc::from(*stage), map(entries));
        }
        let success = stages.entry("success".into()).or_insert_with(|| map(BTreeMap::new()));
        if let Value::Map(nodes) = success {
            let mut entries = nodes.entries.clone();
            entries.entry("".into()).or_insert_with(|| list(Vec::new()));
            *success = map(entries);
        }
        Value::map_of(STAGES, stages)
    }
}

fn map(entries: BTreeMap<Arc<str>, Value>) -> Value {
    Value::map_of(NODES, entries)
}
