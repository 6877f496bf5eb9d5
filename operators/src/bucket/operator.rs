//! Buckets and postoverflows as a dataflow operator: batches in; alerts, and pours of overflows
//! that are matched again, out.

use timely::dataflow::StreamVec;
use timely::dataflow::operators::core::OkErr;

use super::detect::{Detect, Outcome};
use crate::alert::Alert;
use crate::epoch::{Epoch, settled};
use crate::order::batch::Batch;

/// Applies the pours of each epoch in order. Batches name their worker.
pub fn operator<'scope>(
    batches: StreamVec<'scope, Epoch, Batch>,
    name: &str,
    mut detect: Detect,
) -> (StreamVec<'scope, Epoch, Alert>, StreamVec<'scope, Epoch, Batch>) {
    let outcomes =
        settled(batches, name, |batch| batch.worker, move |batches| detect.epoch(batches));
    outcomes.ok_err(|outcome| match outcome {
        Outcome::Alert(alert) => Ok(*alert),
        Outcome::Again(batch) => Err(batch),
    })
}
