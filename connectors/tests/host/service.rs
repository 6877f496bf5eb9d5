//! A stand-in for the pipeline: runs a source, keeps what it delivers as the store would, and checks
//! what the contract of sources promises.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use connectors::{
    Arrival, Context, Delivery, Inbox, LaneId, Meter, Position, Resume, Source, SourceError,
    SourceId, Stop, health::Health,
};
use tokio::runtime::Runtime;

/// Long enough on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// What the store holds of a lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// Lines with their offsets.
    pub(crate) lines: Vec<(u64, String)>,
    /// Where each came from.
    pub(crate) origins: Vec<Arc<str>>,
    /// Offsets of lines that were too long.
    pub(crate) rejects: Vec<u64>,
    pub(crate) times: Vec<i64>,
    pub(crate) position: Option<Position>,
    pub(crate) next_offset: u64,
    pub(crate) caught_up: bool,
    pub(crate) closed: bool,
}

/// The store: lanes by name.
pub(crate) type Store = BTreeMap<Arc<str>, Kept>;

/// A source that runs.
pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) meter: Meter,
    pub(crate) health: Health,
    pub(crate) ready: bool,
    inbox: Inbox,
    stop: Stop,
    names: BTreeMap<LaneId, Arc<str>>,
    thread: Option<JoinHandle<Result<(), SourceError>>>,
    runtime: Option<Runtime>,
    /// How many deliveries came.
    pub(crate) deliveries: usize,
}

impl Service {
    /// Starts a source on what an earlier run kept.
    pub(crate) fn start(source: impl Source, store: Store) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (inbox, stop) = (Inbox::new(|| {}), Stop::new());
        let outlet = inbox.outlet(SourceId(0), stop.clone());
        let (health, meter) = (Health::default(), Meter::default());
        let resume = store.iter().filter_map(|(name, kept)| {
            let (position, next_offset) = (kept.position.clone()?, kept.next_offset);
            Some((Arc::clone(name), Resume { position, next_offset }))
        });
        let context = Context {
            name: "test".into(),
            outlet,
            resume: resume.collect(),
            stop: stop.clone(),
            health: health.clone(),
            meter: meter.clone(),
            runtime: runtime.handle().clone(),
        };
        let source = Box::new(source);
        let thread = std::thread::spawn(move || source.run(context));
        Self {
            store,
            meter,
            health,
            ready: false,
            inbox,
            stop,
            names: BTreeMap::new(),
            thread: Some(thread),
            runtime: Some(runtime),
            deliveries: 0,
        }
    }

    /// Takes in at most one arrival; whether there was one.
    pub(crate) fn take(&mut self) -> bool {
        self.take_lines(usize::MAX)
    }

    /// The same, but of a delivery only the first `lines` are kept: where a commit ended within it.
    pub(crate) fn take_lines(&mut self, lines: usize) -> bool {
        let Some(arrival) = self.inbox.try_next() else { return false };
        match arrival {
            Arrival::Opened { lane, name } => {
                let kept = self.store.entry(Arc::clone(&name)).or_default();
                (kept.caught_up, kept.closed) = (false, false);
                self.names.insert(lane, name);
            }
            Arrival::Delivered { lane, delivery, .. } => {
                self.deliveries += 1;
                let kept = self.kept(lane);
                keep(kept, delivery, lines);
            }
            Arrival::CaughtUp(lane, caught_up) => self.kept(lane).caught_up = caught_up,
            Arrival::Closed(lane) => self.kept(lane).closed = true,
            Arrival::Ready(_) => self.ready = true,
        }
        true
    }

    fn kept(&mut self, lane: LaneId) -> &mut Kept {
        let name = self.names.get(&lane).expect("a lane is opened before it is used");
        self.store.get_mut(name).unwrap()
    }

    /// Takes arrivals in until `done`.
    #[track_caller]
    pub(crate) fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !done(self) {
            if !self.take() {
                assert!(Instant::now() < deadline, "not in time: {:?}", self.summary());
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Takes arrivals in for a while.
    pub(crate) fn during(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            if !self.take() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Lines of a lane.
    pub(crate) fn lines(&self, name: &str) -> Vec<&str> {
        let kept = self.store.get(name);
        kept.map(|kept| kept.lines.iter().map(|line| line.1.as_str()).collect()).unwrap_or_default()
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.store.get(name).map_or(0, |kept| kept.lines.len())
    }

    /// What there is, for messages.
    pub(crate) fn summary(&self) -> Vec<String> {
        let of = |(name, kept): (&Arc<str>, &Kept)| {
            let (lines, last) = (kept.lines.len(), kept.lines.last());
            format!("{name}: {lines} lines, last {last:?}, caught up {}", kept.caught_up)
        };
        let mut all: Vec<String> = self.store.iter().take(20).map(of).collect();
        all.push(format!("{}", self.health.state()));
        all
    }

    /// Stops the source, and what was not taken in yet is lost, as in a crash.
    pub(crate) fn crash(mut self) -> Store {
        self.end();
        std::mem::take(&mut self.store)
    }

    /// Waits for a source that ends by itself.
    pub(crate) fn finish(&mut self) -> Result<(), SourceError> {
        let deadline = Instant::now() + DEADLINE;
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            assert!(Instant::now() < deadline, "does not end: {:?}", self.summary());
            if !self.take() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        while self.take() {}
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap())
    }

    fn end(&mut self) {
        self.stop.now();
        if let Some(thread) = self.thread.take() {
            let began = Instant::now();
            let ended = thread.join();
            if !std::thread::panicking() {
                let _ = ended.unwrap();
                assert!(began.elapsed() < Duration::from_secs(10), "a stopped source ends soon");
            }
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the pipeline does with a delivery: lines that were kept are left out.
fn keep(kept: &mut Kept, delivery: Delivery, most: usize) {
    let Delivery { chunk, origins, origin_of, times, from, to, receipt } = delivery;
    assert!(origin_of.is_empty() || origin_of.len() == chunk.lines.len());
    assert!(times.is_empty() || times.len() == chunk.lines.len());
    let mut last = None;
    for (number, record) in chunk.records().enumerate() {
        let offset = record.span.offset;
        assert!(last < Some(offset), "offsets rise: {last:?}, then {offset}");
        last = Some(offset);
        if number >= most {
            kept.position = Some(from);
            return;
        }
        if offset < kept.next_offset {
            continue;
        }
        let origin = origin_of.get(number).copied().map_or(0, usize::from);
        kept.lines.push((offset, record.line().to_owned()));
        kept.origins.push(Arc::clone(&origins[origin].source));
        kept.times.extend(times.get(number));
        kept.next_offset = offset + 1;
    }
    for reject in &chunk.rejects {
        kept.rejects.push(reject.offset);
    }
    kept.position = Some(to);
    if let Some(receipt) = receipt {
        receipt.kept();
    }
}
