//! The fold: pours in, overflows out. The buckets of one worker.
//!
//! What comes out is a function of the pours of each key in their order, and of nothing else: not
//! of what other keys do, of how pours are batched, or of when memory is swept.

use std::cmp::Ordering;
use std::sync::Arc;

use super::blackhole::Blackholes;
use super::catalogue::Catalogue;
use super::counter::Deadlines;
use super::evaluate::Evaluator;
use super::failure::Counters;
use super::group::{GROUPS, group_of};
use super::overflow::{Surroundings, overflow};
use super::pour::Pour;
use super::recall::Recall;
use super::scenario::{Kind, Scenario, ScenarioId};
use super::state::{Bucket, Step};
use super::table::{Hash, Table};
use super::{bayesian, conditional, overflow_filter, view};
use crate::alert::Overflow;
use crate::event::Event;
use crate::expr::Program;
use crate::lookup::Lookups;
use crate::order::OrderKey;
use crate::time::{EventTime, Stamp};

/// An overflow that counts, with what orders it among all.
#[derive(Clone, Debug)]
pub struct Overflowed {
    /// The record or deadline that caused it.
    pub cause: OrderKey,
    /// The scenario.
    pub scenario: ScenarioId,
    /// What `groupby` gave.
    pub key: Box<str>,
    /// The overflow.
    pub overflow: Overflow,
}

impl Overflowed {
    /// *The* order of overflows: by cause, name of the scenario, key of the bucket.
    pub fn order(&self, other: &Self) -> Ordering {
        let name = |of: &Self| (of.cause, Arc::clone(&of.overflow.alert.scenario), of.key.clone());
        name(self).cmp(&name(other))
    }
}

/// A bucket that has neither overflowed nor gone.
#[derive(Clone, Debug)]
pub struct Open {
    /// Name of the scenario.
    pub scenario: Arc<str>,
    /// What `groupby` gave.
    pub key: Box<str>,
    /// Capacity as written.
    pub capacity: i64,
    /// Events poured in all.
    pub poured: u32,
    /// Events that have not leaked.
    pub level: f64,
    /// First event.
    pub first: Stamp,
    /// Last event.
    pub last: Stamp,
}

#[derive(Debug, Default)]
struct Group {
    table: Table,
    blackholes: Blackholes,
}

/// The buckets of one worker: those of any set of key groups.
#[derive(Debug)]
pub struct Buckets {
    catalogue: Arc<Catalogue>,
    evaluator: Evaluator,
    recall: Recall,
    /// For conditions that name nothing of the event.
    nothing: Option<Event>,
    groups: Vec<Group>,
    deadlines: Deadlines,
    counters: Vec<Counters>,
}

impl Buckets {
    /// No buckets yet.
    pub fn new(catalogue: Arc<Catalogue>, program: Arc<Program>) -> Self {
        let groups = (0..GROUPS).map(|_| Group::default()).collect();
        let counters = vec![Counters::default(); catalogue.scenarios().len()];
        let evaluator = Evaluator::new(program);
        Self {
            catalogue,
            evaluator,
            recall: Recall::default(),
            nothing: None,
            groups,
            deadlines: Deadlines::default(),
            counters,
        }
    }

    /// Applies a pour, which is not before the last one in the order, and appends what overflowed.
    pub fn pour(&mut self, pour: &Pour, lookups: &dyn Lookups, out: &mut Vec<Overflowed>) {
        self.end_before(pour.order.clock, lookups, out);
        let catalogue = Arc::clone(&self.catalogue);
        let Some(scenario) = catalogue.scenario(pour.scenario) else { return };
        if scenario.kind == Kind::Trigger {
            let now = || lookups.now();
            let at = pour.time.map_or_else(now, |time| stamp_of(pour, time));
            let bucket = triggered(scenario, pour, at);
            return self.overflowed(&bucket, (at, pour.order), lookups, out);
        }
        let Some(time) = pour.time else {
            return self.count(scenario, |counters| counters.undated += 1);
        };
        let at = stamp_of(pour, time);
        let hash = Hash::of(scenario, &pour.key);
        let known = self.take(scenario, &pour.key, hash);
        let known = known.and_then(|old| Some((catalogue.scenario(old.scenario)?, old)));
        let known = known.filter(|(owner, old)| !old.is_expired(owner, time, pour.order.clock));
        let fresh = || (scenario, Box::new(Bucket::new(scenario, pour, at)));
        let (scenario, mut bucket) = known.unwrap_or_else(fresh);
        let pour = &*pour.for_owner(scenario.id);
        let step = bucket.apply(scenario, pour, at);
        self.count(scenario, |counters| match step {
            Step::Repeated => counters.repeated += 1,
            Step::Cancelled => counters.cancelled += 1,
            Step::Poured | Step::Refused => counters.poured += 1,
        });
        let full = match step {
            Step::Repeated => false,
            Step::Cancelled => return,
            Step::Poured => self.judged(&mut bucket, scenario, pour, lookups),
            Step::Refused => true,
        };
        if full {
            self.overflowed(&bucket, (at, pour.order), lookups, out);
        } else {
            self.put(bucket, hash, scenario, pour.order.clock);
        }
    }

    /// Lets time pass: no record with this clock or an earlier one is to come. Buckets whose time
    /// is over by then overflow.
    pub fn advance(
        &mut self,
        through: EventTime,
        lookups: &dyn Lookups,
        out: &mut Vec<Overflowed>,
    ) {
        self.end_before(EventTime(through.0.saturating_add(1)), lookups, out);
    }

    /// Forgets what no later pour can find. Memory is swept as it grows; this only does it now.
    pub fn sweep(&mut self, clock: EventTime) {
        for group in &mut self.groups {
            group.table.sweep(self.catalogue.scenarios(), clock);
            group.blackholes.sweep(clock);
        }
    }

    /// What happened so far, by number of scenario.
    pub fn counters(&self) -> &[Counters] {
        &self.counters
    }

    /// How many buckets are in memory. Some may be expired already.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|group| group.table.len()).sum()
    }

    /// Whether no bucket is in memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A bucket, as it stands at `at`.
    pub fn open(&self, scenario: ScenarioId, key: &str, at: EventTime) -> Option<Open> {
        let scenario = self.catalogue.scenario(scenario)?;
        let table = &self.groups.get(group_index(scenario, key))?.table;
        let bucket = table.get(scenario, key, self.catalogue.scenarios())?;
        let scenario = self.catalogue.scenario(bucket.scenario)?;
        let lives = scenario.timed || at.0 <= bucket.last.at.0.saturating_add(scenario.lifetime);
        lives.then(|| Open {
            scenario: Arc::clone(&scenario.name),
            key: key.into(),
            capacity: scenario.capacity.number(),
            poured: bucket.total,
            level: bucket.level(scenario, at),
            first: bucket.first,
            last: bucket.last,
        })
    }

    /// All buckets that live at `at`, by name of the scenario and key.
    pub fn all_open(&self, at: EventTime) -> Vec<Open> {
        let names = self.groups.iter().flat_map(|group| group.table.names());
        let mut all: Vec<_> = names.filter_map(|(id, key)| self.open(id, key, at)).collect();
        all.sort_by(|a, b| (&a.scenario, &a.key).cmp(&(&b.scenario, &b.key)));
        all
    }

    /// Condition and evidence, after an event went in.
    fn judged(
        &mut self,
        bucket: &mut Bucket,
        scenario: &Scenario,
        pour: &Pour,
        lookups: &dyn Lookups,
    ) -> bool {
        let evidence = matches!(scenario.kind, Kind::Bayesian(_));
        if scenario.condition.is_none() && !evidence {
            return false;
        }
        let catalogue = Arc::clone(&self.catalogue);
        let events = self.recall.events(bucket, scenario, &catalogue);
        let needs = self.evaluator.needs(scenario);
        let roots: &[_] = match needs.leaky {
            true => &view::roots(bucket, events, scenario, None),
            false => &view::queue(events, scenario),
        };
        let mut own;
        let event = if needs.event {
            let Some(event) = self.recall.event(&pour.event, &catalogue) else { return false };
            own = Event::clone(&event);
            &mut own
        } else {
            self.nothing.get_or_insert_with(|| catalogue.codec().nothing())
        };
        let mut around = Surroundings {
            catalogue: &catalogue,
            evaluator: &mut self.evaluator,
            recall: &mut self.recall,
            lookups,
            errors: 0, context_errors: 0,
        };
        let held = scenario.condition.is_some_and(|condition| {
            conditional::holds(condition, event, roots, &mut around).unwrap_or(false)
        });
        let full = held
            || match &scenario.kind {
                Kind::Bayesian(numbers) => {
                    let latched = &mut bucket.latched;
                    bayesian::overflows(numbers, latched, event, roots, &mut around)
                }
                _ => false,
            };
        let errors = around.errors;
        self.count(scenario, |counters| counters.errors += errors);
        full
    }

    /// A bucket that is over: the alert, then overflow filter and blackhole, in this order. An
    /// alert that cannot be built arms no blackhole.
    fn overflowed(
        &mut self,
        bucket: &Bucket,
        (at, cause): (Stamp, OrderKey),
        lookups: &dyn Lookups,
        out: &mut Vec<Overflowed>,
    ) {
        let catalogue = Arc::clone(&self.catalogue);
        let Some(scenario) = catalogue.scenario(bucket.scenario) else { return };
        let mut around = self.surroundings(&catalogue, lookups);
        let built = overflow(bucket, at, cause, &mut around);
        let passes = match &built {
            Ok(built) => overflow_filter::passes(scenario, bucket, built, &mut around),
            Err(_) => true,
        };
        let (errors, context_errors) = (around.errors, around.context_errors);
        let hidden = built.is_ok() && passes && self.hidden(bucket, scenario, at, cause.clock);
        self.count(scenario, |counters| {
            counters.overflowed += 1;
            counters.alert_errors += errors;
            counters.context_errors += context_errors;
            counters.poured += u64::from(scenario.kind == Kind::Trigger);
            counters.filtered += u64::from(!passes);
            counters.blackholed += u64::from(hidden);
            if let Err(failure) = &built {
                *counters.failed.entry(*failure).or_default() += 1;
            }
        });
        if let Ok(overflow) = built
            && passes
            && !hidden
        {
            let (scenario, key) = (scenario.id, bucket.key.clone());
            out.push(Overflowed { cause, scenario, key, overflow });
        }
    }

    /// Whether the bucket's blackhole swallows this overflow; arms it where it does not.
    fn hidden(
        &mut self,
        bucket: &Bucket,
        scenario: &Scenario,
        at: Stamp,
        clock: EventTime,
    ) -> bool {
        let Some(duration) = scenario.blackhole else { return false };
        let index = group_index(scenario, &bucket.key);
        let Some(group) = self.groups.get_mut(index) else { return false };
        let name = (scenario.id, bucket.key.clone());
        let hidden = group.blackholes.hides(&name, at.at, clock);
        if !hidden {
            group.blackholes.arm(name, duration, at.at, clock);
        }
        hidden
    }

    /// Timed buckets that end before `before` overflow, each at its deadline.
    fn end_before(&mut self, before: EventTime, lookups: &dyn Lookups, out: &mut Vec<Overflowed>) {
        while let Some((at, id, key)) = self.deadlines.pop(before) {
            let catalogue = Arc::clone(&self.catalogue);
            let Some(scenario) = catalogue.scenario(id) else { continue };
            let hash = Hash::of(scenario, &key);
            let Some(bucket) = self.take(scenario, &key, hash) else { continue };
            let stamp = Stamp::utc_at(at);
            let cause = OrderKey::at_deadline(at);
            self.overflowed(&bucket, (stamp, cause), lookups, out);
        }
    }

    fn take(&mut self, scenario: &Scenario, key: &str, hash: Hash) -> Option<Box<Bucket>> {
        let group = self.groups.get_mut(hash.group())?;
        let bucket = group.table.take(scenario, key, hash, self.catalogue.scenarios())?;
        let owner = self.catalogue.scenario(bucket.scenario)?;
        if let Some(deadline) = bucket.deadline(owner) {
            self.deadlines.remove(deadline, owner.id, key);
        }
        Some(bucket)
    }

    fn put(&mut self, bucket: Box<Bucket>, hash: Hash, scenario: &Scenario, clock: EventTime) {
        if let Some(deadline) = bucket.deadline(scenario) {
            self.deadlines.add(deadline, scenario.id, &bucket.key);
        }
        if let Some(group) = self.groups.get_mut(hash.group()) {
            group.table.put((bucket, hash), scenario, self.catalogue.scenarios(), clock);
        }
    }

    fn surroundings<'a>(
        &'a mut self,
        catalogue: &'a Catalogue,
        lookups: &'a dyn Lookups,
    ) -> Surroundings<'a> {
        let (evaluator, recall) = (&mut self.evaluator, &mut self.recall);
        Surroundings { catalogue, evaluator, recall, lookups, errors: 0, context_errors: 0 }
    }

    fn count(&mut self, scenario: &Scenario, change: impl FnOnce(&mut Counters)) {
        if let Some(counters) = self.counters.get_mut(scenario.id.index()) {
            change(counters);
        }
    }
}

/// The bucket of a trigger: it lives for one event, and `distinct`, `cancel_on` and `condition` do
/// not touch it (crowdsec pkg/leakybucket/trigger.go).
fn triggered(scenario: &Scenario, pour: &Pour, at: Stamp) -> Bucket {
    let mut bucket = Bucket::new(scenario, pour, at);
    bucket.total = 1;
    bucket.queue.add(pour.event.clone(), scenario.held);
    bucket
}

/// `time` in the zone that the event was written in.
fn stamp_of(pour: &Pour, time: EventTime) -> Stamp {
    match pour.event.stamp() {
        Some(stamp) if stamp.at == time => stamp,
        _ => Stamp::utc_at(time),
    }
}

fn group_index(scenario: &Scenario, key: &str) -> usize {
    group_of(&scenario.name, key) as usize
}
