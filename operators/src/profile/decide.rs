//! The second fold: alerts in their order become decisions, by allowlist, profiles and history.

use std::sync::Arc;

use super::exempt::Exempt;
use super::history::{Decided, History, Remembering};
use super::rule::{Judgement, Profile, judge};
use crate::alert::Alert;
use crate::bucket::evaluate::Evaluator;
use crate::event::{Event, Line};
use crate::expr::Program;
use crate::lookup::Lookups;
use crate::time::{EventTime, Stamp};

/// What became of an alert.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Its source is on an allowlist, for this reason: there is no decision, and CrowdSec keeps no
    /// alert either.
    Allowlisted(String),
    /// The profiles have judged it; the decisions stand in the alert.
    Judged(Judgement),
}

/// Decides about the alerts of any set of source values.
#[derive(Debug)]
pub struct Decide {
    profiles: Arc<[Profile]>,
    exempt: Arc<Exempt>,
    evaluator: Evaluator,
    nothing: Event,
    history: Box<dyn Decided>,
    /// Whether a profile asks for the history; else none is kept, for it grows with every decision.
    remembers: bool,
}

impl Decide {
    /// Nothing decided yet.
    pub fn new(profiles: Arc<[Profile]>, exempt: Arc<Exempt>, program: Arc<Program>) -> Self {
        let time = Stamp::utc_at(EventTime(0));
        let line = Line {
            raw: "".into(),
            source: "".into(),
            labels: Arc::default(),
            module: crate::text::Text::EMPTY,
            time,
            zone: None,
        };
        let nothing = Event::new(Arc::clone(program.schema()), line);
        let remembers = profiles.iter().any(|profile| profile.asks_history(&program));
        let evaluator = Evaluator::new(program);
        Self { profiles, exempt, evaluator, nothing, history: Box::new(History::new()), remembers }
    }

    /// From now on this is what was decided before.
    pub fn recall(&mut self, history: Box<dyn Decided>) {
        self.history = history;
    }

    /// From now on these are exempt.
    pub fn set_exempt(&mut self, exempt: Arc<Exempt>) {
        self.exempt = exempt;
    }

    /// Whether profiles ask for the history, so that it is kept.
    pub fn remembers(&self) -> bool {
        self.remembers
    }

    /// Takes decisions that were made at `at` into the history.
    pub fn remember(&mut self, decisions: &[crate::alert::Decision], at: EventTime) {
        if self.remembers {
            self.history.remember(decisions, at);
        }
    }

    /// Decides about an alert, which is not before the last one of its source value in the order.
    pub fn decide(&mut self, alert: &mut Alert, lookups: &dyn Lookups) -> Verdict {
        let now = alert.stop_at.at;
        if let Some(reason) = self.exempt.reason(&alert.source, now) {
            return Verdict::Allowlisted(reason.to_owned());
        }
        let lookups = Remembering { others: lookups, history: &*self.history, now };
        let (evaluator, nothing) = (&mut self.evaluator, &mut self.nothing);
        let judgement = judge(&self.profiles, alert, evaluator, nothing, &lookups);
        alert.decisions.extend(judgement.decisions.iter().cloned());
        if self.remembers {
            self.history.remember(&judgement.decisions, now);
        }
        Verdict::Judged(judgement)
    }
}
