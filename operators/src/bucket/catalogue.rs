//! Everything that buckets need to know of a rule set, shared by all workers.

use super::context::Contexts;
use super::kept::Codec;
use super::scenario::{Scenario, ScenarioId};

/// The scenarios of a rule set with what their buckets need.
#[derive(Debug)]
pub struct Catalogue {
    scenarios: Vec<Scenario>,
    codec: Codec,
    contexts: Contexts,
}

impl Catalogue {
    /// Takes scenarios in the order of their numbers: scenario `n` stands at place `n`.
    pub fn new(scenarios: Vec<Scenario>, codec: Codec, contexts: Contexts) -> Self {
        Self { scenarios, codec, contexts }
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
