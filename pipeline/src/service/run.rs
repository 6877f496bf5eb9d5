//! A run of the service: everything started in order, and ended in the opposite one.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::listen::{self, Bounds};
use sd_notify::NotifyState;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::detecting::Detecting;
use super::door::{self, DoorError};
use super::printer;
use super::rules::{self, Broken};
use crate::cli::rules::Loaded;
use crate::config::acquisition::Acquired;
use crate::config::settings::Settings;
use crate::judge::outbox::Wanted;
use crate::live::engine::{Engine, EngineError, Setup};
use crate::live::lanes::SourceSettings;
use crate::live::names::Names;
use crate::live::sources::Configured;
use crate::report::Report;
use crate::serve::{Options, ServeError, Serving};
use crate::state::{Store, StoreError};

/// How long the end of detection may take. What is not kept by then is read again.
const DRAIN: Duration = Duration::from_secs(15);
/// How long what a request still holds may take at the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a process does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    #[default]
    All,
    /// Read and detect.
    Detect,
    /// Answer bouncers and agents.
    Serve,
}

impl Role {
    fn detects(self) -> bool {
        self != Self::Serve
    }

    fn serves(self) -> bool {
        self != Self::Detect
    }
}

/// Why the service does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The data directory cannot be made.
    #[error("cannot make {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It cannot listen.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The store is no good.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rules are broken.
    #[error(transparent)]
    Rules(#[from] Broken),
    /// The API cannot start.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Detection cannot start, or ended.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A source cannot be made.
    #[error("source {name}: {reason}")]
    Source {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Threads or signals are refused.
    #[error("cannot start")]
    Host(#[from] std::io::Error),
    /// What was under way at the end takes too long.
    #[error("detection did not end within {DRAIN:?}; what was not kept is read again")]
    Late,
}

/// Runs the service until it is told to stop, or fails.
///
/// # Errors
/// [`ServiceError`].
pub fn run(settings: &Settings, sources: Vec<Acquired>, role: Role) -> Result<(), ServiceError> {
    let data = &settings.data;
    let sources = configured(sources)?;
    std::fs::create_dir_all(data)
        .map_err(|source| ServiceError::Directory { path: data.clone(), source })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let doors = runtime.block_on(Doors::open(settings, role))?;
    let store = Arc::new(Store::open(data, settings.budget())?);
    let names = Arc::new(Names::default());
    let loaded = rules::load(&settings.rules, &names, Report::for_stderr())?;
    let mut halves = Halves::start(settings, sources, role, (&store, &names, &loaded), &runtime)?;
    drop(loaded);
    let (stop, stopping) = watch::channel(false);
    doors.serve(&halves, &runtime, &stopping);
    let told = runtime.block_on(attend(halves.ended()));
    let ended = halves.detection_ends();
    stop.send_replace(true);
    halves.serving_ends(runtime);
    told?;
    ended
}

/// Sockets that are listened on.
struct Doors {
    api: Option<TcpListener>,
    socket: UnixListener,
}

impl Doors {
    async fn open(settings: &Settings, role: Role) -> Result<Self, DoorError> {
        let socket = door::unix(&settings.socket())?;
        let api = match role.serves() {
            true => Some(door::tcp(&settings.api.listen, "the API", "api.listen").await?),
            false => None,
        };
        Ok(Self { api, socket })
    }

    fn serve(self, halves: &Halves, runtime: &Runtime, stopping: &watch::Receiver<bool>) {
        let router = api::routes::router(Arc::clone(&halves.serving.service));
        let bounds = Bounds::default();
        if let Some(listener) = self.api {
            if let Ok(address) = listener.local_addr() {
                tracing::info!(%address, "the API listens");
            }
            runtime.spawn(listen::tcp(listener, router.clone(), bounds, stopping.clone()));
        }
        runtime.spawn(listen::unix(self.socket, router, bounds, stopping.clone()));
    }
}

/// What runs: one or both.
struct Halves {
    detecting: Option<Detecting>,
    printer: Option<JoinHandle<()>>,
    serving: Serving,
}

impl Halves {
    fn start(
        settings: &Settings,
        sources: Vec<Configured>,
        role: Role,
        (store, names, loaded): (&Arc<Store>, &Arc<Names>, &Loaded),
        runtime: &Runtime,
    ) -> Result<Self, ServiceError> {
        let serving = serve(settings, store, names, loaded)?;
        if !role.detects() {
            return Ok(Self { detecting: None, printer: None, serving });
        }
        let engine = Engine::start(Setup {
            store: Arc::clone(store),
            sources,
            pace: settings.pace,
            workers: settings.workers,
            memory: settings.bucket_memory(),
            keeper: Arc::new(serving.judge().clone()),
            runtime: runtime.handle().clone(),
            names: Arc::clone(names),
        })?;
        let printer = printer::start(&engine.handles().progress.insight)?;
        let detecting = Detecting::start(engine, loaded.detection())?;
        Ok(Self { detecting: Some(detecting), printer: Some(printer), serving })
    }

    /// Becomes true when detection has ended by itself.
    fn ended(&self) -> Option<watch::Receiver<bool>> {
        self.detecting.as_ref().map(Detecting::ended)
    }

    fn detection_ends(&mut self) -> Result<(), ServiceError> {
        let Some(detecting) = self.detecting.take() else { return Ok(()) };
        let insight = detecting.remote().handles().progress.insight.clone();
        let late = detecting.end(DRAIN)?.ok_or(ServiceError::Late)?;
        for source in late {
            tracing::warn!(%source, "source did not end in time");
        }
        match insight.hush() {
            0 => {}
            missed => tracing::warn!(missed, "alerts were not printed: nobody read them"),
        }
        if let Some(printer) = self.printer.take() {
            // It ends with what it was told; a panic of it was said.
            let _ = printer.join();
        }
        Ok(())
    }

    fn serving_ends(self, runtime: Runtime) {
        self.serving.stop();
        // Whatever a request still holds ends with the runtime.
        runtime.shutdown_timeout(FAREWELL);
        self.serving.finish();
    }
}

/// The sources as they run.
fn configured(sources: Vec<Acquired>) -> Result<Vec<Configured>, ServiceError> {
    let one = |source: Acquired| {
        let settings = SourceSettings {
            name: source.name.clone().into(),
            labels: Arc::new(source.labels),
            clock: source.clock,
        };
        match source.connector.source() {
            Ok(reads) => Ok(Configured { settings, source: reads }),
            Err(reason) => Err(ServiceError::Source { name: source.name, reason }),
        }
    };
    sources.into_iter().map(one).collect()
}

fn serve(
    settings: &Settings,
    store: &Arc<Store>,
    names: &Arc<Names>,
    loaded: &Loaded,
) -> Result<Serving, ServeError> {
    let secret = std::env::var_os("CS_LAPI_SECRET").filter(|secret| !secret.is_empty());
    Serving::start(Options {
        store: Arc::clone(store),
        detection: loaded.detection(),
        names: Arc::clone(names),
        machine: Arc::clone(&settings.machine),
        wanted: Wanted::Nothing,
        policy: settings.api.policy.clone(),
        retention: settings.api.retention,
        secret: secret.map(std::os::unix::ffi::OsStringExt::into_vec),
        now: unix_nanos,
    })
}

/// The present. Unit: nanoseconds since the Unix epoch.
pub(crate) fn unix_nanos() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Waits until somebody wants the service to end, or it has.
async fn attend(mut ended: Option<watch::Receiver<bool>>) -> Result<(), ServiceError> {
    let mut signals = Signals::new()?;
    notify(&[NotifyState::Ready]);
    tracing::info!("the service runs");
    let ends = async {
        match &mut ended {
            // Its sender lives as long as its thread.
            Some(ended) => drop(ended.wait_for(|ended| *ended).await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signals.ask_to_end() => tracing::info!("stopping"),
        () = ends => tracing::error!("detection ended"),
    }
    notify(&[NotifyState::Stopping]);
    Ok(())
}

/// Signals.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn ask_to_end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Tells systemd, where it is the one who started this.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
