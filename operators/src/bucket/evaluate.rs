//! Expressions of buckets, run on events that were kept.

use std::sync::Arc;

use crate::event::Event;
use crate::expr::{Cx, ExprId, Memo, Program};
use crate::lookup::Lookups;
use crate::value::Value;

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
