//! Which scenarios want an event, and which bucket of theirs: filters and `groupby`
//! (crowdsec pkg/leakybucket/manager_run.go). A filter that fails on an event is false for it and
//! hides no other scenario.

use std::fmt::Display;

use crate::alert::Coordinate;
use crate::bucket::pour::{Pour, Want};
use crate::bucket::scenario::{Scenario, Takes};
use crate::bucket::wish::{claim, wish};
use crate::event::Event;
use crate::expr::{Cx, Known, Program, Subject};
use crate::fault::{Faults, Part};
use crate::guards::{known, needs, subject_value};
use crate::index::Index;
use crate::place::{OrderKey, Place};
use crate::rules::Rules;

/// Finds the scenarios that want an event.
#[derive(Debug)]
pub struct Matcher {
    logs: Side,
    overflows: Side,
}

/// For more buckets that want one event room is made as they come.
const MOST_WANTS: usize = 8;

/// Scenarios of one kind of event.
#[derive(Debug)]
struct Side {
    /// Numbers in the catalogue, ascending, and what of its filter holds wherever the index finds
    /// the scenario.
    scenarios: Vec<(usize, Known)>,
    index: Index<Subject>,
}

impl Side {
    fn new(scenarios: &[Scenario], takes: fn(Takes) -> bool, program: &Program) -> Self {
        let own = scenarios.iter().enumerate().filter(|(_, scenario)| takes(scenario.takes));
        let guards = |scenario: &Scenario| program.guards(scenario.filter);
        let needs: Vec<_> = own.clone().map(|(_, scenario)| needs(guards(scenario))).collect();
        let index = Index::new(&needs);
        let own = own.map(|(number, scenario)| (number, known(guards(scenario), &index)));
        Self { scenarios: own.collect(), index }
    }
}

impl Matcher {
    /// A matcher of these scenarios.
    pub fn new(scenarios: &[Scenario], program: &Program) -> Self {
        Self {
            logs: Side::new(scenarios, Takes::logs, program),
            overflows: Side::new(scenarios, Takes::overflows, program),
        }
    }

    /// Whether any scenario looks at overflows.
    pub fn takes_overflows(&self) -> bool {
        !self.overflows.scenarios.is_empty()
    }

    /// Pours the line of `cx` where it is wanted. Their order key is filled in later.
    pub fn log_pours(
        &self,
        rules: &Rules,
        line: (&mut Cx<'_>, Place),
        pours: &mut Vec<Pour>,
        faults: &mut Faults,
    ) {
        self.logs.pours(rules, line, pours, faults);
    }

    /// Pours the overflow of `cx` where it is wanted.
    pub fn overflow_pours(
        &self,
        rules: &Rules,
        overflow: (&mut Cx<'_>, Place),
        pours: &mut Vec<Pour>,
        faults: &mut Faults,
    ) {
        self.overflows.pours(rules, overflow, pours, faults);
    }
}

impl Side {
    fn pours(
        &self,
        rules: &Rules,
        (cx, place): (&mut Cx<'_>, Place),
        pours: &mut Vec<Pour>,
        faults: &mut Faults,
    ) {
        let cause = (place.partition, place.position);
        let mut candidates = self.index.all();
        self.index.candidates(|subject| subject_value(cx.event, subject), &mut candidates);
        let mut version = cx.event.version();
        let mut wants = Vec::new();
        let mut from = 0;
        while let Some(at) = candidates.next(from) {
            from = at + 1;
            let Some((number, known)) = self.scenarios.get(at) else { continue };
            let Some(scenario) = rules.catalogue.scenarios().get(*number) else { continue };
            let mut note = |scenario: &Scenario, part: Part, message: &dyn Display| {
                faults.add(scenario.id.index(), part, cause, message);
            };
            let wished = wish(scenario, *known, &rules.program, cx, &mut note);
            let wished = wished.unwrap_or_else(|error| {
                note(scenario, error.part(), &error);
                None
            });
            if let Some(wish) = wished {
                let twins = rules.catalogue.twins_of(scenario);
                let twins = twins.map(|twin| claim(twin, &rules.program, cx, &mut note)).collect();
                if wants.is_empty() {
                    wants.reserve(candidates.len().min(MOST_WANTS));
                }
                wants.push(Want::new(scenario, wish.key, wish.claim, twins));
            }
            if cx.event.version() != version {
                version = cx.event.version();
                self.index.candidates(|subject| subject_value(cx.event, subject), &mut candidates);
            }
        }
        // Kept once, and last: buckets share the event, so that what a filter writes into it stands
        // in the alerts of all (crowdsec pkg/leakybucket/manager_run.go, its maps).
        if !wants.is_empty() {
            pours.push(pour(rules, cx.event, place, wants));
        }
    }
}

/// An event, and the buckets that want it.
fn pour(rules: &Rules, event: &Event, place: Place, wants: Vec<Want>) -> Pour {
    let Place { partition, position } = place;
    let kept = rules.catalogue.codec().keep(event, Coordinate { partition, position });
    Pour { order: OrderKey::at(place), time: event.date(), event: kept, wants }
}
