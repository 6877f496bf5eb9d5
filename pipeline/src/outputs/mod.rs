//! Outputs at work: each has a thread that takes what the outbox names, encodes it and hands it over,
//! at its own pace. What one has not told yet waits in the store, for as long as it takes; the engine
//! and the others go on.
//!
//! ```text
//! judge ─ outbox (numbers, in the store) ─▶ encoder ─▶ shape ─▶ connectors::output ─▶ cursor (in the store)
//! ```

mod cursors;
mod driver;
mod ocsf;
mod shape;

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use connectors::health::Health;
use connectors::metric::OutputMeter;
use connectors::output::{Output, OutputContext};
use connectors::stop::Stop;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::emit::{Encoder, Tray};
use crate::judge::ToJudge;
use crate::judge::outbox::{Subscription, Wanted};
use crate::live::names::Names;
use crate::live::record;
use crate::state::{Store, StoreError};
use cursors::Cursors;
use driver::Driver;

pub use shape::{Format, Shape};

/// How long outputs may take to end.
const END: Duration = Duration::from_secs(5);

/// An output as configured.
pub struct Configured {
    /// Unique name: its place in the outbox is kept under it.
    pub name: Arc<str>,
    /// What it is told, and how.
    pub shape: Shape,
    /// Makes it.
    pub make: Box<dyn FnOnce(OutputContext) -> Box<dyn Output> + Send>,
}

impl std::fmt::Debug for Configured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Configured").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What all of these together want to be told.
pub fn wanted(all: &[Configured]) -> Wanted {
    match all.iter().any(|one| one.shape.tombstones) {
        _ if all.is_empty() => Wanted::Nothing,
        true => Wanted::Ends,
        false => Wanted::Results,
    }
}

/// What outputs work with.
#[derive(Debug)]
pub struct Setup {
    /// Where the outbox is.
    pub store: Arc<Store>,
    /// What of it.
    pub tray: Tray,
    /// Who sets aside what an output refuses; nobody where it is gone.
    pub refused: Weak<ToJudge>,
    /// What source partitions are called.
    pub names: Arc<Names>,
    /// What there is to tell.
    pub outbox: Subscription,
    /// Where tasks of outputs run.
    pub runtime: Handle,
}

/// An output that runs, as anybody may look at it.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its name.
    pub name: Arc<str>,
    /// What kind it is.
    pub module: &'static str,
    /// How it is.
    pub health: Health,
    /// What it counted.
    pub meter: OutputMeter,
}

/// All outputs of a process.
#[derive(Debug)]
pub struct Outputs {
    watched: Vec<Watched>,
    threads: Vec<(Arc<str>, JoinHandle<()>)>,
    backlog: Backlog,
    stop: Stop,
}

/// What waits for outputs, as anybody may look at it.
#[derive(Clone, Debug)]
pub struct Backlog {
    cursors: Arc<Cursors>,
    told: watch::Receiver<u64>,
}

impl Backlog {
    /// How many messages wait for the output that is the furthest behind.
    pub fn waiting(&self) -> u64 {
        self.cursors.first().map_or(0, |first| self.told.borrow().saturating_sub(first))
    }
}

/// Why outputs cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OutputsError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread cannot be started.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
}

impl Outputs {
    /// Starts all of them.
    ///
    /// # Errors
    /// The store cannot be read or written, or a thread cannot be started.
    pub fn start(setup: Setup, all: Vec<Configured>) -> Result<Self, OutputsError> {
        let Setup { store, tray, refused, names, outbox: subscription, runtime } = setup;
        let Subscription { told, recent } = subscription.clone();
        let outbox = tray.series(&record::outbox_name(&store)?);
        let begun = all.iter().map(|one| Arc::clone(&one.name));
        let cursors = Arc::new(Cursors::new(Arc::clone(&store), (tray, recent), begun)?);
        let stop = Stop::new();
        let backlog = Backlog { cursors: Arc::clone(&cursors), told };
        let mut outputs = Self { watched: Vec::new(), threads: Vec::new(), backlog, stop };
        for Configured { name, shape, make } in all {
            let (health, meter) = (Health::of_output(Arc::clone(&name)), OutputMeter::default());
            let output = make(OutputContext {
                name: Arc::clone(&name),
                outbox: Arc::clone(&outbox),
                stop: outputs.stop.clone(),
                health: health.clone(),
                meter: meter.clone(),
                runtime: runtime.clone(),
            });
            let module = output.module();
            outputs.watched.push(Watched {
                name: Arc::clone(&name),
                module,
                health: health.clone(),
                meter,
            });
            let driver = Driver {
                name: Arc::clone(&name),
                output,
                refused: refused.clone(),
                tray,
                shape,
                encoder: Encoder::new(Arc::clone(&store), Arc::clone(&names)),
                store: Arc::clone(&store),
                cursors: Arc::clone(&cursors),
                outbox: subscription.clone(),
                stop: outputs.stop.clone(),
                runtime: runtime.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("output {name}"));
            let thread = thread.spawn(move || driver.run(&health)).map_err(OutputsError::Thread)?;
            outputs.threads.push((name, thread));
        }
        Ok(outputs)
    }

    /// The outputs, in order.
    pub fn watched(&self) -> &[Watched] {
        &self.watched
    }

    /// What waits for them.
    pub fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// How many messages wait for the output that is the furthest behind.
    pub fn waiting(&self) -> u64 {
        self.backlog.waiting()
    }

    /// Waits until every output that works has told everything, at most so long; whether it has.
    pub fn drain(&self, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        while self.waiting() > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.waiting() == 0
    }

    /// Ends all of them; the names of those that did not end in time.
    pub fn end(mut self) -> Vec<Arc<str>> {
        self.stop()
    }

    fn stop(&mut self) -> Vec<Arc<str>> {
        self.stop.now();
        let until = Instant::now() + END;
        let mut late = Vec::new();
        for (name, thread) in self.threads.drain(..) {
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

/// Where a start fails, they end before the runtime that they wait on.
impl Drop for Outputs {
    fn drop(&mut self) {
        self.stop();
    }
}
