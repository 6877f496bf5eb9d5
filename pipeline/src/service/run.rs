//! A run of the service: everything started in order, and ended in the opposite one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use api::listen::tls::{Tls, TlsError};
use api::listen::{self, Bounds};
use connectors::crash;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::detecting::Detecting;
use super::door::{self, DoorError};
use super::observer::Observer;
use super::reload::{Reloader, WhichRules};
use super::rules::{self, Broken};
use super::{control, health, printer, signals, watching};
use crate::cli::rules::Loaded;
use crate::config::acquisition::Acquired;
use crate::config::outputs::OutputSettings;
use crate::config::settings::Settings;
use crate::emit::Tray;
use crate::judge::ToJudge;
use crate::judge::outbox::Wanted;
use crate::live::engine::{Engine, EngineError, Setup};
use crate::live::lanes::SourceSettings;
use crate::live::names::Names;
use crate::live::sources::Configured;
use crate::outputs::{self, Outputs, OutputsError};
use crate::report::Report;
use crate::serve::{Options, ServeError, Serving};
use crate::state::{Store, StoreError, directory};
use crate::telemetry::lapi::Counted;
use crate::telemetry::metrics::Metrics;

/// How long the end of detection may take. What is not kept by then is read again.
const DRAIN: Duration = Duration::from_secs(15);
/// Metrics are for few.
const FEW: Bounds = Bounds {
    connections: 100,
    of_client: 100,
    head: Duration::from_secs(10),
    stall: Duration::from_secs(10),
    farewell: Duration::from_secs(1),
};
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

    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Detect => "detect",
            Self::Serve => "serve",
        }
    }
}

/// What the service is started with.
pub struct Start {
    /// How.
    pub settings: Settings,
    /// What it reads.
    pub sources: Vec<Acquired>,
    /// What it does.
    pub role: Role,
    /// Says which rules are to run, whenever others are to be taken up.
    pub which: Arc<WhichRules>,
    /// The files that the configuration came from.
    pub files: Vec<PathBuf>,
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start").field("role", &self.role).finish_non_exhaustive()
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
    /// The certificates of the API are no good.
    #[error("the API cannot be asked by https")]
    Tls(#[from] TlsError),
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
    /// Outputs cannot start.
    #[error(transparent)]
    Outputs(#[from] OutputsError),
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
pub fn run(start: Start) -> Result<(), ServiceError> {
    let Start { settings, sources, role, which, files } = start;
    let settings = &settings;
    let data = &settings.data;
    let sources = configured(sources, settings)?;
    if role.detects() {
        say_what_is_read(&sources);
    }
    directory::prepare(data)
        .map_err(|source| ServiceError::Directory { path: data.clone(), source })?
        .iter()
        .for_each(|warning| tracing::warn!("{warning}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let tls = settings.api.tls.clone().map(Tls::new).transpose()?;
    let doors = runtime.block_on(Doors::open(settings, role, tls))?;
    let store = Arc::new(Store::open(data, settings.budget())?);
    crash::point("start-store-open");
    let names = Arc::new(Names::of(&store)?);
    // Before they are read: what changes meanwhile must not be missed.
    let known = settings.watch.then(|| watching::look(&settings.rules, &files));
    let loaded = rules::load(&settings.rules, &names, Report::for_stderr())?;
    let mut halves = Halves::start(settings, sources, role, (&store, &names, &loaded), &runtime)?;
    let judge = halves.serving.judge().clone();
    let remote = halves.detecting.as_ref().map(Detecting::remote);
    let reloader = Reloader::new(which, Arc::clone(&names), (remote, judge), &loaded);
    let observer = Arc::new(halves.observer(settings, role, (&store, names), reloader));
    drop(loaded);
    let (stop, stopping) = watch::channel(false);
    let metrics = Metrics { level: settings.metrics.level, requests: Counted::default() };
    doors.serve(&halves, (&observer, metrics), &runtime, &stopping);
    if let Some(known) = known {
        let watched = (settings.rules.clone(), files);
        runtime.spawn(signals::watch_rules(watched, known, Arc::clone(&observer)));
    }
    let told = runtime.block_on(signals::attend(halves.ended(), &observer));
    drop(observer);
    let ended = halves.detection_ends();
    if let Err(ServiceError::Late) = ended {
        // There is nothing that could be waited for. Threads that still need the runtime keep it.
        std::mem::forget(runtime);
        return ended;
    }
    halves.outputs_end();
    stop.send_replace(true);
    halves.serving_ends(runtime);
    // Whoever asks next is told that nothing runs.
    let _ = std::fs::remove_file(settings.socket());
    ended?;
    Ok(told?)
}

/// Sockets that are listened on.
struct Doors {
    api: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
    metrics: TcpListener,
    socket: UnixListener,
}

impl Doors {
    async fn open(
        settings: &Settings,
        role: Role,
        tls: Option<Arc<Tls>>,
    ) -> Result<Self, DoorError> {
        let socket = door::unix(&settings.socket())?;
        let api = match role.serves() {
            true => Some(door::tcp(&settings.api.listen, "the API", "api.listen").await?),
            false => None,
        };
        let metrics = &settings.metrics.listen;
        let metrics = door::tcp(metrics, "metrics", "metrics.listen").await?;
        Ok(Self { api, tls, metrics, socket })
    }

    fn serve(
        self,
        halves: &Halves,
        (observer, metrics): (&Arc<Observer>, Metrics),
        runtime: &Runtime,
        stopping: &watch::Receiver<bool>,
    ) {
        let api = api::routes::router(Arc::clone(&halves.serving.service));
        let api = metrics.requests.over(api);
        let health = health::router(Arc::clone(observer), Arc::new(metrics));
        let bounds = door::bounds(&halves.serving.service.policy.limits);
        if let Some(listener) = self.api {
            if let Ok(address) = listener.local_addr() {
                tracing::info!(%address, "the API listens");
            }
            if let Some(tls) = &self.tls {
                runtime.spawn(Arc::clone(tls).watch());
                runtime.spawn(signals::reload_certificates(Arc::clone(tls), stopping.clone()));
            }
            runtime.spawn(listen::tcp(listener, self.tls, api.clone(), bounds, stopping.clone()));
        }
        let all = api.merge(control::router(Arc::clone(observer))).merge(health.clone());
        runtime.spawn(listen::tcp(self.metrics, None, health, FEW, stopping.clone()));
        runtime.spawn(listen::unix(self.socket, all, bounds, stopping.clone()));
    }
}

/// What runs: one or both.
struct Halves {
    detecting: Option<Detecting>,
    printer: Option<JoinHandle<()>>,
    outputs: Vec<Outputs>,
    /// Who sets aside what outputs refuse, as long as they run.
    refused: Option<Arc<ToJudge>>,
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
        let made = |all: &[OutputSettings]| -> Vec<_> {
            all.iter().cloned().map(OutputSettings::configured).collect()
        };
        let (results, unparsed) = (made(&settings.outputs), made(&settings.unparsed));
        let serving = serve(settings, (store, names), loaded, outputs::wanted(&results))?;
        let refused = (!unparsed.is_empty()).then(|| Arc::new(serving.judge().clone()));
        let mut outputs = Vec::new();
        for (tray, all) in [(Tray::Results, results), (Tray::Unparsed, unparsed)] {
            let setup = outputs::Setup {
                store: Arc::clone(store),
                tray,
                refused: match tray {
                    Tray::Results => refused.as_ref().map(Arc::downgrade).unwrap_or_default(),
                    // It would come back without end.
                    Tray::Unparsed => Weak::new(),
                },
                names: Arc::clone(names),
                outbox: serving.subscription(tray),
                runtime: runtime.handle().clone(),
            };
            outputs.push(Outputs::start(setup, all)?);
        }
        if !role.detects() {
            return Ok(Self { detecting: None, printer: None, outputs, refused, serving });
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
        let insight = &engine.handles().progress.insight;
        let printer = settings.prints().then(|| printer::start(insight)).transpose()?;
        let detecting = Some(Detecting::start(engine, loaded.detection())?);
        Ok(Self { detecting, printer, outputs, refused, serving })
    }

    fn observer(
        &self,
        settings: &Settings,
        role: Role,
        (store, names): (&Arc<Store>, Arc<Names>),
        reloader: Reloader,
    ) -> Observer {
        let engine = self.detecting.as_ref().map(|detecting| detecting.remote().handles().clone());
        Observer {
            begun: Instant::now(),
            role: role.name(),
            machine: Arc::clone(&settings.machine),
            api: if role.serves() { settings.api.url() } else { String::new() },
            engine,
            outputs: self.outputs.iter().flat_map(|all| all.watched().iter().cloned()).collect(),
            backlogs: self.outputs.iter().map(|all| all.backlog().clone()).collect(),
            names,
            index: Arc::clone(&self.serving.service.index),
            accounts: Arc::clone(&self.serving.service.accounts),
            alerts: self.serving.census.clone(),
            store: Arc::clone(store),
            reloader: Arc::new(reloader),
            progress: Mutex::new((0, Instant::now())),
        }
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

    fn outputs_end(&mut self) {
        let until = Instant::now() + FAREWELL;
        for outputs in self.outputs.drain(..) {
            if !outputs.drain(until.saturating_duration_since(Instant::now())) {
                tracing::warn!(
                    waiting = outputs.waiting(),
                    "outputs go on from here at the next start"
                );
            }
            for output in outputs.end() {
                tracing::warn!(%output, "output did not end in time");
            }
        }
        self.refused = None;
    }

    fn serving_ends(self, runtime: Runtime) {
        self.serving.stop();
        // Whatever a request still holds ends with the runtime.
        runtime.shutdown_timeout(FAREWELL);
        self.serving.finish();
    }
}

/// The sources as they run; those without a `hold` of their own have that of all.
fn configured(
    sources: Vec<Acquired>,
    settings: &Settings,
) -> Result<Vec<Configured>, ServiceError> {
    let one = |source: Acquired| {
        let settings = SourceSettings {
            name: source.name.clone().into(),
            labels: Arc::new(source.labels),
            clock: source.clock,
            zone: source.zone,
            transform: source.transform,
            hold: source.hold.unwrap_or(settings.pace.hold),
            rate: source.rate,
            set_aside: !settings.unparsed.is_empty(),
        };
        match source.connector.source() {
            Ok(reads) => Ok(Configured { settings, source: reads }),
            Err(reason) => Err(ServiceError::Source { name: source.name, reason }),
        }
    };
    sources.into_iter().map(one).collect()
}

fn say_what_is_read(sources: &[Configured]) {
    for Configured { settings, source } in sources {
        tracing::info!(source = &*settings.name, module = source.module(), "a source is read");
    }
    if sources.is_empty() {
        tracing::warn!(
            "there is nothing to read: name sources in spillway.yaml, or in an acquis.yaml beside it"
        );
    }
}

fn serve(
    settings: &Settings,
    (store, names): (&Arc<Store>, &Arc<Names>),
    loaded: &Loaded,
    wanted: Wanted,
) -> Result<Serving, ServeError> {
    let secret = std::env::var_os("CS_LAPI_SECRET").filter(|secret| !secret.is_empty());
    Serving::start(Options {
        store: Arc::clone(store),
        detection: loaded.detection(),
        names: Arc::clone(names),
        machine: Arc::clone(&settings.machine),
        wanted,
        unparsed: !settings.unparsed.is_empty(),
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
