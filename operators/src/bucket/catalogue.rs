//! Everything that buckets need to know of a rule set, shared by all workers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::codec::Codec;
use super::context::Contexts;
use super::scenario::{Kind, Scenario, ScenarioId};

/// The scenarios of a rule set with what their buckets need.
#[derive(Debug)]
pub struct Catalogue {
    scenarios: Vec<Scenario>,
    codec: Codec,
    contexts: Contexts,
}

impl Catalogue {
    /// Takes scenarios in the order of their numbers: scenario `n` stands at place `n`.
    pub fn new(mut scenarios: Vec<Scenario>, codec: Codec, contexts: Contexts) -> Self {
        find_twins(&mut scenarios);
        Self { scenarios, codec, contexts }
    }

    /// The scenarios that share buckets with this one.
    pub fn twins_of<'a>(&'a self, scenario: &'a Scenario) -> impl Iterator<Item = &'a Scenario> {
        scenario.twins.iter().filter_map(|id| self.scenario(*id))
    }

    /// All scenarios, by number.
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// A scenario.
    pub fn scenario(&self, id: ScenarioId) -> Option<&Scenario> {
        self.scenarios.get(id.index())
    }

    /// What writes and reads kept events.
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    /// Alert contexts.
    pub fn contexts(&self) -> &Contexts {
        &self.contexts
    }
}

/// Scenarios of one name and filter share their buckets. A trigger has none.
fn find_twins(scenarios: &mut [Scenario]) {
    let mut named: BTreeMap<(Arc<str>, Arc<str>), Vec<ScenarioId>> = BTreeMap::new();
    let buckets = |scenario: &&mut Scenario| scenario.kind != Kind::Trigger;
    let name =
        |scenario: &Scenario| (Arc::clone(&scenario.name), Arc::clone(&scenario.filter_text));
    for scenario in scenarios.iter_mut().filter(buckets) {
        named.entry(name(scenario)).or_default().push(scenario.id);
    }
    for scenario in scenarios.iter_mut().filter(buckets) {
        let all = named.get(&name(scenario)).into_iter().flatten();
        scenario.twins = all.copied().filter(|id| *id != scenario.id).collect();
    }
}
