//! The law of the stream: whatever happened, what a client holds plus the next delta is what a
//! from-scratch reduction, then the filter, gives. Driven through the real judge, store, dataflow and
//! index, with restarts in between.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
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

const MINUTE: i64 = 60 * 1_000_000_000;
const BEGIN: i64 = 1_795_231_080 * 1_000_000_000;

static CLOCK: AtomicI64 = AtomicI64::new(BEGIN);
static POSTS: AtomicU64 = AtomicU64::new(0);

fn now() -> i64 {
    CLOCK.load(Ordering::SeqCst)
}

const VALUES: [(&str, &str); 4] =
    [("Ip", "192.0.2.1"), ("Ip", "2001:db8::1"), ("Range", "192.0.2.0/24"), ("user", "a\"b")];
const KINDS: [&str; 2] = ["ban", "captcha"];
const ORIGINS: [&str; 3] = ["cscli", "crowdsec", "lists"];
const FILTERS: [&str; 5] = [
    "",
    "origins=cscli",
    "scopes=user,ip",
    "scenarios_containing=ssh&type=ban",
    "scenarios_not_containing=ssh&origins=cscli,lists",
];

#[derive(Clone, Debug)]
enum Op {
    Add { value: usize, kind: usize, origin: usize, minutes: i64, ssh: bool, simulated: bool },
    End(usize),
    EndOrigin(usize),
    RemoveAlert(usize),
    Pass(i64),
    Poll(usize),
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..4_usize, 0..2_usize, 0..3_usize, 1..6_i64, any::<bool>(), 0..8_u8).prop_map(
            |(value, kind, origin, minutes, ssh, simulated)| Op::Add {
                value, kind, origin, minutes, ssh, simulated: simulated == 0,
            }
        ),
        3 => (0..16_usize).prop_map(Op::End),
        1 => (0..3_usize).prop_map(Op::EndOrigin),
        1 => (0..16_usize).prop_map(Op::RemoveAlert),
        3 => (1..4_i64).prop_map(Op::Pass),
        6 => (0..FILTERS.len()).prop_map(Op::Poll),
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
    ended: bool,
}

type Key = (String, String, String);

/// A client: by key, as the law has it; and by value alone, as many clients are, in both orders.
#[derive(Default)]
struct Client {
    cursor: Option<Cursor>,
    by_key: BTreeMap<Key, u64>,
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
        policy: Policy::default(),
        retention: Retention::default(),
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
    clients: Vec<Client>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let serving = Some(start(folder.path()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let clients = FILTERS.iter().map(|_| Client::default()).collect();
        Self { serving, folder, runtime, known: Vec::new(), clients }
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
                let ended = false;
                self.known.push(Known { id, value, kind, origin, ssh, until, simulated, ended });
            }
            Op::End(nth) => {
                let Some(known) = self.known.iter_mut().rev().nth(nth) else { return };
                known.ended = true;
                let id = known.id;
                self.submit(Change::EndDecision(id));
            }
            Op::EndOrigin(origin) => {
                let query = Query::parse(&format!("origin={}", ORIGINS[origin]));
                let ending = api::filter::Ending::read(&query).unwrap();
                self.submit(Change::EndDecisions(ending));
                let hit = self.known.iter_mut().filter(|known| known.origin == origin);
                hit.for_each(|known| known.ended = true);
            }
            Op::RemoveAlert(nth) => {
                // Each alert has one decision: they have the same numbers.
                let Some(known) = self.known.iter_mut().rev().nth(nth) else { return };
                known.ended = true;
                let id = known.id;
                self.submit(Change::RemoveAlert(id));
            }
            Op::Pass(minutes) => {
                CLOCK.fetch_add(minutes * MINUTE, Ordering::SeqCst);
            }
            Op::Poll(client) => self.poll_twice(client),
            Op::Restart => {
                self.serving.take().unwrap().finish();
                self.serving = Some(start(self.folder.path()));
            }
        }
    }

    /// What a client with this filter is to hold, from scratch.
    fn wanted(&self, filter: usize) -> BTreeMap<Key, u64> {
        let mut longest: BTreeMap<(usize, usize), &Known> = BTreeMap::new();
        let active = self.known.iter().filter(|k| !k.ended && !k.simulated && k.until > now());
        for known in active {
            let slot = longest.entry((known.value, known.kind)).or_insert(known);
            if known.until > slot.until {
                *slot = known;
            }
        }
        let passes = |known: &Known| {
            let (scope, origin) = (VALUES[known.value].0, ORIGINS[known.origin]);
            match filter {
                0 => scope != "user",
                1 => scope != "user" && origin == "cscli",
                2 => scope != "Range",
                3 => scope != "user" && known.ssh && known.kind == 0,
                _ => scope != "user" && !known.ssh && origin != "crowdsec",
            }
        };
        let passing = longest.values().filter(|known| passes(known));
        passing.map(|known| (key(known), known.id)).collect()
    }

    fn poll_twice(&mut self, client: usize) {
        // Ends by time are found when something is posted.
        self.post("[]");
        let wanted = self.wanted(client);
        self.poll(client);
        assert_eq!(self.clients[client].by_key, wanted, "client {client} after a poll");
        self.poll(client);
        let wanted_values: BTreeSet<String> = wanted.keys().map(|key| key.2.clone()).collect();
        let client = &self.clients[client];
        assert_eq!(client.by_key, wanted, "after another poll");
        assert_eq!(client.gone_first, wanted_values, "a client that knows values, deletes first");
        assert_eq!(client.new_first, wanted_values, "a client that knows values, adds first");
    }

    fn poll(&mut self, place: usize) {
        let index = &self.serving.as_ref().unwrap().service.index;
        let snapshot = index.read().unwrap();
        let filter = DecisionFilter::read_stream(&Query::parse(FILTERS[place])).unwrap();
        let client = &mut self.clients[place];
        let wanted = client.cursor.map_or(Wanted::All, Wanted::Since);
        let before = client.cursor.map_or(snapshot.seq, |cursor| cursor.seq);
        client.cursor = Some(Cursor { seq: snapshot.seq, before });
        let pieces = Stream::new(snapshot, filter, wanted, true, now());
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
        for (key, _) in &gone {
            client.by_key.remove(key);
            client.gone_first.remove(&key.2);
        }
        for (key, id) in &new {
            client.by_key.insert(key.clone(), *id);
            client.gone_first.insert(key.2.clone());
            client.new_first.insert(key.2.clone());
        }
        for (key, _) in &gone {
            client.new_first.remove(&key.2);
        }
    }
}

fn key(known: &Known) -> Key {
    let (scope, value) = VALUES[known.value];
    (scope.to_owned(), KINDS[known.kind].to_owned(), value.to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 300, ..ProptestConfig::default() })]
    #[test]
    fn snapshot_and_deltas_are_what_a_query_gives(ops in prop::collection::vec(op(), 1..60)) {
        CLOCK.store(BEGIN, Ordering::SeqCst);
        let mut world = World::new();
        for op in &ops {
            world.apply(op);
        }
        for client in 0..FILTERS.len() {
            world.poll_twice(client);
        }
        world.serving.take().unwrap().finish();
    }
}
