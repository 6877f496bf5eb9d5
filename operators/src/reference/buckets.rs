//! Buckets of the slow twin: a map, looked through from its start to its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Pour;
use crate::bucket::conditional::Case;
use crate::bucket::evaluate::Evaluator;
use crate::bucket::overflow::{Surroundings, overflow};
use crate::bucket::recall::Recall;
use crate::bucket::scenario::{Kind, Scenario, ScenarioId};
use crate::bucket::state::{Bucket, GRACE, Keeping};
use crate::bucket::{Catalogue, Overflowed, bayesian, overflow_filter, view};
use crate::expr::Program;
use crate::lookup::Lookups;
use crate::place::OrderKey;
use crate::time::{EventTime, Stamp};
use crate::value::{List, ListKind, Value};

type Name = (ScenarioId, Box<str>);

/// The last overflow of a bucket that counted.
struct Hole {
    at: EventTime,
    clock: EventTime,
}

/// All buckets.
pub(super) struct Buckets<'a> {
    catalogue: &'a Catalogue,
    program: Arc<Program>,
    lookups: &'a dyn Lookups,
    /// By CrowdSec's key, made of the name of the scenario, its filter and what `groupby` gave.
    live: BTreeMap<Arc<str>, Bucket>,
    holes: BTreeMap<Name, Hole>,
    /// Overflows that count, as they came.
    pub(super) overflows: Vec<Overflowed>,
}

impl<'a> Buckets<'a> {
    pub(super) fn new(
        catalogue: &'a Catalogue,
        program: Arc<Program>,
        lookups: &'a dyn Lookups,
    ) -> Self {
        let (live, holes, overflows) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { catalogue, program, lookups, live, holes, overflows }
    }

    /// Applies the next pour of the order.
    pub(super) fn pour(&mut self, pour: &Pour) {
        self.end_before(pour.order.ends_before());
        let catalogue = self.catalogue;
        let Some(scenario) = catalogue.scenario(pour.scenario) else { return };
        if scenario.kind == Kind::Trigger {
            let at = pour.time.unwrap_or_else(|| self.lookups.now());
            let mut bucket = empty(scenario, pour, at);
            bucket.total = 1;
            bucket.queue.add(pour.event.clone(), scenario.held);
            return self.overflowed(&bucket, at, pour.order);
        }
        let Some(at) = pour.time else { return };
        let name = scenario.map_key(&pour.key);
        // The scenario that opened a bucket rules it, whoever pours.
        let old = self.live.remove(&name).and_then(|old| {
            let owner = catalogue.scenario(old.scenario)?;
            lives(&old, owner, at, pour.order.clock).then_some((owner, old))
        });
        let (scenario, mut bucket) = old.unwrap_or_else(|| (scenario, empty(scenario, pour, at)));
        let Some(claim) = pour.claims.iter().find(|claim| claim.scenario == scenario.id) else {
            return;
        };
        if let Some(value) = &claim.distinct
            && !bucket.distinct.insert((**value).into())
        {
            self.live.insert(name, bucket);
            return;
        }
        if claim.cancel {
            return;
        }
        if self.fills(&mut bucket, scenario, pour, at) {
            self.overflowed(&bucket, at, pour.order);
        } else {
            self.live.insert(name, bucket);
        }
    }

    /// Puts an event in; whether the bucket is over then.
    fn fills(&self, bucket: &mut Bucket, scenario: &Scenario, pour: &Pour, at: Stamp) -> bool {
        let last = (bucket.total > 0).then_some(bucket.last.at);
        if bucket.total == 0 {
            bucket.first = at;
        }
        bucket.total += 1;
        bucket.last = at;
        bucket.clock = pour.order.clock;
        bucket.queue.add(pour.event.clone(), scenario.held);
        match scenario.limiter.take(bucket.tokens, last, at.at) {
            Some(left) => bucket.tokens = left,
            None if scenario.kind == Kind::Conditional => {}
            None => return true,
        }
        let codec = self.catalogue.codec();
        let Some((mut event, _)) = codec.restore(&pour.event) else { return false };
        let events = bucket.queue.iter().filter_map(|kept| codec.restore(kept));
        let items = events.map(|(event, _)| Value::Held(Arc::new(event))).collect();
        let events = Arc::new(List { kind: ListKind::Typed, nil: false, items });
        let roots = view::roots(bucket, events, scenario, None);
        let evaluator = &mut Evaluator::new(Arc::clone(&self.program));
        let (event, roots, lookups) = (&mut event, &roots, self.lookups);
        // The queue is a list here, which conditions look through.
        let mut case = Case { evaluator, event, roots, past: None, lookups, errors: 0 };
        scenario.condition.and_then(|condition| case.holds(condition)) == Some(true)
            || match &scenario.kind {
                Kind::Bayesian(numbers) => {
                    bayesian::overflows(numbers, &mut bucket.latched, &mut case)
                }
                _ => false,
            }
    }

    /// Timed buckets whose deadline is before `before` overflow, soonest first.
    pub(super) fn end_before(&mut self, before: EventTime) {
        let mut over: Vec<_> = self.ends().filter(|(end, _)| *end < before).collect();
        over.sort();
        for (at, name) in over {
            let Some(bucket) = self.live.remove(&name) else { continue };
            let stamp = Stamp::utc_at(at);
            self.overflowed(&bucket, stamp, OrderKey::at_deadline(at));
        }
    }

    /// When the next timed bucket ends.
    pub(super) fn next_end(&self) -> Option<EventTime> {
        self.ends().map(|(end, _)| end).min()
    }

    /// Timed buckets and when they end.
    fn ends(&self) -> impl Iterator<Item = (EventTime, Arc<str>)> {
        self.live.iter().filter_map(|(name, bucket)| {
            let scenario = self.catalogue.scenario(bucket.scenario)?;
            let end = EventTime(bucket.born.0 + scenario.lifetime);
            scenario.timed.then(|| (end, Arc::clone(name)))
        })
    }

    /// A bucket is over: its alert, its overflow filter, its blackhole.
    fn overflowed(&mut self, bucket: &Bucket, at: Stamp, cause: OrderKey) {
        let Some(scenario) = self.catalogue.scenario(bucket.scenario) else { return };
        let mut evaluator = Evaluator::new(Arc::clone(&self.program));
        let mut recall = Recall::default();
        let mut around = self.surroundings(&mut evaluator, &mut recall);
        let Ok(overflow) = overflow(bucket, at, cause, &mut around) else { return };
        if !overflow_filter::passes(scenario, bucket, &overflow, &mut around) {
            return;
        }
        let name = (scenario.id, bucket.key.clone());
        if let Some(duration) = scenario.blackhole {
            let hidden = self.holes.get(&name).is_some_and(|hole| {
                let late = cause.clock.0 > hole.clock.0 + duration + GRACE;
                at.at.0 < hole.at.0 + duration && !late
            });
            if hidden {
                return;
            }
            self.holes.insert(name, Hole { at: at.at, clock: cause.clock });
        }
        let key = bucket.key.clone();
        self.overflows.push(Overflowed { cause, scenario: scenario.id, key, overflow });
    }

    fn surroundings<'s>(
        &'s self,
        evaluator: &'s mut Evaluator,
        recall: &'s mut Recall,
    ) -> Surroundings<'s> {
        let (catalogue, lookups) = (self.catalogue, self.lookups);
        Surroundings { catalogue, evaluator, recall, lookups, errors: 0, context_errors: 0 }
    }
}

fn empty(scenario: &Scenario, pour: &Pour, at: Stamp) -> Bucket {
    Bucket {
        scenario: scenario.id,
        key: (*pour.key).into(),
        tokens: scenario.limiter.full(),
        first: at,
        last: at,
        born: pour.order.clock,
        clock: pour.order.clock,
        total: 0,
        queue: Default::default(),
        sifted: None,
        distinct: Default::default(),
        latched: Default::default(),
        keeping: Keeping::NEW,
    }
}

/// Whether an event finds this bucket alive: it comes within the lifetime after the last event, by
/// its own time and, with some grace, by the clock of the order. A timed bucket lives until its
/// deadline.
fn lives(bucket: &Bucket, scenario: &Scenario, at: Stamp, clock: EventTime) -> bool {
    let by_time = at.at.0 <= bucket.last.at.0 + scenario.lifetime;
    let by_clock = clock.0 <= bucket.clock.0 + scenario.lifetime + GRACE;
    scenario.timed || (by_time && by_clock)
}
