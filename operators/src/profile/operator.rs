//! The fold by source value as a dataflow operator: alerts in, alerts with decisions out.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use timely::dataflow::StreamVec;

use super::decide::{Decide, Verdict};
use crate::alert::Alert;
use crate::epoch::{Epoch, settled};
use crate::fault::Faults;
use crate::hash::fnv1a;
use crate::lookup::Lookups;

/// Judges the alerts of each epoch in order, those of one source value by one worker.
/// What fails is noted in `faults`, by number of the profile.
pub fn operator<'scope>(
    alerts: StreamVec<'scope, Epoch, Alert>,
    mut decide: Decide,
    lookups: Arc<dyn Lookups>,
    faults: Rc<RefCell<Faults>>,
) -> StreamVec<'scope, Epoch, Alert> {
    let by_value = |alert: &Alert| fnv1a(alert.source.value.as_bytes());
    settled(alerts, "decide", by_value, move |mut alerts| {
        alerts.sort_by(Alert::in_order);
        for alert in &mut alerts {
            let Verdict::Judged(judgement) = decide.decide(alert, &*lookups) else { continue };
            let at = (alert.cause.partition, alert.cause.position);
            for (profile, part, message) in &judgement.errors {
                faults.borrow_mut().add(*profile, *part, at, message);
            }
        }
        alerts
    })
}
