//! A pipeline that keeps what a source sends, and forgets on demand what it has not kept: a crash.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use connectors::metric::Counter;
use connectors::{
    Arrival, Context, Delivery, Health, Inbox, LaneId, Meter, Resume, Source, SourceError,
    SourceId, Stop,
};
use tokio::runtime::Runtime;

/// A test waits at most so long for what should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A line that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) lane: String,
    pub(crate) offset: u64,
    pub(crate) text: String,
    pub(crate) time: Option<i64>,
    pub(crate) source: String,
    pub(crate) labels: BTreeMap<String, String>,
}

/// What survives a crash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) lines: Vec<Line>,
    pub(crate) resume: BTreeMap<Arc<str>, Resume>,
}

impl Kept {
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line.text.as_str()).collect()
    }
}

/// A running source.
pub(crate) struct Pipe {
    pub(crate) meter: Meter,
    pub(crate) health: Health,
    pub(crate) kept: Kept,
    pub(crate) caught_up: bool,
    pub(crate) ready: bool,
    pub(crate) closed: usize,
    inbox: Inbox,
    woken: Receiver<()>,
    lanes: BTreeMap<LaneId, Arc<str>>,
    stop: Stop,
    thread: Option<JoinHandle<Result<(), SourceError>>>,
    _runtime: Runtime,
}

impl Pipe {
    /// Starts a source where `kept` ends.
    pub(crate) fn start(source: impl Source, kept: Kept) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (wake, woken) = channel();
        let inbox = Inbox::new(move || {
            let _ = wake.send(());
        });
        let (stop, meter, health) = (Stop::new(), Meter::default(), Health::default());
        let context = Context {
            name: "test".into(),
            outlet: inbox.outlet(SourceId(0), stop.clone()),
            resume: kept.resume.clone(),
            stop: stop.clone(),
            health: health.clone(),
            meter: meter.clone(),
            runtime: runtime.handle().clone(),
        };
        let thread = Some(std::thread::spawn(move || Box::new(source).run(context)));
        let (lanes, caught_up, ready, closed) = (BTreeMap::new(), false, false, 0);
        let _runtime = runtime;
        Self {
            meter,
            health,
            kept,
            caught_up,
            ready,
            closed,
            inbox,
            woken,
            lanes,
            stop,
            thread,
            _runtime,
        }
    }

    /// The next arrival, unless none comes within `wait`.
    fn arrival(&mut self, wait: Duration) -> Option<Arrival> {
        let deadline = Instant::now() + wait;
        loop {
            if let Some(arrival) = self.inbox.try_next() {
                return Some(arrival);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            let _ = self.woken.recv_timeout(left.min(Duration::from_millis(100)));
        }
    }

    /// Takes one arrival and keeps all of it; whether there was one.
    pub(crate) fn step(&mut self, wait: Duration) -> bool {
        self.step_keeping(wait, usize::MAX)
    }

    /// Takes one arrival and keeps at most so many lines of it.
    pub(crate) fn step_keeping(&mut self, wait: Duration, at_most: usize) -> bool {
        match self.arrival(wait) {
            None => return false,
            Some(Arrival::Opened { lane, name }) => drop(self.lanes.insert(lane, name)),
            Some(Arrival::Ready(_)) => self.ready = true,
            Some(Arrival::CaughtUp(_, caught_up)) => self.caught_up = caught_up,
            Some(Arrival::Closed(_)) => self.closed += 1,
            Some(Arrival::Delivered { lane, delivery, .. }) => self.keep(lane, delivery, at_most),
        }
        true
    }

    fn keep(&mut self, lane: LaneId, delivery: Delivery, at_most: usize) {
        let name = Arc::clone(&self.lanes[&lane]);
        let known = self.kept.resume.get(&name).map_or(0, |resume| resume.next_offset);
        let all = delivery.chunk.lines.len();
        let mut next = known;
        for (place, record) in delivery.chunk.records().enumerate().take(at_most) {
            next = next.max(record.span.offset + 1);
            if record.span.offset < known {
                continue;
            }
            let origin = delivery.origin_of.get(place).copied().unwrap_or(0);
            let origin = &delivery.origins[usize::from(origin)];
            let text = |text: &Arc<str>| text.to_string();
            self.kept.lines.push(Line {
                lane: name.to_string(),
                offset: record.span.offset,
                text: record.line().to_owned(),
                time: delivery.times.get(place).copied(),
                source: origin.source.to_string(),
                labels: origin.labels.iter().map(|(k, v)| (text(k), text(v))).collect(),
            });
        }
        let whole = at_most >= all;
        let position = if whole { delivery.to } else { delivery.from };
        self.kept.resume.insert(name, Resume { position, next_offset: next });
        if whole && let Some(receipt) = delivery.receipt {
            receipt.kept();
        }
    }

    /// Keeps everything until `done`.
    #[track_caller]
    pub(crate) fn until(&mut self, wait: Duration, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + wait;
        while !done(self) {
            let left = deadline.checked_duration_since(Instant::now());
            assert!(left.is_some(), "{} lines, {:?}", self.kept.lines.len(), self.health.state());
            self.step(Duration::from_millis(200).min(left.unwrap()));
        }
    }

    #[track_caller]
    pub(crate) fn until_lines(&mut self, count: usize) {
        self.until(SOON, |pipe| pipe.kept.lines.len() >= count);
    }

    /// Keeps what comes for a while: nothing more should.
    pub(crate) fn linger(&mut self, wait: Duration) {
        let deadline = Instant::now() + wait;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            self.step(left);
        }
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.meter.count(counter)
    }

    /// Stops it; what has not been kept is gone.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Kept {
        self.stop.now();
        let began = Instant::now();
        let ended = self.thread.take().unwrap().join().unwrap();
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
        assert!(ended.is_ok(), "{ended:?}");
        self.kept
    }

    /// How it ended by itself.
    pub(crate) fn ended(mut self) -> (Kept, Result<(), SourceError>) {
        let thread = self.thread.take().unwrap();
        let deadline = Instant::now() + SOON * 6;
        while !thread.is_finished() && Instant::now() < deadline {
            self.step(Duration::from_millis(20));
        }
        assert!(thread.is_finished(), "it goes on: {:?}", self.health.state());
        let ended = thread.join().unwrap();
        while self.step(Duration::ZERO) {}
        (self.kept, ended)
    }
}

/// Lines must be there once each, offsets must rise.
#[track_caller]
pub(crate) fn each_once(kept: &Kept, expected: impl IntoIterator<Item = String>) {
    let mut expected: Vec<String> = expected.into_iter().collect();
    let mut got: Vec<String> = kept.lines.iter().map(|line| line.text.clone()).collect();
    assert!(
        kept.lines
            .windows(2)
            .all(|two| two[0].lane != two[1].lane || two[0].offset < two[1].offset)
    );
    expected.sort_unstable();
    got.sort_unstable();
    let doubled: Vec<_> = got.windows(2).filter(|two| two[0] == two[1]).take(5).collect();
    let lost: Vec<_> =
        expected.iter().filter(|line| got.binary_search(line).is_err()).take(5).collect();
    assert!(
        got == expected,
        "{} of {}, doubled {doubled:?}, lost {lost:?}",
        got.len(),
        expected.len()
    );
}

/// A small pseudo-random sequence.
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
