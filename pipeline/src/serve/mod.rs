//! The serving half: what was judged is kept, the active view is run, the API answers.
//!
//! ```text
//! api ─ Post ─▶ judge ─ ledger: numbers, rows ─▶ one commit ─▶ view (differential) ─▶ index ─▶ api
//!                                                    └───────▶ store ─▶ shelf ─▶ api
//! ```

pub mod accounts;
pub mod allowlists;
pub mod census;
pub mod chores;
pub mod flush;
pub mod import;
pub mod kept;
pub mod ledger;
pub mod lines;
mod listing;
pub mod load;
pub mod places;
pub mod row;
pub mod shelf;
pub mod silence;
mod usage;
pub mod view;

use std::sync::Arc;

use api::accounts::MachineEntry;
use api::auth::Tokens;
use api::index::Index;
use api::index::removals::Keep;
use api::limits::Meters;
use api::service::{Policy, Service, room_for_bodies, room_for_passwords};
use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::detection::Detection;
use crate::emit::Tray;
use crate::judge::outbox::{Outbox, Subscription, Wanted};
use crate::judge::{self, ToJudge};
use crate::live::names::Names;
use crate::state::{Family, Store, StoreError};
use census::AlertCensus;
use flush::Retention;

const SECRET: &[u8] = b"serve token secret";
const NAME: &[u8] = b"serve name";

/// What serving is started with.
pub struct Options {
    /// Where everything is kept.
    pub store: Arc<Store>,
    /// By which profiles alerts are judged.
    pub detection: Detection,
    /// What source partitions are called.
    pub names: Arc<Names>,
    /// Who finds what this process finds.
    pub machine: Arc<str>,
    /// What outputs want to be told.
    pub wanted: Wanted,
    /// Whether some output wants to be told what was set aside.
    pub unparsed: bool,
    /// Who may do what.
    pub policy: Policy,
    /// What is forgotten when.
    pub retention: Retention,
    /// The secret of tokens; `None` for the one of the store.
    pub secret: Option<Vec<u8>>,
    /// The clock. Unit: nanoseconds since the Unix epoch.
    pub now: fn() -> i64,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// Why serving cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread cannot be started.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// The secret of tokens is none.
    #[error("the secret of tokens (CS_LAPI_SECRET) is not strong enough: {0}")]
    Secret(String),
}

/// Serving that runs.
#[derive(Debug)]
pub struct Serving {
    /// What the routes share.
    pub service: Arc<Service>,
    /// Alerts by scenario.
    pub census: AlertCensus,
    judge: ToJudge,
    results: Subscription,
    aside: Subscription,
    threads: Vec<std::thread::JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Serving {
    /// Starts the threads. The API answers 503 until the view has caught up.
    ///
    /// # Errors
    /// The store cannot be read or written, or a thread cannot be started.
    pub fn start(options: Options) -> Result<Self, ServeError> {
        let Options { store, detection, names, machine, wanted, .. } = options;
        let Options { unparsed, policy, retention, secret, now, .. } = options;
        let index = Arc::new(Index::default());
        let secret = match secret {
            Some(secret) => secret,
            None => random(&store, SECRET, 64)?,
        };
        let tokens = Tokens::new(&secret).map_err(ServeError::Secret)?;
        let name = random(&store, NAME, 8)?;
        let name = name.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let accounts = Arc::new(accounts::load(&store)?);
        let allow = Arc::new(ArcSwap::from_pointee(allowlists::load(&store)?));
        let census = AlertCensus::open(&store)?;
        let (chores, lines) = chores::channel();
        let work = chores::Work {
            store: Arc::clone(&store),
            accounts: Arc::clone(&accounts),
            census: census.clone(),
            retention,
            now,
        };
        let mut threads = vec![chores::start(work, lines).map_err(ServeError::Thread)?];
        let keep = Keep { age: retention.removal_age, ..Keep::default() };
        let (view, thread) = view::start(Arc::clone(&store), Arc::clone(&index), keep, now)
            .map_err(ServeError::Thread)?;
        threads.push(thread);
        let own = Arc::new(MachineEntry::of_server(&machine));
        let outbox = Outbox::open(&store, Tray::Results, wanted)?;
        let unparsed = if unparsed { Wanted::Results } else { Wanted::Nothing };
        let unparsed = Outbox::open(&store, Tray::Unparsed, unparsed)?;
        let (results, aside) = (outbox.subscription(), unparsed.subscription());
        let judge = judge::Judge {
            store: Arc::clone(&store),
            ledger: ledger::Ledger::open(&store, census.clone())?,
            index: Arc::clone(&index),
            view,
            decide: detection.decide(),
            lookups: detection.lookups,
            allow: Arc::clone(&allow),
            outbox,
            unparsed,
            names,
            machine,
            now,
        };
        let (judge, thread) = judge::start(judge).map_err(ServeError::Thread)?;
        threads.push(thread);
        let shelf = shelf::Shelf::new(store, Arc::clone(&index), allow, (chores, census.clone()));
        let (stop, stopping) = watch::channel(false);
        let service = Service {
            index,
            intake: Arc::new(judge.clone()),
            archive: Arc::new(shelf),
            accounts,
            own,
            tokens,
            meters: Meters::new(&policy.limits),
            policy,
            clock: now,
            store: name,
            stopping,
            bodies: room_for_bodies(),
            passwords: room_for_passwords(),
        };
        let service = Arc::new(service);
        Ok(Self { service, census, judge, results, aside, threads, stop })
    }

    /// The way to the judge.
    pub fn judge(&self) -> &ToJudge {
        &self.judge
    }

    /// What outputs of a tray need besides the store.
    pub fn subscription(&self, tray: Tray) -> Subscription {
        match tray {
            Tray::Results => self.results.clone(),
            Tray::Unparsed => self.aside.clone(),
        }
    }

    /// Tells listeners and open streams to end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until everything is kept. Everybody else must have let go of the service by then.
    pub fn finish(self) {
        let Self { service, judge, threads, stop, .. } = self;
        stop.send_replace(true);
        drop((service, judge));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the server ended by a panic");
            }
        }
    }
}

/// Random bytes that the store keeps.
fn random(store: &Store, key: &[u8], length: usize) -> Result<Vec<u8>, ServeError> {
    if let Some(bytes) = store.get(Family::Meta, key)? {
        return Ok(bytes);
    }
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(|error| ServeError::Secret(error.to_string()))?;
    let mut batch = store.batch();
    batch.put(Family::Meta, key, &bytes);
    store.commit(batch)?;
    Ok(bytes)
}
