//! Buckets of a store as a damaged disk gives them: what cannot be read is dropped, what can be read is
//! poured into, and what is written then can be read.
#![no_main]

mod rules;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use operators::bucket::change::{Change, Subject};
use operators::bucket::detect::{Detect, Outcome, Round};
use operators::bucket::dialect::{Dialect, Translator};
use operators::bucket::portrait::{Held, Portrait};
use operators::bucket::scenario::Takes;
use operators::bucket::{Buckets, GROUPS, Kept, Ledger};
use operators::state::{KeyedState, Take, TakeSome};
use operators::time::EventTime;

use rules::{RULES, feed, lookups};

const LINES: &str = concat!(
    "Jan  1 10:00:00 host sshd[1]: Failed password for root from 10.0.0.1\n",
    "ip=10.0.0.1 what=x\n",
    "ip=10.0.0.2 what=\"y z\"\n",
    "{\"ip\": \"10.0.0.1\", \"what\": \"v\", \"time\": \"2026-01-01T10:00:00Z\"}\n",
);

/// Version, how long it is remembered, whose it is: other bytes here, and nothing else is read.
const HEAD: usize = 17;

/// A store with one bucket.
#[derive(Clone, Debug, Default)]
struct Store {
    key: Vec<u8>,
    value: Vec<u8>,
}

impl KeyedState for Store {
    fn buckets(&self, group: u32, after: &[u8], take: &mut TakeSome<'_>) {
        let of_group = self.key.first().is_some_and(|first| u32::from(*first) == group);
        if of_group && *self.key > *after {
            take(&self.key, &self.value);
        }
    }

    fn bucket(&self, key: &[u8]) -> Option<Vec<u8>> {
        (key == self.key).then(|| self.value.clone())
    }

    fn blackholes(&self, group: u32, take: &mut Take<'_>) {
        self.buckets(group, &[], &mut |key, value| {
            take(key, value);
            true
        });
    }

    fn deadlines(&self, group: u32, take: &mut Take<'_>) {
        if self.key.first().is_some_and(|first| u32::from(*first) == group) {
            take(&self.value, &[]);
        }
    }

    fn dialect(&self, _: u32) -> Option<Dialect> {
        let mut other = RULES.catalogue.codec().dialect();
        other.fields.rotate_left(1);
        other.constants.push("another".into());
        Some(other)
    }

    fn lag(&self) -> u8 {
        1
    }

    fn budget(&self) -> usize {
        1 << 20
    }

    fn marks(&self) -> usize {
        1 << 16
    }
}

/// Buckets over a store after some lines: what changed in it, and how many were dropped.
fn run(store: Store, text: &str) -> Vec<Change> {
    let ledger = Ledger::new(Box::new(store), Takes::Logs, 0);
    let rules = Arc::clone(&RULES);
    let (catalogue, program) = (Arc::clone(&rules.catalogue), Arc::clone(&rules.program));
    let buckets = Buckets::kept(catalogue, program, ledger, 0..GROUPS);
    let buckets = Rc::new(RefCell::new(buckets));
    let mut detect = Detect::new(rules, lookups(), Rc::clone(&buckets), 1, Round::Lines);
    let outcomes = feed(&mut detect, text, true);
    let _ = buckets.borrow().all_open(EventTime(0));
    let changes = outcomes.into_iter().filter_map(|outcome| match outcome {
        Outcome::Changes(changes) => Some(changes.entries),
        _ => None,
    });
    changes.flatten().collect()
}

/// Buckets as they are written.
static REAL: LazyLock<Vec<Store>> = LazyLock::new(|| {
    let written = run(Store::default(), LINES).into_iter().filter_map(|change| {
        let of_bucket = change.subject == Subject::Bucket;
        let value = change.value.filter(|_| of_bucket)?;
        Some(Store { key: change.key.into(), value: value.into() })
    });
    let written: Vec<Store> = written.collect();
    assert!(written.len() > 2, "{written:?}");
    written
});

/// A real bucket with some of its bytes changed, or with all of them behind its head.
fn damaged(data: &[u8]) -> Option<Store> {
    let [which, how, rest @ ..] = data else { return None };
    let mut store = REAL.get(usize::from(*which) % REAL.len())?.clone();
    if how & 1 == 0 {
        for edit in rest.chunks_exact(2) {
            let place = HEAD + usize::from(edit[0]);
            if let Some(byte) = store.value.get_mut(place) {
                *byte = edit[1];
            }
        }
        if how & 2 != 0 {
            store.value.truncate(HEAD + rest.len());
        }
    } else {
        store.value.truncate(HEAD);
        store.value.extend_from_slice(rest);
    }
    Some(store)
}

/// What `spillway state` and a later rule set do with its events.
fn look_at(value: &[u8]) {
    let Some(portrait) = Portrait::read(value) else { return };
    let codec = RULES.catalogue.codec();
    let own = codec.dialect();
    let translator = Translator::new(&Store::default().dialect(1).expect("it has one"), codec);
    for event in &portrait.events {
        let _ = Held::read(event, &own);
        let kept = Kept::from_bytes(event);
        let (_, _, restored) = (kept.stamp(), kept.coordinate(), codec.restore(&kept));
        if let Some((event, at)) = restored {
            let again = codec.keep(&event, at);
            codec.restore(&again).expect("what is written can be read");
        }
        if let Some(translated) = translator.event(event) {
            let _ = codec.restore(&Kept::from_bytes(&translated));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(store) = damaged(data) else { return };
    look_at(&store.value);
    for change in run(store, LINES) {
        if let (Subject::Bucket, Some(value)) = (change.subject, &change.value) {
            assert!(Portrait::read(value).is_some(), "what is written can be read");
        }
    }
});
