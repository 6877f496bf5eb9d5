//! THE wiring: how the stages stand behind one another. Nothing else composes operators.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use operators::alert::Alert;
use operators::bucket::detect::Detect;
use operators::detector::Detector;
use operators::epoch::{Epoch, settled};
use operators::lookup::Lookups;
use operators::order::operator::{Demand, Sequencer};
use operators::profile::decide::Decide;
use operators::{bucket, order, parse, profile};
use timely::dataflow::Scope;
use timely::dataflow::operators::Concat;

use crate::ingest::{self, Ingest};

/// What a worker brings to the graph.
pub struct Parts {
    /// Reads the inputs; on the first worker.
    pub ingest: Option<Ingest>,
    /// Brings lines into order; on the first worker.
    pub sequencer: Option<Sequencer>,
    /// What the order asks the source for.
    pub demand: Rc<RefCell<Demand>>,
    /// Parses and matches.
    pub detector: Detector,
    /// Buckets of scenarios that look at lines.
    pub detect: Detect,
    /// Buckets of scenarios that look at overflows, if there are any.
    pub detect_again: Option<Detect>,
    /// Judges alerts.
    pub decide: Decide,
    /// Facts that are not in the log.
    pub lookups: Arc<dyn Lookups>,
    /// Takes the alerts, in order; called on the first worker.
    pub emit: Box<dyn FnMut(Alert)>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Builds the dataflow of one worker.
pub fn build(scope: Scope<'_, Epoch>, parts: Parts) {
    let workers = scope.peers() as u64;
    let Parts { ingest, sequencer, demand, detector, .. } = parts;
    let Parts { detect, detect_again, decide, lookups, mut emit, .. } = parts;

    let (lines, source) = ingest::lines(scope, ingest);
    let parsed = parse::operator::operator(lines, detector);
    let pours = order::operator::operator(parsed, sequencer, demand, source, workers);
    let (mut alerts, again) = bucket::operator::operator(pours, "bucket", detect);
    if let Some(detect) = detect_again {
        // Overflows of this round are not matched again.
        let (more, _) = bucket::operator::operator(again, "bucket of overflows", detect);
        alerts = alerts.concat(more);
    }
    let judged = profile::operator::operator(alerts, decide, lookups);
    settled(
        judged,
        "emit",
        |_| 0,
        move |mut alerts| {
            alerts.sort_by(Alert::in_order);
            alerts.into_iter().for_each(&mut emit);
            Vec::<()>::new()
        },
    );
}
