//! A source that runs as it does in the pipeline, with a store that only remembers: what it sent, what
//! of it is kept, where it would go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use connectors::{
    Arrival, Context, Health, Inbox, LaneId, Meter, Permit, Resume, Source, SourceError, SourceId,
    Stop,
};
use tokio::runtime::Runtime;

/// A line as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its text.
    pub text: String,
    /// Its offset in the lane.
    pub offset: u64,
    /// When it was written. Unit: nanoseconds since 1970.
    pub time: i64,
    /// Where it came from.
    pub source: String,
    /// Its labels as `name=value`.
    pub labels: Vec<String>,
}

/// What earlier runs kept, by lane.
pub type Kept = BTreeMap<Arc<str>, Resume>;

/// A running source.
#[derive(Debug)]
pub struct SourceRun {
    /// Lines that are kept, by lane; repeats are left out, as the pipeline does.
    pub lines: BTreeMap<Arc<str>, Vec<Line>>,
    /// Lines that came although they were kept.
    pub repeats: u64,
    /// Lanes that were read to their end.
    pub at_end: BTreeSet<Arc<str>>,
    /// Lanes that were closed.
    pub closed: BTreeSet<Arc<str>>,
    /// Whether the source said that its first lanes are open.
    pub is_ready: bool,
    /// How it is.
    pub health: Health,
    /// What it counted.
    pub meter: Meter,
    /// Lanes whose lines stay in memory, so that they get no room again.
    pub slow: BTreeSet<Arc<str>>,
    kept: Kept,
    names: BTreeMap<LaneId, Arc<str>>,
    held: Vec<Permit>,
    inbox: Inbox,
    stop: Stop,
    thread: Option<JoinHandle<Result<(), SourceError>>>,
    /// Ends after the thread.
    _runtime: Runtime,
}

impl SourceRun {
    /// Starts a source where an earlier run ended.
    pub fn start(source: impl Source, kept: &Kept) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(1).enable_all().build().unwrap();
        let (inbox, stop) = (Inbox::new(|| {}), Stop::new());
        let context = Context {
            name: "test".into(),
            outlet: inbox.outlet(SourceId(0), stop.clone()),
            resume: kept.clone(),
            stop: stop.clone(),
            health: Health::default(),
            meter: Meter::default(),
            runtime: runtime.handle().clone(),
        };
        let (health, meter) = (context.health.clone(), context.meter.clone());
        let thread = std::thread::spawn(move || Box::new(source).run(context));
        Self {
            lines: BTreeMap::new(),
            repeats: 0,
            at_end: BTreeSet::new(),
            closed: BTreeSet::new(),
            is_ready: false,
            health,
            meter,
            slow: BTreeSet::new(),
            kept: kept.clone(),
            names: BTreeMap::new(),
            held: Vec::new(),
            inbox,
            stop,
            thread: Some(thread),
            _runtime: runtime,
        }
    }

    /// Takes what arrives until `done`; fails the test after `deadline`.
    #[track_caller]
    pub fn until(&mut self, what: &str, deadline: Duration, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + deadline;
        while !done(self) {
            if let Some(arrival) = self.inbox.try_next() {
                self.take(arrival);
                continue;
            }
            let ended = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
            assert!(!ended, "the source ended: {what}");
            let state = self.health.state();
            assert!(
                Instant::now() < end,
                "not within {deadline:?}: {what} ({state}; {})",
                self.counts()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Takes what arrives for so long.
    pub fn for_a_while(&mut self, duration: Duration) {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            match self.inbox.try_next() {
                Some(arrival) => self.take(arrival),
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn counts(&self) -> String {
        let counts: Vec<String> = self
            .lines
            .iter()
            .map(|(lane, lines)| format!("{lane}: {} lines", lines.len()))
            .collect();
        counts.join(", ")
    }

    /// How many lines are kept, of all lanes.
    pub fn count(&self) -> usize {
        self.lines.values().map(Vec::len).sum()
    }

    /// The texts of a lane.
    pub fn texts(&self, lane: &str) -> Vec<&str> {
        let lines = self.lines.get(lane).into_iter().flatten();
        lines.map(|line| line.text.as_str()).collect()
    }

    fn take(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Opened { lane, name } => {
                self.closed.remove(&name);
                self.names.insert(lane, name);
            }
            Arrival::Ready(_) => self.is_ready = true,
            Arrival::CaughtUp(lane, true) => {
                self.at_end.insert(Arc::clone(&self.names[&lane]));
            }
            Arrival::CaughtUp(lane, false) => {
                self.at_end.remove(&self.names[&lane]);
            }
            Arrival::Closed(lane) => {
                self.closed.insert(Arc::clone(&self.names[&lane]));
            }
            Arrival::Delivered { lane, delivery, permit, .. } => {
                let name = Arc::clone(&self.names[&lane]);
                let next = self.kept.get(&name).map_or(0, |kept| kept.next_offset);
                let mut next_offset = next;
                let lines = self.lines.entry(Arc::clone(&name)).or_default();
                for (place, record) in delivery.chunk.records().enumerate() {
                    let offset = record.span.offset;
                    if offset < next_offset {
                        self.repeats += 1;
                        continue;
                    }
                    next_offset = offset + 1;
                    let origin = delivery.origin_of.get(place).copied().unwrap_or(0);
                    let origin = &delivery.origins[usize::from(origin)];
                    let labels = origin.labels.iter();
                    lines.push(Line {
                        text: record.line().to_owned(),
                        offset,
                        time: delivery.times.get(place).copied().unwrap_or(0),
                        source: origin.source.to_string(),
                        labels: labels.map(|(name, value)| format!("{name}={value}")).collect(),
                    });
                }
                self.kept.insert(Arc::clone(&name), Resume { position: delivery.to, next_offset });
                if self.slow.contains(&name) {
                    self.held.push(permit);
                }
                if let Some(receipt) = delivery.receipt {
                    receipt.kept();
                }
            }
        }
    }

    /// Lets the slow lanes have room again.
    pub fn speed_up(&mut self) {
        self.slow.clear();
        self.held.clear();
    }

    /// Stops the source, which has two seconds for it; what has not arrived is lost, as in a crash.
    #[track_caller]
    pub fn stop(&mut self) -> Kept {
        let begun = Instant::now();
        self.stop.now();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(2), "stopping took {took:?}");
        self.kept.clone()
    }
}

impl Drop for SourceRun {
    fn drop(&mut self) {
        self.stop.now();
        if let Some(thread) = self.thread.take() {
            // Whatever it ends with, the test has its verdict.
            drop(thread.join());
        }
    }
}
