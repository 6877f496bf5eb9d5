//! A live run: one store, the sources, and one generation of the graph after the other. A generation
//! lives as long as its rules; what it has not settled is read again by the next one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connectors::{Health, Inbox, SourceId, Stop, crash};
use operators::bucket::detect::Round;
use operators::bucket::scenario::Takes;
use operators::epoch::Epoch;
use operators::order::operator::{Demand, Wish};
use operators::order::sequencer::Sequencer;
use operators::origin::Origin;
use tokio::runtime::Handle;

use super::buckets::Shelf;
use super::command::Command;
use super::feed::{Feed, FeedParts};
use super::insight::Every;
use super::keeper::{Keeper, Progress};
use super::lanes::Lanes;
use super::names::Names;
use super::pace::Pace;
use super::record;
use super::sink::Sink;
use super::sources::{Configured, Running, Watched};
use crate::detection::{Detection, SharedBuckets};
use crate::graph::{self, Parts, Source};
use crate::state::{Store, StoreError};

/// How long a worker without work waits before it looks again.
const PARK: Duration = Duration::from_secs(1);
/// How often what buckets did is shown.
const SHOW: Duration = Duration::from_millis(500);
/// How long sources may take to end.
const SOURCES_END: Duration = Duration::from_secs(5);

/// What a live run is made of.
#[derive(Debug)]
pub struct Setup {
    /// What is kept.
    pub store: Arc<Store>,
    /// Where lines come from.
    pub sources: Vec<Configured>,
    /// Times.
    pub pace: Pace,
    /// How many threads detect.
    pub workers: usize,
    /// How much memory buckets may take, of all workers together. Unit: bytes.
    pub memory: usize,
    /// Who keeps what is found.
    pub keeper: Arc<dyn Keeper>,
    /// Where tasks of sources run.
    pub runtime: Handle,
    /// What lanes are called; rules look sources up here.
    pub names: Arc<Names>,
}

/// Why a live run ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The store failed.
    #[error("what was found cannot be kept")]
    Store(#[from] StoreError),
    /// The store has failed before.
    #[error("what was found could not be kept")]
    Unkept,
    /// Threads could not be started.
    #[error("cannot start threads: {0}")]
    Threads(String),
    /// A worker died of a defect of this program.
    #[error("a worker failed: {0}")]
    Worker(String),
}

/// The handles by which others reach a live run.
#[derive(Clone, Debug)]
pub struct Handles {
    /// What it is told, and how far it is.
    pub progress: Progress,
    /// The sources.
    pub watched: Arc<[Watched]>,
    /// Place of each source in the order.
    pub ordinals: Arc<BTreeMap<Arc<str>, u32>>,
    /// Ends the sources; what they sent is still in the inbox.
    pub stop: Stop,
}

impl Handles {
    /// Tells the run what to do next.
    pub fn say(&self, command: Command) {
        self.progress.commanded.say(command);
        self.progress.waking.ring();
    }
}

/// A live run, ready to go.
#[derive(Debug)]
pub struct Engine {
    store: Arc<Store>,
    pace: Pace,
    workers: usize,
    memory: usize,
    running: Running,
    handles: Handles,
    reader: Reader,
    keeper: Arc<dyn Keeper>,
    starting: BTreeSet<SourceId>,
}

/// What the worker that reads hands from one generation to the next.
#[derive(Debug)]
struct Reader {
    inbox: Inbox,
    lanes: Lanes,
}

impl Engine {
    /// Starts the sources.
    ///
    /// # Errors
    /// The store cannot be read, or threads cannot be started.
    pub fn start(setup: Setup) -> Result<Self, EngineError> {
        let Setup { store, sources, mut pace, workers, memory, keeper, runtime, names } = setup;
        pace.hold = longest_hold(&sources, pace.hold);
        let progress = Progress::default();
        let bell = progress.waking.clone();
        let inbox = Inbox::new(move || bell.ring());
        let settings = sources.iter().map(|source| source.settings.clone()).collect();
        let (places, records) = (record::sources(&store)?, record::lanes(&store)?);
        let lanes = Lanes::new(settings, places, records, names);
        let mut batch = store.batch();
        record::put_sources(&mut batch, lanes.ordinals());
        store.commit(batch)?;
        crash::point("start-sources-kept");

        let starting = (0..).zip(&sources).map(|(number, _)| SourceId(number)).collect();
        let running = Running::start(sources, &inbox, |source| lanes.resume(source), &runtime)
            .map_err(|error| EngineError::Threads(error.to_string()))?;
        let handles = Handles {
            progress,
            watched: running.watched().into(),
            ordinals: Arc::new(lanes.ordinals().clone()),
            stop: running.stop(),
        };
        let reader = Reader { inbox, lanes };
        Ok(Self { store, pace, workers, memory, running, handles, reader, keeper, starting })
    }

    /// How others reach it.
    pub fn handles(&self) -> &Handles {
        &self.handles
    }

    /// Detects with these rules until a command says otherwise, or has said so since the last
    /// generation ended; everything that was settled is on its way to the store then.
    ///
    /// # Errors
    /// The store or a worker failed.
    pub fn generation(mut self, detection: &Detection) -> Result<Self, EngineError> {
        self.handles.progress.insight.begin(&detection.rules);
        let lag = u8::try_from(self.pace.ahead + 2).unwrap_or(u8::MAX);
        let budget = self.memory / self.workers.max(1);
        let generation = Arc::new(Generation {
            detection: detection.clone(),
            store: Arc::clone(&self.store),
            shelf: Shelf::new(Arc::clone(&self.store), detection, lag, budget)?,
            pace: self.pace,
            handles: self.handles.clone(),
            keeper: Arc::clone(&self.keeper),
            reader: Mutex::new(Some(self.reader)),
            starting: std::mem::take(&mut self.starting),
        });
        let shared = Arc::clone(&generation);
        let config = match self.workers {
            0 | 1 => timely::Config::thread(),
            workers => timely::Config::process(workers),
        };
        crash::point("generation-begins");
        let guards = timely::execute(config, move |worker| shared.work(worker));
        let guards = guards.map_err(EngineError::Threads)?;
        for end in guards.join() {
            end.map_err(EngineError::Worker)??;
        }
        let reader = generation.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reader = reader.ok_or_else(|| EngineError::Worker("the reader is gone".to_owned()))?;
        let next = Self { reader, ..self };
        next.all_kept()?;
        // What is said from now on is for the next generation, also before that begins.
        next.handles.progress.commanded.say(Command::Go);
        crash::point("reload-generation-ended");
        Ok(next)
    }

    /// Waits until everything that was sealed is in the store: the next generation reads it there.
    fn all_kept(&self) -> Result<(), EngineError> {
        let Progress { kept, sealed, failed, .. } = &self.handles.progress;
        while kept.load(Ordering::Acquire) < sealed.load(Ordering::Acquire) {
            if failed.load(Ordering::Acquire) {
                return Err(EngineError::Unkept);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Ends everything; the sources that did not end in time.
    pub fn end(self) -> Vec<Arc<str>> {
        self.running.join(SOURCES_END)
    }
}

/// While nothing comes, time stays behind the present by the longest hold.
fn longest_hold(sources: &[Configured], of_all: Option<Duration>) -> Option<Duration> {
    let holds = sources.iter().map(|source| source.settings.hold);
    holds.reduce(|one, other| Some(one?.max(other?))).unwrap_or(of_all)
}

struct Generation {
    detection: Detection,
    store: Arc<Store>,
    shelf: Shelf,
    pace: Pace,
    handles: Handles,
    keeper: Arc<dyn Keeper>,
    reader: Mutex<Option<Reader>>,
    starting: BTreeSet<SourceId>,
}

impl Generation {
    fn work(&self, worker: &mut timely::worker::Worker) -> Result<(), EngineError> {
        let own = match worker.index() {
            0 => self.reader.lock().unwrap_or_else(PoisonError::into_inner).take(),
            _ => None,
        };
        let workers = worker.peers() as u64;
        let detection = &self.detection;
        let again = detection.looks_at_overflows();
        let at = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let place = (at(worker.index() as u64), at(workers));
        let buckets = |takes| self.shelf.buckets(detection, takes, place);
        let (detect, of_lines) = detection.detect(buckets(Takes::Logs), workers, Round::Lines);
        let (detect_again, of_overflows) =
            detection.detect(buckets(Takes::Overflows), workers, Round::Overflows);
        let demand: Rc<RefCell<Demand>> = Rc::default();
        let reading = own.map(|reader| self.reading(reader, &demand, workers)).transpose()?;
        let (read, feed, sequencer, sink) = match reading {
            Some(Reading { inbox, lanes, feed, sequencer, sink }) => {
                (Some((inbox, lanes)), Some(feed), Some(sequencer), Some(sink))
            }
            None => (None, None, None, None),
        };
        let feed = feed.map(Box::new);
        let sink: Box<dyn FnMut(Vec<graph::Out>)> = match sink {
            Some(mut sink) => Box::new(move |out| sink.epoch(out)),
            None => Box::new(|_| {}),
        };
        let parts = Parts {
            source: Source::Live(feed),
            sequencer,
            demand,
            detector: detection.detector(Arc::from([] as [Origin; 0])),
            detect,
            detect_again: again.then_some(detect_again),
            // Who keeps what is found judges it.
            decide: None,
            lookups: Arc::clone(&detection.lookups),
            sink,
        };
        worker.dataflow::<Epoch, _, _>(|scope| graph::build(scope, parts));
        let (number, insight) = (worker.index(), &self.handles.progress.insight);
        let show = |takes, buckets: &SharedBuckets, ended| {
            insight.buckets((number, takes), &buckets.borrow(), ended);
        };
        let mut every = Every::new(SHOW);
        while worker.has_dataflows() {
            worker.step_or_park(Some(PARK));
            let ended = !worker.has_dataflows();
            if every.due() || ended {
                show(Takes::Logs, &of_lines, ended);
                show(Takes::Overflows, &of_overflows, ended);
                if let Some(dropped) = insight.take_dropped(worker.peers()) {
                    self.shelf.tell_dropped(&dropped);
                }
            }
        }
        if let Some((inbox, lanes)) = read {
            let reader = Rc::into_inner(inbox).zip(Rc::into_inner(lanes));
            let reader = reader.map(|(inbox, lanes)| Reader { inbox, lanes: lanes.into_inner() });
            *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = reader;
        }
        Ok(())
    }

    /// What the worker that reads has besides the others.
    fn reading(
        &self,
        reader: Reader,
        demand: &Rc<RefCell<Demand>>,
        workers: u64,
    ) -> Result<Reading, EngineError> {
        let Reader { inbox, mut lanes } = reader;
        let no_origins = Arc::from([] as [Origin; 0]);
        let present = record::present(&self.store)?;
        let mut sequencer = Sequencer::live(present, self.detection.detector(no_origins));
        if lanes.sets_aside() {
            sequencer.tell_untaken();
        }
        for (partition, settled) in lanes.begin(&self.detection.lookups) {
            let stash = record::stash(&self.store, partition)?;
            demand.borrow_mut().wishes.push(Wish::Open(partition, settled, stash));
        }
        let inbox = Rc::new(inbox);
        let lanes = Rc::new(RefCell::new(lanes));
        let health: BTreeMap<_, _> = (0..)
            .map(SourceId)
            .zip(self.handles.watched.iter().map(|w| w.health.clone()))
            .collect();
        let parts = FeedParts {
            inbox: Rc::clone(&inbox),
            lanes: Rc::clone(&lanes),
            demand: Rc::clone(demand),
            pace: self.pace,
            progress: self.handles.progress.clone(),
            starting: self.starting.clone(),
            state: Box::new(move |source| health.get(&source).map(Health::state)),
        };
        let feed = Feed::new(parts, workers);
        let (keeper, progress) = (Arc::clone(&self.keeper), self.handles.progress.clone());
        let sink = Sink::new(Rc::clone(&lanes), Rc::clone(demand), keeper, progress);
        Ok(Reading { inbox, lanes, feed, sequencer, sink })
    }
}

struct Reading {
    inbox: Rc<Inbox>,
    lanes: Rc<RefCell<Lanes>>,
    feed: Feed,
    sequencer: Sequencer,
    sink: Sink,
}
