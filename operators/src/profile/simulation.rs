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
    simulation.change(documents, reading);
    simulation
}

impl Simulation {
    /// What `simulation.yaml.local` says takes the place of what the file said.
    pub fn change(&mut self, documents: &Documents, reading: &mut Reading<'_>) {
        let Some(node) = documents.nodes.first().filter(|node| !node.is_null()) else { return };
        let keys = ["simulation", "exclusions"];
        let Some(fields) = Fields::open(node, "simulation", &keys, reading) else { return };
        if node.entry("simulation").is_some() {
            self.all = fields.flag("simulation", reading);
        }
        if node.entry("exclusions").is_some() {
            let names = fields.texts("exclusions", reading);
            self.exclusions = names.into_iter().map(|name| name.value).collect();
        }
    }
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

    #[test]
    fn a_local_file_replaces_what_it_names() {
        let change = |simulation: &mut Simulation, text: &str| {
            let source = Source::new("s.yaml", text);
            simulation.change(&parse(&source), &mut Reading::new(&source));
        };
        let mut simulation = Simulation::default();
        change(&mut simulation, "simulation: on\nexclusions: [a/b]\n");
        change(&mut simulation, "exclusions: [c/d]\n");
        assert!(simulation.is_simulated("a/b") && !simulation.is_simulated("c/d"));
        change(&mut simulation, "# nothing\n");
        change(&mut simulation, "exclusions:\n");
        assert!(simulation.is_simulated("c/d"));
    }
}
