//! The fold: pours in, overflows out. The buckets of one worker.
//!
//! What comes out is a function of the pours of each key in their order, and of nothing else: not
//! of what other keys do, of how pours are batched, or of when memory is swept.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::blackhole::{Blackholes, Manner};
use super::catalogue::Catalogue;
use super::census::{Census, Presence};
use super::cold::Cold;
use super::counter::Deadlines;
use super::failure::Counters;
use super::group::GROUPS;
use super::hole::Hole;
use super::judge::Judge;
use super::ledger::Ledger;
use super::overflow::overflow;
use super::overflow_filter;
use super::pour::{Pour, Want};
use super::scenario::{Kind, Scenario, ScenarioId};
use super::state::{Bucket, Step};
use super::survey::Survey;
use super::table::{Place, Table};
use crate::alert::Overflow;
use crate::expr::Program;
use crate::lookup::Lookups;
use crate::place::OrderKey;
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
        fn name(of: &Overflowed) -> (OrderKey, &str, &str, ScenarioId) {
            (of.cause, &of.overflow.alert.scenario, &of.key, of.scenario)
        }
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
pub(super) struct Group {
    pub(super) table: Table,
    pub(super) blackholes: Blackholes,
    /// Whether the blackholes that the store has are here.
    pub(super) has_holes: bool,
    /// Whether all buckets that only the store has are marked as cold.
    pub(super) surveyed: bool,
    /// Buckets that lived when they were last counted, by scenario.
    pub(super) live: BTreeMap<ScenarioId, u64>,
}

/// The buckets of one worker: those of any set of key groups.
#[derive(Debug)]
pub struct Buckets {
    pub(super) catalogue: Arc<Catalogue>,
    judge: Judge,
    pub(super) groups: Vec<Group>,
    pub(super) deadlines: Deadlines,
    counters: Vec<Counters>,
    manner: Manner,
    /// Of a run whose buckets outlive it.
    pub(super) ledger: Option<Ledger>,
    /// Buckets that the store alone has.
    pub(super) cold: Cold,
    pub(super) survey: Survey,
    pub(super) census: Census,
    /// The group that made room last.
    pub(super) roomy: u32,
}

impl Buckets {
    /// No buckets yet.
    pub fn new(catalogue: Arc<Catalogue>, program: Arc<Program>) -> Self {
        let groups = (0..GROUPS).map(|_| Group::default()).collect();
        let counters = vec![Counters::default(); catalogue.scenarios().len()];
        let judge = Judge::new(&catalogue, program);
        Self {
            catalogue,
            judge,
            groups,
            deadlines: Deadlines::default(),
            counters,
            manner: Manner::Own,
            ledger: None,
            cold: Cold::new(0),
            survey: Survey::default(),
            census: Census::default(),
            roomy: 0,
        }
    }

    /// No buckets yet, which keep their blackholes like this.
    pub fn in_manner(catalogue: Arc<Catalogue>, program: Arc<Program>, manner: Manner) -> Self {
        Self { manner, ..Self::new(catalogue, program) }
    }

    /// Applies a pour, which is not before the last one in the order, and appends what overflowed.
    pub fn pour(&mut self, pour: &Pour, lookups: &dyn Lookups, out: &mut Vec<Overflowed>) {
        self.end_before(pour.order.ends_before(), lookups, out);
        let catalogue = Arc::clone(&self.catalogue);
        for want in &pour.wants {
            let Some(scenario) = catalogue.scenario(want.claim.scenario) else { continue };
            let trigger = scenario.kind == Kind::Trigger;
            let (over, at) = match pour.time {
                Some(at) if !trigger => (self.fill(scenario, (pour, want), at, lookups), at),
                None if !trigger => {
                    self.count(scenario, |counters| counters.undated += 1);
                    continue;
                }
                time => {
                    let at = time.unwrap_or_else(|| lookups.now());
                    (Some(triggered(scenario, pour, want, at)), at)
                }
            };
            if let Some(bucket) = over {
                self.overflowed(&bucket, (at, pour.order), lookups, out);
            }
        }
    }

    /// Puts an event into the bucket that wants it; the bucket, if it is over by that.
    fn fill(
        &mut self,
        scenario: &Scenario,
        (pour, want): (&Pour, &Want),
        at: Stamp,
        lookups: &dyn Lookups,
    ) -> Option<Box<Bucket>> {
        if self.ledger.is_some() {
            self.warm_up(scenario, want.hash, &want.key);
        }
        let Self { catalogue, judge, groups, deadlines, counters, ledger, .. } = self;
        let group = groups.get_mut(want.hash.group() as usize)?;
        let (all, clock) = (catalogue.scenarios(), pour.order.clock);
        let place = group.table.place(scenario, want, (at.at, clock), all);
        let owner = place.owner().unwrap_or(scenario);
        let claim = want.claim_of(owner.id);
        let counters = counters.get_mut(owner.id.index())?;
        counters.begun += u64::from(matches!(place, Place::Free(_)));
        let mut fill = |bucket: &mut Bucket| {
            let step = bucket.apply(owner, pour, claim, at);
            counters.stepped(step, pour.order.partition);
            match step {
                Step::Repeated => Fate::Stays,
                Step::Cancelled => Fate::Goes,
                Step::Refused => Fate::Overflows,
                Step::Poured => {
                    let (full, errors) =
                        judge.judged(bucket, owner, &pour.event, (catalogue, lookups));
                    counters.errors += errors;
                    if full { Fate::Overflows } else { Fate::Stays }
                }
            }
        };
        match place {
            Place::Free(free) => {
                if let Some(ledger) = ledger
                    && free.was_stored()
                {
                    ledger.gone(catalogue, owner.id, &want.key);
                }
                let mut bucket = Bucket::new(owner, &want.key, at, clock);
                match fill(&mut bucket) {
                    Fate::Stays => {
                        let deadline = bucket.deadline(owner);
                        if let Some(deadline) = deadline {
                            deadlines.add(deadline, owner.id, &bucket.key);
                        }
                        if let Some(ledger) = ledger {
                            ledger.touched(want.hash);
                            if let Some(at) = deadline {
                                ledger.deadline(catalogue, (at, owner.id, &want.key), true);
                            }
                        }
                        free.put(bucket, owner, all);
                        None
                    }
                    Fate::Goes => None,
                    Fate::Overflows => Some(Box::new(bucket)),
                }
            }
            Place::Taken(mut taken) => {
                // A repetition need not wake the bucket.
                if claim.distinct.as_ref().is_some_and(|value| taken.has(value)) {
                    counters.repeated += 1;
                    return None;
                }
                let bucket = taken.wake()?;
                let fate = fill(bucket);
                if fate == Fate::Stays {
                    let known = std::mem::replace(&mut bucket.keeping.dirty, true);
                    taken.stays();
                    if let Some(ledger) = ledger.as_mut().filter(|_| !known) {
                        ledger.touched(want.hash);
                    }
                    return None;
                }
                let bucket = taken.remove()?;
                let deadline = bucket.deadline(owner);
                if let Some(deadline) = deadline {
                    deadlines.remove(deadline, owner.id, &bucket.key);
                }
                if let Some(ledger) = ledger {
                    ledger.left(catalogue, &bucket, deadline);
                }
                (fate == Fate::Overflows).then_some(bucket)
            }
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

    /// When the next bucket ends by itself.
    pub fn next_end(&self) -> Option<EventTime> {
        self.deadlines.first()
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

    /// How many buckets there are of each scenario, by its number; of a run whose buckets outlive it.
    pub fn presence(&self) -> &[Presence] {
        self.census.presence()
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
        let group = scenario.hash_base.with_key(key).group();
        let table = &self.groups.get(group as usize)?.table;
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

    /// A bucket that is over: the alert, then overflow filter and blackhole, as if in this order.
    fn overflowed(
        &mut self,
        bucket: &Bucket,
        (at, cause): (Stamp, OrderKey),
        lookups: &dyn Lookups,
        out: &mut Vec<Overflowed>,
    ) {
        let catalogue = Arc::clone(&self.catalogue);
        let Some(scenario) = catalogue.scenario(bucket.scenario) else { return };
        let number = match self.manner {
            Manner::Own => scenario.hash_base.with_key(&bucket.key).group(),
            // All together, since each overflow concerns all.
            Manner::Reference => 0,
        };
        if scenario.blackhole.is_some() {
            self.warm_holes(number);
        }
        let Self { catalogue, judge, groups, counters, manner, ledger, .. } = self;
        let Some(counters) = counters.get_mut(scenario.id.index()) else { return };
        let Some(Group { blackholes, .. }) = groups.get_mut(number as usize) else { return };
        let (manner, ledger) = (*manner, ledger.as_mut());
        let mut hole = Hole { blackholes, manner, ledger, catalogue, bucket, scenario, at, cause };
        counters.overflowed += 1;
        if scenario.kind == Kind::Trigger {
            counters.begun += 1;
            counters.poured(cause.partition);
        }
        // What nobody will see is not built, unless the overflow filter wants to see it first.
        if scenario.overflow_filter.is_none() && hole.hides() {
            counters.blackholed += 1;
            return;
        }
        let mut around = judge.surroundings(catalogue, lookups);
        match overflow(bucket, at, cause, &mut around) {
            Ok(built) if !overflow_filter::passes(scenario, bucket, &built, &mut around) => {
                counters.filtered += 1;
            }
            Ok(_) if scenario.overflow_filter.is_some() && hole.hides() => {
                counters.blackholed += 1;
            }
            Ok(overflow) => {
                hole.arm();
                counters.left += u64::from(scenario.reprocess && !overflow.reprocess);
                let (scenario, key) = (scenario.id, bucket.key.clone());
                out.push(Overflowed { cause, scenario, key, overflow });
            }
            Err(failure) => {
                hole.fail();
                *counters.failed.entry(failure).or_default() += 1;
            }
        }
        counters.alert_errors += around.errors;
        counters.context_errors += around.context_errors;
    }

    /// Timed buckets that end before `before` overflow, each at its deadline.
    fn end_before(&mut self, before: EventTime, lookups: &dyn Lookups, out: &mut Vec<Overflowed>) {
        while let Some((at, id, key)) = self.deadlines.pop(before) {
            let catalogue = Arc::clone(&self.catalogue);
            let Some(scenario) = catalogue.scenario(id) else { continue };
            let hash = scenario.hash_base.with_key(&key);
            if self.ledger.is_some() {
                self.warm_up(scenario, hash, &key);
            }
            let Some(group) = self.groups.get_mut(hash.group() as usize) else { continue };
            let bucket = group.table.take(scenario, &key, catalogue.scenarios());
            if let Some(ledger) = &mut self.ledger {
                ledger.deadline(&catalogue, (at, id, &key), false);
                if let Some(bucket) = &bucket {
                    ledger.left(&catalogue, bucket, None);
                }
            }
            let Some(bucket) = bucket else { continue };
            let stamp = Stamp::utc_at(at);
            let cause = OrderKey::at_deadline(at);
            self.overflowed(&bucket, (stamp, cause), lookups, out);
        }
    }

    /// An overflow of this scenario is not matched again: there were too many.
    pub fn leave(&mut self, id: ScenarioId) {
        if let Some(counters) = self.counters.get_mut(id.index()) {
            counters.left += 1;
        }
    }

    fn count(&mut self, scenario: &Scenario, change: impl FnOnce(&mut Counters)) {
        if let Some(counters) = self.counters.get_mut(scenario.id.index()) {
            change(counters);
        }
    }
}

/// What becomes of a bucket that an event came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
    Overflows,
}

/// The bucket of a trigger: it lives for one event, and `distinct`, `cancel_on` and `condition` do
/// not touch it (crowdsec pkg/leakybucket/trigger.go).
fn triggered(scenario: &Scenario, pour: &Pour, want: &Want, at: Stamp) -> Box<Bucket> {
    let mut bucket = Bucket::new(scenario, &want.key, at, pour.order.clock);
    bucket.total = 1;
    bucket.queue.add(pour.event.clone(), scenario.held);
    Box::new(bucket)
}
