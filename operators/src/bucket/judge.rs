//! Whether an event that went into a bucket makes it overflow: condition and evidence. The expressions
//! of the buckets of one worker run here.

use std::sync::Arc;

use super::bayesian;
use super::catalogue::Catalogue;
use super::conditional::Case;
use super::evaluate::Evaluator;
use super::kept::Kept;
use super::overflow::Surroundings;
use super::recall::Recall;
use super::scenario::{Kind, Scenario};
use super::state::Bucket;
use super::view::View;
use crate::event::Event;
use crate::expr::{Program, SieveId};
use crate::lookup::Lookups;

/// Runs the expressions of buckets, and remembers what they asked for.
#[derive(Debug)]
pub(super) struct Judge {
    evaluator: Evaluator,
    recall: Recall,
    /// By number of the scenario.
    plans: Vec<Plan>,
    /// For conditions that name nothing of the event.
    nothing: Event,
}

/// What the condition and the evidence of a scenario ask for.
#[derive(Debug)]
struct Plan {
    /// Whether there is any.
    judges: bool,
    /// Whether `evt` is named.
    event: bool,
    sieves: Vec<SieveId>,
}

impl Judge {
    /// A judge who remembers nothing yet.
    pub(super) fn new(catalogue: &Catalogue, program: Arc<Program>) -> Self {
        let evaluator = Evaluator::new(program);
        let plans = catalogue.scenarios().iter().map(|scenario| Plan::new(scenario, &evaluator));
        let plans = plans.collect();
        let nothing = catalogue.codec().nothing();
        Self { evaluator, recall: Recall::default(), plans, nothing }
    }

    /// What building an alert needs.
    pub(super) fn surroundings<'a>(
        &'a mut self,
        catalogue: &'a Catalogue,
        lookups: &'a dyn Lookups,
    ) -> Surroundings<'a> {
        let (evaluator, recall) = (&mut self.evaluator, &mut self.recall);
        Surroundings { catalogue, evaluator, recall, lookups, errors: 0, context_errors: 0 }
    }

    /// Whether the bucket is over after this event, and how many expressions failed.
    pub(super) fn judged(
        &mut self,
        bucket: &mut Bucket,
        scenario: &Scenario,
        event: &Kept,
        (catalogue, lookups): (&Catalogue, &dyn Lookups),
    ) -> (bool, u64) {
        let Self { evaluator, recall, plans, nothing } = self;
        let Some(plan) = plans.get(scenario.id.index()).filter(|plan| plan.judges) else {
            return (false, 0);
        };
        if !plan.sieves.is_empty() {
            let Bucket { queue, sifted, .. } = bucket;
            let sifted = sifted.get_or_insert_default();
            sifted.update(queue, plan.sieves.len(), |kept, sieve| {
                let sieve = plan.sieves.get(sieve);
                sieve.is_some_and(|sieve| evaluator.lets(*sieve, kept, catalogue.codec()))
            });
        }
        let mut own;
        let event = if plan.event {
            let Some(event) = recall.event(event, catalogue) else { return (false, 0) };
            own = Event::clone(&event);
            &mut own
        } else {
            nothing
        };
        let mut latched = std::mem::take(&mut bucket.latched);
        let mut past = View::new(bucket, scenario, catalogue, (&plan.sieves, recall));
        let past = Some(&mut past as _);
        let mut case = Case { evaluator, event, roots: &[], past, lookups, errors: 0 };
        let full = scenario.condition.and_then(|condition| case.holds(condition)) == Some(true)
            || match &scenario.kind {
                Kind::Bayesian(numbers) => bayesian::overflows(numbers, &mut latched, &mut case),
                _ => false,
            };
        let errors = case.errors;
        bucket.latched = latched;
        (full, errors)
    }
}

impl Plan {
    fn new(scenario: &Scenario, evaluator: &Evaluator) -> Self {
        let evidence = match &scenario.kind {
            Kind::Bayesian(numbers) => numbers.conditions.as_slice(),
            _ => &[],
        };
        let all = scenario.condition.into_iter().chain(evidence.iter().map(|one| one.condition));
        let mut plan = Self { judges: false, event: false, sieves: Vec::new() };
        for condition in all {
            plan.judges = true;
            plan.event |= evaluator.reads(condition).event;
            plan.sieves.extend(evaluator.sieves(condition));
        }
        plan.sieves.sort_unstable();
        plan.sieves.dedup();
        plan
    }
}
