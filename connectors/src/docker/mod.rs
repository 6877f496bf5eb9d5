//! Logs of the containers of a Docker daemon, as they come and go.
//!
//! # Delivery
//! At least once from the daemon, each line once in the lane, also over restarts of the service, the
//! daemon and the container, as long as the daemon keeps the log. What a container wrote while nobody
//! read is read when its lane is known; of a container that started after the lanes that are known,
//! everything is read; of others, what comes from the first start on.
//!
//! # Order
//! One lane for each container, named by its id: lines as the daemon gives them, standard output and
//! standard error together.
//!
//! # Resume point
//! A second, how many lines since it were read, and the number of the next line.
//!
//! # Metrics
//! `lines`, `bytes`, `repaired_lines`, `duplicate_records` (read again), `sessions` (logs opened),
//! `retries`, `open_inputs` (containers followed); rejects `line too long`, `empty payload`,
//! `bad framing`.

mod daemon;
mod follow;
mod frames;
mod place;
mod selection;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::task::JoinSet;

use self::daemon::{Container, Daemon};
use self::follow::{Following, follow};
use self::place::Place;
pub use self::selection::Selection;
use crate::endpoint::ClientTls;
use crate::lane::{Origin, Outlet};
use crate::metric::Counter;
use crate::retry::Backoff;
use crate::source::{Context, Source, SourceError};

/// CrowdSec's name.
const MODULE: &str = "docker";

/// Containers are looked for so often besides whenever the daemon says that something happened.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Unit: nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// What happens together is looked at together.
const SETTLE: Duration = Duration::from_millis(100);

/// Which containers of which daemon. CrowdSec's `check_interval` has no counterpart, and of its keys
/// those of Swarm services are not known.
#[derive(Clone, Debug)]
pub struct Config {
    /// `unix://PATH`, `tcp://HOST:PORT` or `https://…`; `unix:///var/run/docker.sock`.
    pub host: String,
    /// Certificates, for a daemon behind TLS.
    pub tls: ClientTls,
    /// Which containers.
    pub selection: Selection,
    /// Read standard output: yes.
    pub stdout: bool,
    /// Read standard error: yes.
    pub stderr: bool,
    /// A first start reads what is newer than this: the time of the start. Unit: nanoseconds since
    /// 1970.
    pub since: Option<i64>,
    /// Go on when everything is read (default), or end.
    pub follow: bool,
    /// A longer line is not read: 1 MiB. Unit: bytes.
    pub max_line: usize,
    /// Lines of one container that wait to be kept: 1 MiB. Unit: bytes.
    pub window_bytes: usize,
}

impl Config {
    /// Follows these containers of this host.
    pub fn new(selection: Selection) -> Self {
        Self {
            host: "unix:///var/run/docker.sock".to_owned(),
            tls: ClientTls::default(),
            selection,
            stdout: true,
            stderr: true,
            since: None,
            follow: true,
            max_line: 1 << 20,
            window_bytes: 1 << 20,
        }
    }
}

/// Follows containers.
#[derive(Debug)]
pub struct Docker(Config);

impl Docker {
    /// With this configuration.
    pub fn new(config: Config) -> Self {
        Self(config)
    }
}

impl Source for Docker {
    fn module(&self) -> &'static str {
        MODULE
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let daemon = Arc::new(Daemon::new(&self.0.host, &self.0.tls)?);
        let selection = self.0.selection.compile()?;
        let runtime = context.runtime.clone();
        let mut places = BTreeMap::new();
        for (name, resume) in &context.resume {
            let place: Result<Place, _> = resume.position.read();
            let place = place.map_err(|error| SourceError::Configuration(error.to_string()))?;
            places.insert(name.to_string(), place.resumed(resume.next_offset));
        }
        let newest = places.values().map(Place::newest).max();
        let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = i64::try_from(start.as_nanos()).unwrap_or(i64::MAX);
        let start = self.0.since.unwrap_or(start);
        let (states, starts) = (watch::channel(BTreeMap::new()).0, BTreeMap::new());
        let tasks = JoinSet::new();
        let config = self.0;
        let watching = Watching {
            config,
            daemon,
            selection,
            context,
            places,
            newest,
            start,
            states,
            starts,
            sights: 0,
            tasks,
        };
        runtime.block_on(watching.run());
        Ok(())
    }
}

/// What is known of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    /// Whether it runs.
    runs: bool,
    /// Another number when it may have started since.
    starts: u64,
}

struct Watching {
    config: Config,
    daemon: Arc<Daemon>,
    selection: selection::Compiled,
    context: Context,
    /// Where lanes go on that are not followed yet.
    places: BTreeMap<String, Place>,
    /// Time of the newest line that was read in earlier runs.
    newest: Option<i64>,
    /// A first start reads from here on.
    start: i64,
    /// Containers that there are.
    states: watch::Sender<BTreeMap<String, Known>>,
    /// How often a container was seen starting.
    starts: BTreeMap<String, u64>,
    /// How often the daemon was reached: in between it may have started any.
    sights: u64,
    tasks: JoinSet<()>,
}

impl Watching {
    async fn run(mut self) {
        let stop = self.context.stop.clone();
        let mut backoff = Backoff::default();
        let mut followed = BTreeSet::new();
        let mut ready = Some(self.context.outlet.clone());
        while !stop.is_set() {
            let watched = tokio::select! {
                watched = self.watch(&mut followed, &mut backoff, &mut ready) => watched,
                () = stop.wait() => break,
            };
            let Err(reason) = watched else { break };
            // Others need not wait for this daemon.
            ready.take().inspect(Outlet::ready);
            self.context.health.retrying(&reason);
            self.context.meter.add(Counter::Retries, 1);
            tokio::select! {
                () = tokio::time::sleep(backoff.next_wait()) => {}
                () = stop.wait() => {}
            }
        }
        if !stop.is_set() {
            // Each ends by itself when it has read its container's log.
            while self.tasks.join_next().await.is_some() {}
            self.context.health.ended();
        }
    }

    /// Looks for containers whenever something happens, until the daemon is gone; once, where
    /// nothing is followed.
    async fn watch(
        &mut self,
        followed: &mut BTreeSet<String>,
        backoff: &mut Backoff,
        ready: &mut Option<Outlet>,
    ) -> Result<(), String> {
        // What happens from here on is told, and what happened before is found.
        let mut events = self.daemon.events().await?;
        self.sights += 1;
        loop {
            let mut containers = self.daemon.containers().await?;
            containers.sort_by(|a, b| a.id.cmp(&b.id));
            self.context.health.reading();
            backoff.reset();
            let states = containers.iter().map(|one| (one.id.clone(), self.known(one))).collect();
            self.starts.retain(|id, _| containers.iter().any(|one| one.id == *id));
            followed.retain(|id| containers.iter().any(|one| one.id == *id));
            for container in containers {
                if !followed.contains(&container.id) && self.begin(&container) {
                    followed.insert(container.id);
                }
            }
            ready.take().inspect(Outlet::ready);
            self.states.send_replace(states);
            if !self.config.follow {
                return Ok(());
            }
            while self.tasks.try_join_next().is_some() {}
            tokio::select! {
                happened = events.next() => {
                    let started = happened?.into_iter().filter(|event| event.action == "start");
                    for event in started {
                        *self.starts.entry(event.actor.id).or_default() += 1;
                    }
                    tokio::time::sleep(SETTLE).await;
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn known(&self, container: &Container) -> Known {
        let starts = self.starts.get(&container.id).copied().unwrap_or(0) + self.sights;
        Known { runs: container.runs(), starts }
    }

    /// Begins to follow a container, if it is one of ours and there is something to read.
    fn begin(&mut self, container: &Container) -> bool {
        let Some((name, labels)) = self.selection.matches(container) else { return false };
        // One that came after all that was read is new: nobody has read its beginning.
        let seen = self.newest.unwrap_or(self.start).div_euclid(SECOND);
        let new = container.created >= seen;
        let wanted = container.runs() || new || self.config.since.is_some() || !self.config.follow;
        let known = self.places.remove(&container.id);
        if known.is_none() && !wanted {
            return false;
        }
        let created = container.created.saturating_mul(SECOND);
        let start = if new { created.min(self.start) } else { self.start };
        let place = known.unwrap_or_else(|| Place::new(start));
        let origin = Origin { source: name.into(), labels, module: MODULE };
        let following = Following {
            id: container.id.clone(),
            daemon: Arc::clone(&self.daemon),
            lane: self.context.outlet.lane(&container.id, self.config.window_bytes),
            origin: Arc::new(origin),
            streams: (self.config.stdout, self.config.stderr),
            max_line: self.config.max_line,
            follow: self.config.follow,
            meter: self.context.meter.clone(),
            stop: self.context.stop.clone(),
            states: self.states.subscribe(),
        };
        self.tasks.spawn_on(follow(following, place), &self.context.runtime);
        true
    }
}
