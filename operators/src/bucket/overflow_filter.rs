//! Whether an overflow counts (crowdsec pkg/leakybucket/overflow_filter.go).

use std::sync::Arc;

use super::conditional;
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
    let at = Some(overflow.alert.stop_at);
    let events = around.recall.events(bucket, scenario, around.catalogue);
    let [queue, leaky] = view::roots(bucket, events, scenario, at);
    let signal = ("signal", Value::Object(Arc::new(overflow.clone())));
    let mut nothing = around.catalogue.codec().nothing();
    conditional::holds(filter, &mut nothing, &[queue, signal, leaky], around).unwrap_or(true)
}
