//! Whether an overflow counts (crowdsec pkg/leakybucket/overflow_filter.go).

use std::sync::Arc;

use super::conditional::Case;
use super::overflow::Surroundings;
use super::scenario::Scenario;
use super::state::Bucket;
use super::view;
use crate::alert::Overflow;
use crate::value::Value;

/// Whether `overflow_filter` lets this overflow through; one that fails or gives no bool does.
pub(crate) fn passes(
    scenario: &Scenario,
    bucket: &Bucket,
    overflow: &Overflow,
    around: &mut Surroundings<'_>,
) -> bool {
    let Some(filter) = scenario.overflow_filter else { return true };
    let Surroundings { catalogue, evaluator, recall, lookups, .. } = around;
    let events = recall.events(bucket, scenario, catalogue);
    let [queue, leaky] = view::roots(bucket, events, scenario, Some(overflow.alert.stop_at));
    let signal = ("signal", Value::Object(Arc::new(overflow.clone())));
    let (event, roots) = (&mut catalogue.codec().nothing(), &[queue, signal, leaky]);
    let mut case = Case { evaluator, event, roots, past: None, lookups: *lookups, errors: 0 };
    let passes = case.holds(filter).unwrap_or(true);
    around.errors += case.errors;
    passes
}
