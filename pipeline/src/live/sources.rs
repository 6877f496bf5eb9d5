//! Starts sources, each on a thread of its own, and knows how they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use connectors::health::State;
use connectors::{Context, Health, Inbox, Meter, Resume, Source, SourceId, Stop};
use tokio::runtime::Handle;

use super::lanes::SourceSettings;

/// A source as configured.
pub struct Configured {
    /// What the pipeline must know of it.
    pub settings: SourceSettings,
    /// What reads.
    pub source: Box<dyn Source>,
}

impl std::fmt::Debug for Configured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Configured").field("name", &self.settings.name).finish_non_exhaustive()
    }
}

/// A source that runs, as anybody may look at it.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its name.
    pub name: Arc<str>,
    /// Its module.
    pub module: &'static str,
    /// The label `type` of its lines; "" where each line has its own.
    pub kind: Arc<str>,
    /// How it is.
    pub health: Health,
    /// What it counted.
    pub meter: Meter,
}

/// All sources of a run.
#[derive(Debug)]
pub struct Running {
    watched: Vec<Watched>,
    threads: Vec<(Arc<str>, JoinHandle<()>)>,
    stop: Stop,
}

impl Running {
    /// Starts `all`; their places are their numbers. `resume` tells where the lanes of each go on.
    pub fn start(
        all: Vec<Configured>,
        inbox: &Inbox,
        resume: impl Fn(SourceId) -> BTreeMap<Arc<str>, Resume>,
        runtime: &Handle,
    ) -> std::io::Result<Self> {
        let stop = Stop::new();
        let (mut watched, mut threads) = (Vec::new(), Vec::new());
        for (number, Configured { settings, source }) in (0..).zip(all) {
            let id = SourceId(number);
            let name = settings.name;
            let (health, meter) = (Health::of_source(Arc::clone(&name)), Meter::default());
            let context = Context {
                name: Arc::clone(&name),
                outlet: inbox.outlet(id, stop.clone()),
                resume: resume(id),
                stop: stop.clone(),
                health: health.clone(),
                meter: meter.clone(),
                runtime: runtime.clone(),
            };
            let module = source.module();
            let kind = settings.labels.get("type").cloned().unwrap_or_default();
            watched.push(Watched { name: Arc::clone(&name), module, kind, health, meter });
            let thread = std::thread::Builder::new().name(format!("source {name}"));
            let thread = thread.spawn(move || run(source, context))?;
            threads.push((name, thread));
        }
        Ok(Self { watched, threads, stop })
    }

    /// The sources, in order.
    pub fn watched(&self) -> &[Watched] {
        &self.watched
    }

    /// Tells all of them to stop.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Waits for them to end; the names of those that did not in time.
    pub fn join(self, at_most: Duration) -> Vec<Arc<str>> {
        self.stop.now();
        let until = Instant::now() + at_most;
        let mut late = Vec::new();
        for (name, thread) in self.threads {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
            if !thread.is_finished() {
                late.push(name);
            }
        }
        late
    }
}

/// Whether a source reads, or has read all there is.
pub fn is_fine(state: &State) -> bool {
    matches!(state, State::Reading | State::Ended)
}

fn run(source: Box<dyn Source>, context: Context) {
    let health = context.health.clone();
    // A source that gives up must not keep the order waiting for its first lanes.
    let outlet = context.outlet.clone();
    match source.run(context) {
        Ok(()) if health.state() == State::Ended => {}
        Ok(()) => health.ended(),
        Err(error) => health.failed(&crate::report::chain(&error)),
    }
    outlet.ready();
}
