//! THE wiring: how the stages stand behind one another. Nothing else composes operators.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use operators::alert::Alert;
use operators::bucket::change::Changes;
use operators::bucket::detect::Detect;
use operators::detector::Detector;
use operators::epoch::{Epoch, settled};
use operators::fault::Faults;
use operators::lookup::Lookups;
use operators::order::operator::Demand;
use operators::order::sequencer::Sequencer;
use operators::profile::decide::Decide;
use operators::{bucket, order, parse, profile};
use serde::{Deserialize, Serialize};
use timely::dataflow::Scope;
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::vec::Map;

use crate::ingest::{self, Ingest};
use crate::live;
use crate::live::feed::Feed;

/// What a worker brings to the graph.
pub struct Parts {
    /// Where lines come from; on the first worker.
    pub source: Source,
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
    /// Judges alerts, and what failed in profiles, by number, to be read between epochs; without it
    /// alerts come out as they were found.
    pub decide: Option<(Decide, Rc<RefCell<Faults>>)>,
    /// Facts that are not in the log.
    pub lookups: Arc<dyn Lookups>,
    /// Takes what each epoch leads to, in no order; called on the first worker.
    pub sink: Box<dyn FnMut(Vec<Out>)>,
}

/// Where lines come from.
#[derive(Debug)]
pub enum Source {
    /// Inputs that end.
    Archive(Option<Ingest>),
    /// Lanes that go on.
    Live(Option<Box<Feed>>),
}

/// What comes out. Transport, not a promise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Out {
    /// An alert with its decisions.
    Alert(Box<Alert>),
    /// What a worker changed since the last seal; one of each worker in the epoch of a seal.
    Changes(Changes),
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Builds the dataflow of one worker.
pub fn build(scope: Scope<'_, Epoch>, parts: Parts) {
    let workers = scope.peers() as u64;
    let Parts { source, sequencer, demand, detector, .. } = parts;
    let Parts { detect, detect_again, decide, lookups, mut sink, .. } = parts;

    let (lines, source) = match source {
        Source::Archive(ingest) => ingest::lines(scope, ingest),
        Source::Live(feed) => live::operator::lines(scope, feed),
    };
    let parsed = parse::operator::operator(lines, detector);
    let batches = order::operator::operator(parsed, sequencer, demand, source, workers);
    let first = bucket::operator::operator(batches, "bucket", detect);
    let (mut alerts, mut changes) = (first.alerts, first.changes);
    if let Some(detect) = detect_again {
        // What these lead to in turn is matched there.
        let second = bucket::operator::operator(first.again, "bucket of overflows", detect);
        alerts = alerts.concat(second.alerts);
        changes = changes.concat(second.changes);
    }
    let judged = match decide {
        Some((decide, faults)) => profile::operator::operator(alerts, decide, lookups, faults),
        None => alerts,
    };
    let judged = judged.map(|alert| Out::Alert(Box::new(alert)));
    let out = judged.concat(changes.map(Out::Changes));
    settled(
        out,
        "sink",
        |_| 0,
        move |out| {
            sink(out);
            Vec::<()>::new()
        },
    );
}
