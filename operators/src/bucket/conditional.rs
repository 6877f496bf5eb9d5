//! Overflow by condition, whatever the type of the bucket (crowdsec
//! pkg/leakybucket/conditional.go).

use super::evaluate::Evaluator;
use super::view::Root;
use crate::event::Event;
use crate::expr::{ExprId, Past};
use crate::lookup::Lookups;
use crate::value::Value;

/// What conditions of a bucket look at.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) evaluator: &'a mut Evaluator,
    /// `evt`.
    pub(crate) event: &'a mut Event,
    /// Other roots.
    pub(crate) roots: &'a [Root],
    /// What `queue` and `leaky` are where they are no roots.
    pub(crate) past: Option<&'a mut (dyn Past + 'a)>,
    pub(crate) lookups: &'a dyn Lookups,
    /// Conditions that failed.
    pub(crate) errors: u64,
}

impl Case<'_> {
    /// Whether a condition holds; `None` where it fails or gives no bool, which changes nothing.
    pub(crate) fn holds(&mut self, condition: ExprId) -> Option<bool> {
        let past = self.past.as_deref_mut();
        let roots = (self.roots, past);
        match self.evaluator.judge(condition, self.event, roots, self.lookups) {
            Ok(Value::Bool(held)) => Some(held),
            _ => {
                self.errors += 1;
                None
            }
        }
    }
}
