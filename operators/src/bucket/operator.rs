//! Buckets and postoverflows as a dataflow operator: batches in; alerts, and pours of overflows
//! that are matched again, out.

use timely::dataflow::StreamVec;
use timely::dataflow::operators::core::OkErr;

use super::change::Changes;
use super::detect::{Detect, Outcome};
use crate::alert::Alert;
use crate::epoch::{Epoch, settled};
use crate::order::batch::Batch;

/// What comes out of the buckets.
#[derive(Debug)]
pub struct Behind<'scope> {
    /// Who attacked.
    pub alerts: StreamVec<'scope, Epoch, Alert>,
    /// Overflows that are matched again.
    pub again: StreamVec<'scope, Epoch, Batch>,
    /// What is to be kept, in the epochs of seals.
    pub changes: StreamVec<'scope, Epoch, Changes>,
}

/// Applies the pours of each epoch in order. Batches name their worker.
pub fn operator<'scope>(
    batches: StreamVec<'scope, Epoch, Batch>,
    name: &str,
    mut detect: Detect,
) -> Behind<'scope> {
    let outcomes =
        settled(batches, name, |batch| batch.worker, move |batches| detect.epoch(batches));
    type Split<'s, A, B> = (StreamVec<'s, Epoch, A>, StreamVec<'s, Epoch, B>);
    let (alerts, others): Split<'scope, Alert, Outcome> =
        outcomes.ok_err(|outcome| match outcome {
            Outcome::Alert(alert) => Ok(*alert),
            other => Err(other),
        });
    let (again, changes) = others.ok_err(|outcome| match outcome {
        Outcome::Again(batch) => Ok(batch),
        Outcome::Changes(changes) => Err(changes),
        Outcome::Alert(_) => Err(Changes::default()),
    });
    Behind { alerts, again, changes }
}
