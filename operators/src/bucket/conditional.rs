//! Overflow by condition, whatever the type of the bucket (crowdsec
//! pkg/leakybucket/conditional.go).

use super::overflow::Surroundings;
use super::view::Root;
use crate::event::Event;
use crate::expr::ExprId;
use crate::value::Value;

/// Whether a condition holds; `None` where it fails or gives no bool, which changes nothing.
pub(crate) fn holds(
    condition: ExprId,
    event: &mut Event,
    roots: &[Root],
    around: &mut Surroundings<'_>,
) -> Option<bool> {
    match around.evaluator.value(condition, event, roots, around.lookups) {
        Ok(Value::Bool(held)) => Some(held),
        _ => {
            around.errors += 1;
            None
        }
    }
}
