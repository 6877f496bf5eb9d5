//! Expressions of buckets, run on events that were kept.

use std::sync::Arc;

use super::scenario::{Kind, Scenario};
use crate::event::Event;
use crate::expr::{Cx, ExprId, Memo, Program};
use crate::lookup::Lookups;
use crate::value::Value;

/// Which roots expressions name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Needs {
    /// `evt`.
    pub(super) event: bool,
    /// `leaky`.
    pub(super) leaky: bool,
}

/// Runs the expressions of one rule set. One per worker: it remembers what it computed.
#[derive(Debug)]
pub struct Evaluator {
    program: Arc<Program>,
    memo: Memo,
}

impl Evaluator {
    /// An evaluator for this program.
    pub fn new(program: Arc<Program>) -> Self {
        Self { program, memo: Memo::new() }
    }

    /// What the condition and the evidence of a scenario name.
    pub(super) fn needs(&self, scenario: &Scenario) -> Needs {
        let evidence = match &scenario.kind {
            Kind::Bayesian(numbers) => numbers.conditions.as_slice(),
            _ => &[],
        };
        let all = scenario.condition.into_iter().chain(evidence.iter().map(|one| one.condition));
        all.map(|id| self.program.reads(id)).fold(Needs::default(), |needs, reads| Needs {
            event: needs.event || reads.event,
            leaky: needs.leaky || reads.leaky,
        })
    }

    /// The text of the field that an expression is, "" where it was never written; `None` where
    /// it is more than a field.
    pub(super) fn field<'a>(&self, id: ExprId, event: &'a Event) -> Option<&'a str> {
        self.program.field(id).map(|field| event.get(field).unwrap_or(""))
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub fn value(
        &mut self,
        id: ExprId,
        event: &mut Event,
        roots: &[(&'static str, Value)],
        lookups: &dyn Lookups,
    ) -> Result<Value, String> {
        let mut cx = Cx::new(event, lookups, &mut self.memo).with_roots(roots);
        self.program.eval(id, &mut cx).map_err(|error| error.to_string())
    }
}
