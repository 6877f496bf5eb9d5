//! A run over finished inputs: builds the graph on every worker, steps it to its end and gathers
//! what was counted.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connectors::ReadError;
use operators::alert::Alert;
use operators::bucket::detect::{Round, Settled};
use operators::bucket::{Buckets, Counters, Open};
use operators::detector::Detector;
use operators::epoch::Epoch;
use operators::fault::Faults;
use operators::order::operator::Demand;
use operators::order::sequencer::Sequencer;
use operators::origin::Origin;
use operators::parse::lines::Tally;
use operators::place::Partition;
use operators::time::EventTime;

use crate::detection::Detection;
use crate::graph::{self, Out, Parts, Source};
use crate::ingest::{Feed, Ingest};
use crate::problems::Problems;

/// What a run is made of.
#[derive(Debug)]
pub struct Replay {
    /// The rules.
    pub detection: Detection,
    /// What is known of each input, in order.
    pub origins: Arc<[Origin]>,
    /// The inputs, in the same order.
    pub feeds: Vec<Feed>,
    /// How many threads work.
    pub workers: usize,
}

/// What a run counted.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Lines.
    pub tally: Tally,
    /// Inputs that could not be read.
    pub errors: Vec<ReadError>,
    /// Rejected lines by reason.
    pub rejects: std::collections::BTreeMap<&'static str, u64>,
    /// Lines with invalid UTF-8, which was replaced.
    pub repaired: u64,
    /// By number of scenario.
    pub counters: Vec<Counters>,
    /// Overflows after buckets.
    pub settled: Settled,
    /// What failed in profiles, by their number.
    pub profile_faults: Faults,
    /// What failed in transforms, by number of the input.
    pub transform_faults: Faults,
    /// The buckets of every worker.
    buckets: Vec<Buckets>,
    /// Lines dated so far ahead that the clock did not follow.
    pub strays: u64,
    /// Where the clock stands at the end.
    pub clock: Option<EventTime>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Lines in order so far.
    pub lines: u64,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The threads could not be started.
    #[error("cannot start the workers: {0}")]
    Start(String),
    /// A worker died of a defect of this program.
    #[error("a worker failed: {0}")]
    Worker(String),
}

/// What only the first worker holds.
type First = (Vec<Feed>, Box<dyn FnMut(Alert) + Send>, Box<dyn FnMut(Progress) + Send>);

/// How long a worker without work waits before it looks again.
const PARK: Duration = Duration::from_millis(50);

/// Runs to the end of all inputs. `emit` gets every alert in order, `progress` is called now and
/// then.
///
/// # Errors
/// The run could not start, or failed by a defect; what was emitted stands.
pub fn run(
    replay: Replay,
    emit: Box<dyn FnMut(Alert) + Send>,
    progress: Box<dyn FnMut(Progress) + Send>,
) -> Result<Outcome, ReplayError> {
    let Replay { detection, origins, feeds, workers } = replay;
    let first: Mutex<Option<First>> = Mutex::new(Some((feeds, emit, progress)));
    let shared = Arc::new(Shared { detection, origins, first });
    let config = match workers {
        0 | 1 => timely::Config::thread(),
        workers => timely::Config::process(workers),
    };
    let guards = timely::execute(config, move |worker| shared.work(worker));
    let guards = guards.map_err(ReplayError::Start)?;
    let mut whole = Outcome::default();
    for part in guards.join() {
        whole.add(part.map_err(ReplayError::Worker)?);
    }
    Ok(whole)
}

impl Outcome {
    /// Buckets that are neither full nor over at the end, by scenario and key.
    pub fn open(&self) -> Vec<Open> {
        let clock = self.clock.unwrap_or_default();
        let mut open: Vec<_> =
            self.buckets.iter().flat_map(|buckets| buckets.all_open(clock)).collect();
        open.sort_by(|a, b| (&a.scenario, &a.key).cmp(&(&b.scenario, &b.key)));
        open
    }

    fn add(&mut self, part: Self) {
        self.tally.add(&part.tally);
        self.errors.extend(part.errors);
        for (reason, count) in part.rejects {
            *self.rejects.entry(reason).or_default() += count;
        }
        self.repaired += part.repaired;
        if self.counters.len() < part.counters.len() {
            self.counters.resize(part.counters.len(), Counters::default());
        }
        for (sum, more) in self.counters.iter_mut().zip(&part.counters) {
            sum.add(more);
        }
        self.settled.add(&part.settled);
        self.profile_faults.join(&part.profile_faults);
        self.transform_faults.join(&part.transform_faults);
        self.buckets.extend(part.buckets);
        self.strays += part.strays;
        self.clock = self.clock.max(part.clock);
    }
}

struct Shared {
    detection: Detection,
    origins: Arc<[Origin]>,
    first: Mutex<Option<First>>,
}

impl Shared {
    fn work(&self, worker: &mut timely::worker::Worker) -> Outcome {
        let own = if worker.index() == 0 {
            self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
        } else {
            None
        };
        let workers = worker.peers() as u64;
        let demand: Rc<RefCell<Demand>> = Rc::default();
        let problems: Rc<RefCell<Problems>> = Rc::default();
        let (feeds, emit, mut progress) = match own {
            Some((feeds, emit, progress)) => (Some(feeds), Some(emit), Some(progress)),
            None => (None, None, None),
        };
        let partitions = || (0..).zip(self.origins.iter()).map(|(number, _)| Partition(number));
        let sequencer = feeds.is_some().then(|| Sequencer::new(partitions(), self.detector()));
        let ingest = feeds
            .map(|feeds| Ingest::new(feeds, Rc::clone(&demand), Rc::clone(&problems), workers));
        let detection = &self.detection;
        let again = detection.looks_at_overflows();
        let (detect, buckets) = detection.detect(detection.buckets(), workers, Round::Lines);
        let (detect_again, more_buckets) =
            detection.detect(detection.buckets(), workers, Round::Overflows);
        let settled = [detect.settled(), detect_again.settled()];
        let profile_faults: Rc<RefCell<Faults>> = Rc::default();
        let parts = Parts {
            source: Source::Archive(ingest),
            sequencer,
            demand: Rc::clone(&demand),
            detector: self.detector(),
            detect,
            detect_again: again.then_some(detect_again),
            decide: Some((detection.decide(), Rc::clone(&profile_faults))),
            lookups: Arc::clone(&detection.lookups),
            sink: printed(emit),
        };
        worker.dataflow::<Epoch, _, _>(|scope| graph::build(scope, parts));
        while worker.has_dataflows() {
            worker.step_or_park(Some(PARK));
            if let Some(progress) = &mut progress {
                progress(Progress { lines: demand.borrow().tally.lines });
            }
        }
        let profile_faults = profile_faults.take();
        let mut outcome = Outcome { profile_faults, ..Outcome::default() };
        settled.iter().for_each(|settled| outcome.settled.add(&settled.borrow()));
        let demand = demand.take();
        let Problems { errors, rejects, repaired, faults } = problems.take();
        outcome.tally = demand.tally;
        outcome.clock = demand.clock;
        outcome.strays = demand.strays;
        (outcome.errors, outcome.rejects, outcome.repaired) = (errors, rejects, repaired);
        outcome.transform_faults = faults;
        for buckets in [buckets, more_buckets] {
            // The graph is gone and has dropped its share.
            let Some(buckets) = Rc::into_inner(buckets).map(RefCell::into_inner) else { continue };
            let counters = buckets.counters().to_vec();
            let buckets = vec![buckets];
            outcome.add(Outcome { counters, buckets, ..Outcome::default() });
        }
        outcome
    }

    fn detector(&self) -> Detector {
        self.detection.detector(Arc::clone(&self.origins))
    }
}

/// Hands the alerts of each epoch on in order.
fn printed(emit: Option<Box<dyn FnMut(Alert) + Send>>) -> Box<dyn FnMut(Vec<Out>)> {
    let mut emit = emit.unwrap_or_else(|| Box::new(|_| {}));
    Box::new(move |out| {
        let alerts = out.into_iter().filter_map(|out| match out {
            Out::Alert(alert) => Some(*alert),
            Out::Changes(_) => None,
        });
        let mut alerts: Vec<_> = alerts.collect();
        alerts.sort_by(Alert::in_order);
        alerts.into_iter().for_each(&mut emit);
    })
}
