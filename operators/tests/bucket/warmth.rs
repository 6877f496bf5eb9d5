//! Buckets of a run that outlives its process: what overflows does not depend on what is in memory, on
//! how far behind the store is, or on when the run began anew.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use operators::bucket::change::{Changes, Subject};
use operators::bucket::dialect::Dialect;
use operators::bucket::record::remembered_until;
use operators::bucket::scenario::Takes;
use operators::bucket::{Buckets, GROUPS, Ledger, Overflowed};
use operators::hash::fnv1a;
use operators::state::{KeyedState, Take, TakeSome};
use operators::time::EventTime;
use proptest::prelude::*;

use crate::{MIXED, Rig, log, offline, shown};

const LAG: u8 = 2;

type Entries = BTreeMap<Box<[u8]>, Box<[u8]>>;

#[derive(Debug, Default)]
struct Content {
    buckets: Entries,
    blackholes: Entries,
    deadlines: Entries,
    under_way: VecDeque<Changes>,
    /// Unit: bytes.
    budget: usize,
}

impl Content {
    /// Takes the changes of a seal, and keeps those that may wait no longer.
    fn seal(&mut self, changes: Changes) {
        self.under_way.push_back(changes);
        while self.under_way.len() > LAG.into() {
            self.keep();
        }
    }

    fn keep(&mut self) {
        for change in self.under_way.pop_front().unwrap().entries {
            let entries = match change.subject {
                Subject::Bucket => &mut self.buckets,
                Subject::Blackhole => &mut self.blackholes,
                Subject::Deadline => &mut self.deadlines,
            };
            match change.value {
                Some(value) => entries.insert(change.key, value),
                None => entries.remove(&change.key),
            };
        }
    }

    fn forget(&mut self, clock: EventTime) {
        for entries in [&mut self.buckets, &mut self.blackholes] {
            entries.retain(|_, value| remembered_until(value).is_none_or(|until| until >= clock));
        }
    }
}

/// A store that is as far behind as it may be, for buckets that have no room in memory, or little.
#[derive(Clone, Debug, Default)]
struct Store(Arc<Mutex<Content>>);

impl Store {
    fn buckets(&self, rig: &Rig) -> Buckets {
        let ledger = Ledger::new(Box::new(self.clone()), Takes::Logs, 0);
        let (catalogue, program) = (Arc::clone(&rig.catalogue), Arc::clone(&rig.program));
        Buckets::kept(catalogue, program, ledger, 0..GROUPS)
    }

    /// The same after a crash: what was under way is there.
    fn again(&self, rig: &Rig) -> Buckets {
        while !self.0.lock().unwrap().under_way.is_empty() {
            self.0.lock().unwrap().keep();
        }
        self.buckets(rig)
    }

    fn seal(&self, buckets: &mut Buckets, clock: EventTime) {
        let changes = buckets.take_changes(clock);
        self.0.lock().unwrap().seal(changes);
    }
}

fn group(entries: &Entries, group: u32) -> impl Iterator<Item = (&[u8], &[u8])> {
    let of_group = move |key: &[u8]| key.first().is_some_and(|first| u32::from(*first) == group);
    let entries = entries.iter().map(|(key, value)| (&**key, &**value));
    entries.filter(move |(key, _)| of_group(key))
}

impl KeyedState for Store {
    fn buckets(&self, number: u32, after: &[u8], take: &mut TakeSome<'_>) {
        let content = self.0.lock().unwrap();
        let mut entries = group(&content.buckets, number).filter(|(key, _)| *key > after);
        let _ = entries.all(|(key, value)| take(key, value));
    }

    fn bucket(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.lock().unwrap().buckets.get(key).map(|value| value.to_vec())
    }

    fn blackholes(&self, number: u32, take: &mut Take<'_>) {
        let content = self.0.lock().unwrap();
        group(&content.blackholes, number).for_each(|(key, value)| take(key, value));
    }

    fn deadlines(&self, number: u32, take: &mut Take<'_>) {
        let content = self.0.lock().unwrap();
        group(&content.deadlines, number).for_each(|(key, value)| take(key, value));
    }

    fn dialect(&self, _: u32) -> Option<Dialect> {
        None
    }

    fn lag(&self) -> u8 {
        LAG
    }

    fn budget(&self) -> usize {
        self.0.lock().unwrap().budget
    }

    fn marks(&self) -> usize {
        0
    }
}

fn texts(mut out: Vec<Overflowed>) -> Vec<String> {
    out.sort_by(Overflowed::order);
    out.iter().map(shown).collect()
}

/// What becomes of an event after which the store is looked at.
#[derive(Clone, Copy, Debug)]
enum Then {
    Nothing,
    Seal,
    SealOften,
    Forget,
    Restart,
}

fn then() -> impl Strategy<Value = Vec<Then>> {
    let one = prop_oneof![
        4 => Just(Then::Nothing),
        8 => Just(Then::Seal),
        2 => Just(Then::SealOften),
        1 => Just(Then::Forget),
        1 => Just(Then::Restart),
    ];
    prop::collection::vec(one, 120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn leaving_memory_changes_nothing(events in log(), then in then()) {
        let mut rig = Rig::new(MIXED).unwrap();
        let (store, mut plain) = (Store::default(), rig.buckets());
        let (mut out, mut plainly) = (Vec::new(), Vec::new());
        let mut buckets = store.buckets(&rig);
        for (event, then) in events.iter().zip(then) {
            let mut clock = EventTime(i64::MIN);
            for pour in rig.pours(event) {
                clock = pour.order.clock;
                plain.pour(&pour, &offline(), &mut plainly);
                buckets.pour(&pour, &offline(), &mut out);
            }
            let seals = match then {
                Then::Nothing | Then::Forget => 0,
                Then::Seal | Then::Restart => 1,
                Then::SealOften => 5,
            };
            (0..seals).for_each(|_| store.seal(&mut buckets, clock));
            match then {
                Then::Restart => buckets = store.again(&rig),
                Then::Forget => store.0.lock().unwrap().forget(clock),
                _ => {}
            }
        }
        plain.advance(EventTime(i64::MAX - 1), &offline(), &mut plainly);
        buckets.advance(EventTime(i64::MAX - 1), &offline(), &mut out);
        prop_assert_eq!(texts(out), texts(plainly));
    }
}

fn crowd(capacity: u32) -> Rig {
    let rules = format!(
        "type: leaky\nname: t/crowd\ndescription: d\nfilter: 'true'\n\
         groupby: evt.Meta.source_ip\ncapacity: {capacity}\nleakspeed: 10h\n"
    );
    Rig::new(&rules).unwrap()
}

const MANY: u32 = 20_000;

/// Pours an event of each of many addresses; how many overflowed.
fn pour_many((rig, store): (&mut Rig, &Store), buckets: &mut Buckets, second: u32) -> usize {
    let mut out = Vec::new();
    for number in 0..MANY {
        let [_, a, b, c] = number.to_be_bytes();
        for pour in rig.pours(&format!("12:00:{second:02} source_ip=10.{a}.{b}.{c}")) {
            buckets.pour(&pour, &offline(), &mut out);
        }
        if number % (MANY / 8) == 0 {
            store.seal(buckets, rig.clock);
        }
    }
    (0..16).for_each(|_| store.seal(buckets, rig.clock));
    out.len()
}

#[test]
fn many_buckets_are_found_again() {
    let (mut rig, store) = (crowd(1), Store::default());
    let mut buckets = store.buckets(&rig);
    assert_eq!(pour_many((&mut rig, &store), &mut buckets, 1), 0);
    assert_eq!(buckets.len(), 0);
    let mut again = store.again(&rig);
    // First while they are looked for, then when they are known.
    assert_eq!(pour_many((&mut rig, &store), &mut again, 2), MANY as usize);
    assert_eq!(pour_many((&mut rig, &store), &mut again, 3), 0);
    assert_eq!(pour_many((&mut rig, &store), &mut again, 4), MANY as usize);
    assert!(again.dropped().is_empty());
}

#[test]
fn buckets_of_other_rules_are_dropped_once() {
    let (mut rig, store) = (crowd(1), Store::default());
    let mut buckets = store.buckets(&rig);
    pour_many((&mut rig, &store), &mut buckets, 1);
    let mut rig = crowd(2);
    let mut again = store.again(&rig);
    assert_eq!(pour_many((&mut rig, &store), &mut again, 2), 0);
    assert_eq!(again.dropped().values().sum::<u64>(), u64::from(MANY));
    assert_eq!(pour_many((&mut rig, &store), &mut again, 3), 0);
    assert_eq!(pour_many((&mut rig, &store), &mut again, 4), MANY as usize);
}

/// As stores had it before scenarios had a number of their own: the hash of the file instead.
fn as_formerly(store: &Store, rig: &Rig) {
    let scenario = &rig.catalogue.scenarios()[0];
    let text =
        [&*scenario.name, "\0", &*scenario.filter_text, "\0", &*scenario.hash, "\0"].concat();
    let content = fnv1a(&[text.as_bytes(), &1_u64.to_le_bytes()].concat());
    for value in store.0.lock().unwrap().buckets.values_mut() {
        value[9..17].copy_from_slice(&content.to_be_bytes());
    }
}

#[test]
fn buckets_of_older_stores_go_on_with_the_same_file() {
    let (mut rig, store) = (crowd(1), Store::default());
    let mut buckets = store.buckets(&rig);
    pour_many((&mut rig, &store), &mut buckets, 1);
    drop(store.again(&rig));
    as_formerly(&store, &rig);
    let mut again = store.again(&rig);
    assert_eq!(pour_many((&mut rig, &store), &mut again, 2), MANY as usize);
    assert!(again.dropped().is_empty() && again.is_surveyed());
}

#[test]
fn what_has_room_stays_in_memory() {
    const IDLE: u32 = 6_000;
    let rules = "type: leaky\nname: t/hot\ndescription: d\nfilter: 'true'\n\
                 groupby: evt.Meta.source_ip\ncapacity: 1000\ncache_size: 1\nleakspeed: 10h\n";
    let (mut rig, store) = (Rig::new(rules).unwrap(), Store::default());
    store.0.lock().unwrap().budget = IDLE as usize * 250;
    let mut buckets = store.buckets(&rig);
    let mut pour = |buckets: &mut Buckets, a: u32, number: u32| {
        let [_, _, b, c] = number.to_be_bytes();
        for pour in rig.pours(&format!("12:00:01 source_ip=10.{a}.{b}.{c}")) {
            buckets.pour(&pour, &offline(), &mut Vec::new());
        }
        rig.clock
    };
    for number in 0..IDLE {
        pour(&mut buckets, 1, number);
    }
    // Of what comes meanwhile little is held.
    for number in 0..120_000 {
        let clock = pour(&mut buckets, 2, number % 64);
        if number % 15_000 == 0 {
            store.seal(&mut buckets, clock);
        }
    }
    assert_eq!(buckets.len(), IDLE as usize + 64);
}
