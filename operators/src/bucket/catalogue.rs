//! Everything that buckets need to know of a rule set, shared by all workers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::codec::Codec;
use super::context::Contexts;
use super::record::Identity;
use super::scenario::{Kind, Scenario, ScenarioId, Takes};
use crate::hash::{fnv1a, fnv1a_after};

/// The scenarios of a rule set with what their buckets need.
#[derive(Debug)]
pub struct Catalogue {
    scenarios: Vec<Scenario>,
    identities: Vec<Identity>,
    /// Scenarios by [`Identity::content`], and by what that was before: the hash of the whole file.
    by_content: BTreeMap<u64, ScenarioId>,
    /// The first scenario of each [`Identity::family`].
    by_family: BTreeMap<u64, ScenarioId>,
    codec: Codec,
    contexts: Contexts,
    deep: bool,
}

impl Catalogue {
    /// Takes scenarios in the order of their numbers: scenario `n` stands at place `n`.
    pub fn new(mut scenarios: Vec<Scenario>, codec: Codec, contexts: Contexts) -> Self {
        find_twins(&mut scenarios);
        settle_rounds(&mut scenarios);
        let identities = identities(&scenarios);
        let ids = || scenarios.iter().map(|scenario| scenario.id);
        let by_content = formerly(&scenarios).into_iter().chain(identities.iter().copied());
        let by_content = by_content.map(|known| known.content).zip(ids().chain(ids())).collect();
        // Of several the first one stays.
        let by_family = identities.iter().map(|known| known.family).zip(ids()).rev().collect();
        let deep = |scenario: &Scenario| scenario.takes.overflows() && scenario.reprocess;
        let deep = scenarios.iter().any(deep);
        Self { scenarios, identities, by_content, by_family, codec, contexts, deep }
    }

    /// Whether overflows of scenarios that are put to overflows are matched again.
    pub fn is_deep(&self) -> bool {
        self.deep
    }

    /// How many of so many workers have buckets of scenarios that overflows are put to. Where these
    /// lead to one another one worker has all: there is one order of what they lead to.
    pub fn sharing(&self, workers: u64) -> u64 {
        if self.deep { 1 } else { workers }
    }

    /// How a scenario is known on disk.
    pub fn identity(&self, id: ScenarioId) -> Option<Identity> {
        self.identities.get(id.index()).copied()
    }

    /// The scenario whose state depends on this content.
    pub fn by_content(&self, content: u64) -> Option<&Scenario> {
        self.by_content.get(&content).and_then(|id| self.scenario(*id))
    }

    /// The first scenario with this name and filter.
    pub fn by_family(&self, family: u64) -> Option<&Scenario> {
        self.by_family.get(&family).and_then(|id| self.scenario(*id))
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

fn identities(scenarios: &[Scenario]) -> Vec<Identity> {
    numbered(scenarios, |scenario, family| fnv1a_after(family, &scenario.content.to_le_bytes()))
}

/// As they were while the hash of the whole file was part of them.
fn formerly(scenarios: &[Scenario]) -> Vec<Identity> {
    numbered(scenarios, |scenario, family| part(family, &scenario.hash))
}

fn part(hash: u64, text: &str) -> u64 {
    fnv1a_after(fnv1a_after(hash, text.as_bytes()), &[0])
}

/// Those of one name and filter and the same content are told apart by their order.
fn numbered(scenarios: &[Scenario], content: impl Fn(&Scenario, u64) -> u64) -> Vec<Identity> {
    let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
    let identity = |scenario: &Scenario| {
        let family = part(part(fnv1a(b""), &scenario.name), &scenario.filter_text);
        let content = content(scenario, family);
        let again = seen.entry(content).or_default();
        *again += 1;
        Identity { family, content: fnv1a_after(content, &again.to_le_bytes()) }
    };
    scenarios.iter().map(identity).collect()
}

/// Without a scenario with `reprocess` no overflow is put to any: those that can want lines and
/// overflows want lines.
fn settle_rounds(scenarios: &mut [Scenario]) {
    if scenarios.iter().any(|scenario| scenario.reprocess) {
        return;
    }
    for scenario in scenarios.iter_mut().filter(|scenario| scenario.takes == Takes::Both) {
        scenario.takes = Takes::Logs;
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
