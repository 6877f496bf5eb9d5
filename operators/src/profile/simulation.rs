//! `simulation.yaml`: which scenarios only pretend (crowdsec pkg/csconfig/simulation.go).

use std::collections::BTreeSet;

use crate::yaml::{Documents, Fields, Reading};

/// Which scenarios are simulated.
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    /// Whether all are, but for the exclusions.
    pub all: bool,
    /// The scenarios that are treated the other way.
    pub exclusions: BTreeSet<String>,
}

impl Simulation {
    /// Whether alerts of this scenario are marked as simulated.
    pub fn is_simulated(&self, scenario: &str) -> bool {
        self.all != self.exclusions.contains(scenario)
    }
}

/// Reads the file; an empty one simulates nothing.
pub fn read(documents: &Documents, reading: &mut Reading<'_>) -> Simulation {
    let mut simulation = Simulation::default();
    let Some(node) = documents.nodes.first() else { return simulation };
    let keys = ["simulation", "exclusions"];
    let Some(fields) = Fields::open(node, "simulation", &keys, reading) else { return simulation };
    simulation.all = fields.flag("simulation", reading);
    let names = fields.texts("exclusions", reading);
    simulation.exclusions = names.into_iter().map(|name| name.value).collect();
    simulation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Source, parse};

    #[test]
    fn exclusions_turn_the_rule_around() {
        let source = Source::new("s.yaml", "simulation: on\nexclusions:\n- a/b\n");
        let mut reading = Reading::new(&source);
        let simulation = read(&parse(&source), &mut reading);
        assert!(reading.errors.is_empty());
        assert!(simulation.is_simulated("x/y"));
        assert!(!simulation.is_simulated("a/b"));
        assert!(!Simulation::default().is_simulated("a/b"));
    }
}
