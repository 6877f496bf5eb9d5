//! The fold by source value as a dataflow operator: alerts in, alerts with decisions out.

use std::sync::Arc;

use timely::dataflow::StreamVec;

use super::decide::Decide;
use crate::alert::Alert;
use crate::epoch::{Epoch, settled};
use crate::hash::fnv1a;
use crate::lookup::Lookups;

/// Judges the alerts of each epoch in order, those of one source value by one worker.
pub fn operator<'scope>(
    alerts: StreamVec<'scope, Epoch, Alert>,
    mut decide: Decide,
    lookups: Arc<dyn Lookups>,
) -> StreamVec<'scope, Epoch, Alert> {
    let by_value = |alert: &Alert| fnv1a(alert.source.value.as_bytes());
    settled(alerts, "decide", by_value, move |mut alerts| {
        alerts.sort_by(Alert::in_order);
        for alert in &mut alerts {
            decide.decide(alert, &*lookups);
        }
        alerts
    })
}
