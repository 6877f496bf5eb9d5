//! The law of the stream: whatever happened and whatever the filter, what a client holds plus the next
//! delta is what a from-scratch reduction, then the filter, gives; a live query gives the filter alone.
//! Driven through the real judge, store, dataflow and index, with restarts in between, and clients that
//! were away for longer than removals are kept.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod filter;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::filter::{DecisionFilter, Query};
use api::index::stream::{Cursor, Stream, Wanted};
use api::intake::{Change, Outcome, Post, VERSION};
use api::service::Policy;
use operators::time::{EventTime, Stamp};
use pipeline::cli::rules::RuleArgs;
use pipeline::serve::flush::Retention;
use pipeline::serve::{Options, Serving};
use pipeline::state::{Budget, Store};
use proptest::prelude::*;

use filter::{Filter, filter};

const MINUTE: i64 = 60 * 1_000_000_000;
const BEGIN: i64 = 1_795_231_080 * 1_000_000_000;

static CLOCK: AtomicI64 = AtomicI64::new(BEGIN);
static POSTS: AtomicU64 = AtomicU64::new(0);
/// The clock is everybody's: one world at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn now() -> i64 {
    CLOCK.load(Ordering::SeqCst)
}

const VALUES: [(&str, &str); 6] = [
    ("Ip", "192.0.2.1"),
    ("Ip", "2001:db8::1"),
    ("Range", "192.0.2.0/24"),
    ("Range", "2001:db8::/32"),
    ("user", "a\"b"),
    ("Country", "FR"),
];
/// Removals are kept so long here.
const KEPT: i64 = 20 * MINUTE;
const KINDS: [&str; 2] = ["ban", "captcha"];
const ORIGINS: [&str; 3] = ["cscli", "crowdsec", "lists"];
const CLIENTS: usize = 5;

#[derive(Clone, Debug)]
enum Op {
    Add {
        value: usize,
        kind: usize,
        origin: usize,
        minutes: i64,
        ssh: bool,
        simulated: bool,
    },
    End(usize),
    EndOrigin(usize),
    RemoveAlert(usize),
    Pass(i64),
    Poll(usize),
    /// A client that begins anew.
    Startup(usize),
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..VALUES.len(), 0..2_usize, 0..3_usize, 1..40_i64, any::<bool>(), 0..8_u8).prop_map(
            |(value, kind, origin, minutes, ssh, simulated)| Op::Add {
                value, kind, origin, minutes, ssh, simulated: simulated == 0,
            }
        ),
        3 => (0..16_usize).prop_map(Op::End),
        1 => (0..3_usize).prop_map(Op::EndOrigin),
        1 => (0..16_usize).prop_map(Op::RemoveAlert),
        3 => (1..4_i64).prop_map(Op::Pass),
        1 => (20..50_i64).prop_map(Op::Pass),
        6 => (0..CLIENTS).prop_map(Op::Poll),
        1 => (0..CLIENTS).prop_map(Op::Startup),
        1 => Just(Op::Restart),
    ]
}

/// A decision as the model knows it.
#[derive(Clone, Debug)]
struct Known {
    id: u64,
    value: usize,
    kind: usize,
    origin: usize,
    ssh: bool,
    until: i64,
    simulated: bool,
    /// When it was ended by hand.
    ended: Option<i64>,
}

impl Known {
    fn end(&self) -> i64 {
        self.ended.unwrap_or(i64::MAX).min(self.until)
    }

    /// Whether it is enforced.
    fn stands(&self) -> bool {
        !self.simulated && self.ended.is_none() && self.until > now()
    }
}

type Key = (String, String, String);

/// A client: by key, as the law has it; and by value alone, as many clients are, in both orders.
#[derive(Default)]
struct Client {
    cursor: Option<Cursor>,
    /// When it asked last.
    asked: i64,
    /// Whether it ever was away for longer than removals are kept.
    lost: bool,
    by_key: BTreeMap<Key, u64>,
    /// Numbers, for those that are told all.
    by_id: BTreeSet<u64>,
    gone_first: BTreeSet<String>,
    new_first: BTreeSet<String>,
}

fn start(path: &Path) -> Serving {
    let loaded = RuleArgs::default().load(Box::new(|_| None)).unwrap();
    let serving = Serving::start(Options {
        store: Arc::new(Store::open(path, Budget { cache: 1 << 20, writes: 1 << 20 }).unwrap()),
        detection: loaded.detection(),
        names: Arc::default(),
        machine: "test".into(),
        wanted: pipeline::judge::outbox::Wanted::Nothing,
        unparsed: false,
        policy: Policy::default(),
        retention: Retention { removal_age: KEPT, ..Retention::default() },
        secret: None,
        now,
    })
    .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !serving.service.index.is_ready() {
        assert!(Instant::now() < deadline, "the view does not catch up");
        std::thread::sleep(Duration::from_millis(1));
    }
    serving
}

struct World {
    serving: Option<Serving>,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    known: Vec<Known>,
    filters: Vec<Filter>,
    clients: Vec<Client>,
    _alone: MutexGuard<'static, ()>,
}

impl World {
    fn new(filters: Vec<Filter>) -> Self {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        CLOCK.store(BEGIN, Ordering::SeqCst);
        let folder = tempfile::tempdir().unwrap();
        let serving = Some(start(folder.path()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let clients = filters.iter().map(|_| Client::default()).collect();
        Self { serving, folder, runtime, known: Vec::new(), filters, clients, _alone }
    }

    fn submit(&self, change: Change) -> Outcome {
        let post = Post { version: VERSION, at: now(), change };
        let intake = Arc::clone(&self.serving.as_ref().unwrap().service.intake);
        self.runtime.block_on(intake.submit(post)).unwrap()
    }

    fn post(&self, alerts: &str) -> Outcome {
        let count = POSTS.fetch_add(1, Ordering::SeqCst);
        let mut retry = [0; 32];
        retry[..8].copy_from_slice(&count.to_le_bytes());
        let alerts = api::wire::posted::read(alerts.as_bytes(), now(), &count.to_string()).unwrap();
        self.submit(Change::Alerts { machine: "m".into(), retry, alerts })
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Add { value, kind, origin, minutes, ssh, simulated } => {
                let at = Stamp::utc_at(EventTime(now())).rfc3339_nano();
                let (scope, text) = VALUES[value];
                let scenario = if ssh { "a/SSH-bf" } else { "a/http" };
                let decision = serde_json::json!({
                    "duration": format!("{minutes}m"), "origin": ORIGINS[origin],
                    "scenario": scenario, "scope": scope, "type": KINDS[kind], "value": text,
                });
                let alert = serde_json::json!([{
                    "capacity": 0, "decisions": [decision], "events": [], "events_count": 1,
                    "leakspeed": "", "message": "", "scenario": scenario, "scenario_hash": "",
                    "scenario_version": "", "simulated": simulated, "start_at": at, "stop_at": at,
                    "source": {"scope": scope, "value": text},
                }]);
                self.post(&alert.to_string());
                let id = self.known.len() as u64 + 1;
                let until = now() + minutes * MINUTE;
                let ended = None;
                self.known.push(Known { id, value, kind, origin, ssh, until, simulated, ended });
            }
            Op::End(nth) => {
                let Some(known) = self.known.iter_mut().rev().nth(nth) else { return };
                known.ended.get_or_insert(now());
                let id = known.id;
                self.submit(Change::EndDecision(id));
            }
            Op::EndOrigin(origin) => {
                let query = Query::parse(&format!("origin={}", ORIGINS[origin]));
                let ending = api::filter::Ending::read(&query).unwrap();
                self.submit(Change::EndDecisions(ending));
                let hit = self.known.iter_mut().filter(|known| known.origin == origin);
                hit.for_each(|known| known.ended = known.ended.or(Some(now())));
            }
            Op::RemoveAlert(nth) => {
                // Each alert has one decision: they have the same numbers.
                let Some(known) = self.known.iter_mut().rev().nth(nth) else { return };
                known.ended.get_or_insert(now());
                let id = known.id;
                self.submit(Change::RemoveAlert(id));
            }
            Op::Pass(minutes) => {
                CLOCK.fetch_add(minutes * MINUTE, Ordering::SeqCst);
            }
            Op::Poll(client) => self.poll_twice(client),
            Op::Startup(client) => {
                self.clients[client] = Client::default();
                self.poll_twice(client);
            }
            Op::Restart => {
                self.serving.take().unwrap().finish();
                self.serving = Some(start(self.folder.path()));
            }
        }
    }

    /// What a client with this filter is to hold, from scratch.
    fn wanted(&self, filter: &Filter) -> BTreeMap<Key, u64> {
        let mut longest: BTreeMap<(usize, usize), &Known> = BTreeMap::new();
        for known in self.known.iter().filter(|known| known.stands()) {
            let slot = longest.entry((known.value, known.kind)).or_insert(known);
            if known.until > slot.until {
                *slot = known;
            }
        }
        let passing = longest.values().filter(|known| filter.wants(known, true));
        passing.map(|known| (key(known), known.id)).collect()
    }

    /// The same without the reduction.
    fn all_wanted(&self, filter: &Filter) -> BTreeSet<u64> {
        let passing = self.known.iter().filter(|known| known.stands() && filter.wants(known, true));
        passing.map(|known| known.id).collect()
    }

    /// Whether a client may not have been told that this is gone.
    fn is_forgotten(&self, held: &Client, of: impl Fn(&Known) -> bool) -> bool {
        let ends = self.known.iter().filter(|known| of(known) && !known.stands()).map(Known::end);
        held.lost && ends.min().is_some_and(|end| now() - end > KEPT)
    }

    fn poll_twice(&mut self, client: usize) {
        // Ends by time are found when something is posted.
        self.post("[]");
        for turn in 0..2 {
            self.poll(client);
            let (filter, held) = (&self.filters[client], &self.clients[client]);
            if filter.reduced {
                self.check_reduced(filter, held, turn);
            } else {
                let wanted = self.all_wanted(filter);
                let gone = |id: &u64| self.is_forgotten(held, |known| known.id == *id);
                assert!(held.by_id.is_superset(&wanted), "{filter:?} lacks {wanted:?}");
                let mut surplus = held.by_id.difference(&wanted);
                assert!(surplus.all(gone), "{filter:?} has {:?}, not {wanted:?}", held.by_id);
            }
        }
        self.check_live(client);
    }

    /// A client holds what it is to hold, and besides only what was removed so long ago that it could
    /// not be told.
    fn check_reduced(&self, filter: &Filter, held: &Client, turn: usize) {
        let wanted = self.wanted(filter);
        for (wanted, id) in &wanted {
            assert_eq!(held.by_key.get(wanted), Some(id), "{filter:?} in turn {turn}: {wanted:?}");
        }
        for surplus in held.by_key.keys().filter(|key| !wanted.contains_key(*key)) {
            let forgotten = self.is_forgotten(held, |known| key(known) == *surplus);
            assert!(forgotten, "{filter:?} in turn {turn} holds {surplus:?}");
        }
        if turn == 0 {
            return;
        }
        let wanted: BTreeSet<&str> = wanted.keys().map(|key| key.2.as_str()).collect();
        for (order, values) in [("deletes", &held.gone_first), ("adds", &held.new_first)] {
            for value in &wanted {
                assert!(values.contains(*value), "{filter:?}: who {order} first lacks {value}");
            }
            for value in values.iter().filter(|value| !wanted.contains(value.as_str())) {
                let forgotten = self.is_forgotten(held, |known| VALUES[known.value].1 == value);
                assert!(forgotten, "{filter:?}: who {order} first holds {value}");
            }
        }
    }

    fn check_live(&self, client: usize) {
        let filter = &self.filters[client];
        let snapshot = self.serving.as_ref().unwrap().service.index.read().unwrap();
        let read = DecisionFilter::read(&Query::parse(&filter.text())).unwrap();
        let found: Vec<u64> =
            snapshot.matching(&read, now()).iter().map(|entry| entry.slot.id).collect();
        let active = self.known.iter().filter(|known| known.stands() && filter.wants(known, false));
        let wanted: Vec<u64> = active.map(|known| known.id).collect();
        assert_eq!(found, wanted, "a live query by {filter:?}");
    }

    /// Numbers of what is told as new, and as gone.
    fn poll(&mut self, place: usize) -> (Vec<u64>, Vec<u64>) {
        let index = &self.serving.as_ref().unwrap().service.index;
        let snapshot = index.read().unwrap();
        let filter =
            DecisionFilter::read_stream(&Query::parse(&self.filters[place].text())).unwrap();
        let client = &mut self.clients[place];
        let wanted = client.cursor.map_or(Wanted::All, Wanted::Since);
        client.lost |= client.cursor.is_some() && now() - client.asked > KEPT;
        client.asked = now();
        let before = client.cursor.map_or(snapshot.seq, |cursor| cursor.seq);
        client.cursor = Some(Cursor { seq: snapshot.seq, before });
        let reduced = self.filters[place].reduced;
        let pieces = Stream::new(snapshot, filter, wanted, reduced, now());
        let body: Vec<u8> = pieces.flat_map(|piece| piece.to_vec()).collect();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let list = |name: &str| -> Vec<(Key, u64)> {
            let text =
                |item: &serde_json::Value, name: &str| item[name].as_str().unwrap().to_owned();
            let items = body[name].as_array().unwrap().iter();
            items
                .map(|item| {
                    let key = (text(item, "scope"), text(item, "type"), text(item, "value"));
                    (key, item["id"].as_u64().unwrap())
                })
                .collect()
        };
        let (new, gone) = (list("new"), list("deleted"));
        for (key, id) in &gone {
            client.by_id.remove(id);
            client.by_key.remove(key);
            client.gone_first.remove(&key.2);
        }
        for (key, id) in &new {
            client.by_id.insert(*id);
            client.by_key.insert(key.clone(), *id);
            client.gone_first.insert(key.2.clone());
            client.new_first.insert(key.2.clone());
        }
        for (key, _) in &gone {
            client.new_first.remove(&key.2);
        }
        let ids = |told: Vec<(Key, u64)>| told.into_iter().map(|(_, id)| id).collect();
        (ids(new), ids(gone))
    }
}

fn key(known: &Known) -> Key {
    let (scope, value) = VALUES[known.value];
    (scope.to_owned(), KINDS[known.kind].to_owned(), value.to_owned())
}

fn everything() -> Filter {
    let (origins, reduced) = (Vec::new(), true);
    Filter { scopes: None, value: None, kind: None, origins, net: None, ssh: None, reduced }
}

fn add(value: usize, minutes: i64) -> Op {
    Op::Add { value, kind: 0, origin: 0, minutes, ssh: false, simulated: false }
}

#[test]
fn who_was_away_for_too_long_is_told_everything() {
    for restarted in [false, true] {
        let mut world = World::new(vec![everything()]);
        for op in [add(0, 300), add(2, 1), add(1, 300), Op::Poll(0), Op::End(0), Op::Pass(2)] {
            world.apply(&op);
        }
        // Both ends are kept: the client is told what is new alone.
        world.post("[]");
        let kept = world.clients[0].cursor;
        assert_eq!(world.poll(0), (vec![], vec![2, 3]));
        // One commit more, so that the next ends are not of a segment that stays.
        world.clients[0].cursor = kept;
        for op in [Op::Pass(25), add(3, 300), Op::End(0)] {
            world.apply(&op);
        }
        if restarted {
            world.apply(&Op::Restart);
        }
        assert_eq!(world.poll(0), (vec![1], vec![4]), "restarted: {restarted}");
        world.serving.take().unwrap().finish();
    }
}

#[test]
fn an_end_that_is_found_late_hides_no_other() {
    let mut world = World::new(vec![everything()]);
    // Both end while the service is down, the second too long ago to be told.
    for op in [add(0, 30), add(2, 1), Op::Poll(0), Op::Pass(30), Op::Restart, Op::Poll(0)] {
        world.apply(&op);
    }
    world.serving.take().unwrap().finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 300, ..ProptestConfig::default() })]
    #[test]
    fn snapshot_and_deltas_are_what_a_query_gives(
        ops in prop::collection::vec(op(), 1..60),
        filters in prop::collection::vec(filter(), CLIENTS),
    ) {
        let mut world = World::new(filters);
        for op in &ops {
            world.apply(op);
        }
        for client in 0..CLIENTS {
            world.poll_twice(client);
        }
        world.serving.take().unwrap().finish();
    }
}
