//! The buckets of one key group, found by scenario and key and changed where they lie.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hashbrown::HashTable;
use hashbrown::hash_table::{AbsentEntry, OccupiedEntry, VacantEntry};

use super::group::BucketHash;
use super::packed::Packed;
use super::pour::Want;
use super::record::until;
use super::scenario::{Scenario, ScenarioId};
use super::state::{Bucket, Keeping, Life};
use crate::time::EventTime;

/// So few buckets are never worth a sweep.
const FEW: usize = 64;
/// A table with so many places for each bucket is made smaller.
const SPARSE: usize = 16;

/// Buckets by scenario and key. Its own order never shows: [`Table::names`] is for callers who
/// sort.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: HashTable<Slot>,
    swept: usize,
    /// What the buckets take, roughly. Unit: bytes.
    weight: usize,
    /// Buckets that were found expired, by scenario.
    leaked: BTreeMap<ScenarioId, u64>,
}

/// What a bucket takes besides its bytes: its place in the table, and what the allocator rounds up to;
/// measured with millions of them. Unit: bytes.
const PLACE: usize = 64;
/// What a bucket with several events takes besides its key and its events. Unit: bytes.
const LIVE: usize = 320;
/// What an event takes, roughly. Unit: bytes.
const EVENT: usize = 160;

#[derive(Debug)]
pub(super) enum Slot {
    Packed(Packed),
    Live(Box<Bucket>),
}

impl Slot {
    fn new(bucket: Bucket, scenario: &Scenario) -> Self {
        // What restores to something else stays as it is: the small form leaves out what follows
        // from the first event.
        match Packed::new(&bucket) {
            Some(packed) if !scenario.timed || bucket.born == bucket.clock => Self::Packed(packed),
            _ => Self::Live(Box::new(bucket)),
        }
    }

    fn name(&self) -> (ScenarioId, &str) {
        match self {
            Self::Packed(packed) => packed.name().unwrap_or_default(),
            Self::Live(bucket) => (bucket.scenario, &bucket.key),
        }
    }

    /// Whether events of a scenario with this key go here.
    fn is(&self, scenario: &Scenario, key: &str) -> bool {
        let (owner, own_key) = self.name();
        own_key == key && (owner == scenario.id || scenario.twins.contains(&owner))
    }

    fn hash(&self, scenarios: &[Scenario]) -> u64 {
        let (id, key) = self.name();
        let scenario = scenarios.get(id.index());
        scenario.map_or(0, |scenario| scenario.hash_base.with_key(key).spread())
    }

    fn weight(&self) -> usize {
        match self {
            Self::Packed(packed) => packed.len() + PLACE,
            Self::Live(bucket) => {
                let values = bucket.distinct.len() + bucket.queue.len();
                LIVE + bucket.key.len() + EVENT * values
            }
        }
    }

    fn keeping(&self) -> Keeping {
        match self {
            Self::Packed(packed) => packed.keeping(),
            Self::Live(bucket) => bucket.keeping,
        }
    }

    fn set_stored(&mut self, seal: u8) {
        match self {
            Self::Packed(packed) => packed.set_stored(seal),
            Self::Live(bucket) => bucket.keeping = Keeping { dirty: false, stored: true, seal },
        }
    }

    fn life(&self) -> Option<Life> {
        match self {
            Self::Packed(packed) => packed.read().map(|contents| contents.life()),
            Self::Live(bucket) => Some(bucket.life()),
        }
    }

    fn restore(&self, owner: &Scenario) -> Option<Box<Bucket>> {
        match self {
            Self::Packed(packed) => Some(Box::new(packed.read()?.restore(owner))),
            Self::Live(bucket) => Some(bucket.clone()),
        }
    }

    /// The bucket, to be read.
    fn shown(&self, owner: &Scenario) -> Option<Cow<'_, Bucket>> {
        match self {
            Self::Live(bucket) => Some(Cow::Borrowed(bucket)),
            Self::Packed(packed) => Some(Cow::Owned(packed.read()?.restore(owner))),
        }
    }

    fn into_bucket(self, owner: &Scenario) -> Option<Box<Bucket>> {
        match self {
            Self::Live(bucket) => Some(bucket),
            packed @ Self::Packed(_) => packed.restore(owner),
        }
    }
}

/// Where the bucket of a scenario and a key lives, or would live.
#[derive(Debug)]
pub(super) enum Place<'a> {
    Taken(Taken<'a>),
    Free(Free<'a>),
}

/// A bucket in its place.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    entry: OccupiedEntry<'a, Slot>,
    /// The scenario that opened it, which may be a twin.
    owner: &'a Scenario,
    weight: &'a mut usize,
    /// What it has in `weight`.
    own: usize,
}

/// A place without a bucket.
#[derive(Debug)]
pub(super) enum Free<'a> {
    /// There never was one.
    Absent(AbsentEntry<'a, Slot>, BucketHash, &'a mut usize),
    /// The one that was here has expired; whether the store knows it.
    Vacant(VacantEntry<'a, Slot>, bool, &'a mut usize),
}

impl<'a> Place<'a> {
    /// The scenario that opened the bucket that is here.
    pub(super) fn owner(&self) -> Option<&'a Scenario> {
        match self {
            Self::Taken(taken) => Some(taken.owner),
            Self::Free(_) => None,
        }
    }
}

impl Taken<'_> {
    /// Whether it has had this value of `distinct`.
    pub(super) fn has(&self, value: &str) -> bool {
        match self.entry.get() {
            Slot::Packed(packed) => packed.read().is_some_and(|it| it.distinct == Some(value)),
            Slot::Live(bucket) => bucket.distinct.contains(value),
        }
    }

    /// The bucket, to be changed; `None` where its bytes are those of other rules.
    pub(super) fn wake(&mut self) -> Option<&mut Bucket> {
        let slot = self.entry.get_mut();
        if let Slot::Packed(_) = slot {
            *slot = Slot::Live(slot.restore(self.owner)?);
        }
        match slot {
            Slot::Live(bucket) => Some(bucket),
            Slot::Packed(_) => None,
        }
    }

    /// It stays as it was changed.
    pub(super) fn stays(self) {
        *self.weight = self.weight.saturating_sub(self.own) + self.entry.get().weight();
    }

    /// Takes it out.
    pub(super) fn remove(self) -> Option<Box<Bucket>> {
        let (slot, _) = self.entry.remove();
        *self.weight = self.weight.saturating_sub(self.own);
        slot.into_bucket(self.owner)
    }
}

impl Free<'_> {
    /// Whether the store knows the bucket that was here.
    pub(super) fn was_stored(&self) -> bool {
        matches!(self, Self::Vacant(_, true, _))
    }

    /// Puts a bucket here.
    pub(super) fn put(self, bucket: Bucket, scenario: &Scenario, scenarios: &[Scenario]) {
        let slot = Slot::new(bucket, scenario);
        match self {
            Self::Vacant(place, _, weight) => {
                *weight += slot.weight();
                place.insert(slot);
            }
            Self::Absent(place, hash, weight) => {
                *weight += slot.weight();
                let slots = place.into_table();
                slots.insert_unique(hash.spread(), slot, |slot| slot.hash(scenarios));
            }
        }
    }
}

impl Table {
    /// The place of the bucket that `scenario` wants, which may be that of a twin, for an event of
    /// this time that is ordered at this clock. What has expired by then is gone.
    pub(super) fn place<'a>(
        &'a mut self,
        scenario: &Scenario,
        want: &Want,
        (time, clock): (EventTime, EventTime),
        scenarios: &'a [Scenario],
    ) -> Place<'a> {
        if self.slots.len() >= FEW.max(2 * self.swept) {
            self.sweep(scenarios, clock);
        }
        let here = |slot: &Slot| slot.is(scenario, &want.key);
        let (weight, leaked) = (&mut self.weight, &mut self.leaked);
        match self.slots.find_entry(want.hash.spread(), here) {
            Err(absent) => Place::Free(Free::Absent(absent, want.hash, weight)),
            Ok(entry) => {
                let owner = scenarios.get(entry.get().name().0.index());
                let known = owner.zip(entry.get().life());
                match known.filter(|(owner, life)| !life.is_expired(owner, time, clock)) {
                    Some((owner, _)) => {
                        let own = entry.get().weight();
                        Place::Taken(Taken { entry, owner, weight, own })
                    }
                    None => {
                        let (slot, place) = entry.remove();
                        *weight = weight.saturating_sub(slot.weight());
                        *leaked.entry(slot.name().0).or_default() += 1;
                        Place::Free(Free::Vacant(place, slot.keeping().stored, weight))
                    }
                }
            }
        }
    }

    /// Takes a bucket out, which may be that of a twin.
    pub(super) fn take(
        &mut self,
        scenario: &Scenario,
        key: &str,
        scenarios: &[Scenario],
    ) -> Option<Box<Bucket>> {
        let hash = scenario.hash_base.with_key(key);
        let entry = self.slots.find_entry(hash.spread(), |slot| slot.is(scenario, key)).ok()?;
        let owner = scenarios.get(entry.get().name().0.index())?;
        let (slot, _) = entry.remove();
        self.weight = self.weight.saturating_sub(slot.weight());
        slot.into_bucket(owner)
    }

    /// A copy of a bucket, which may be that of a twin.
    pub(super) fn get(
        &self,
        scenario: &Scenario,
        key: &str,
        scenarios: &[Scenario],
    ) -> Option<Box<Bucket>> {
        let hash = scenario.hash_base.with_key(key);
        let slot = self.slots.find(hash.spread(), |slot| slot.is(scenario, key))?;
        slot.restore(scenarios.get(slot.name().0.index())?)
    }

    /// Forgets the buckets that every event still to come would find expired.
    pub(super) fn sweep(&mut self, scenarios: &[Scenario], clock: EventTime) {
        let leaked = &mut self.leaked;
        self.slots.retain(|slot| {
            let id = slot.name().0;
            let known = scenarios.get(id.index()).zip(slot.life());
            let stays = known.is_some_and(|(owner, life)| !life.is_forgotten(owner, clock));
            if !stays {
                *leaked.entry(id).or_default() += 1;
            }
            stays
        });
        self.weigh(scenarios);
    }

    /// How many were found expired since the last call, by scenario.
    pub(super) fn take_leaked(&mut self) -> BTreeMap<ScenarioId, u64> {
        std::mem::take(&mut self.leaked)
    }

    /// How many have time left at `clock`, by scenario.
    pub(super) fn living(
        &self,
        scenarios: &[Scenario],
        clock: EventTime,
    ) -> BTreeMap<ScenarioId, u64> {
        let mut living = BTreeMap::new();
        for slot in &self.slots {
            let id = slot.name().0;
            let known = scenarios.get(id.index()).zip(slot.life());
            if known.is_some_and(|(owner, life)| !life.is_expired(owner, clock, clock)) {
                *living.entry(id).or_default() += 1;
            }
        }
        living
    }

    /// Whether a bucket with this hash is here.
    pub(super) fn holds(&self, scenario: &Scenario, key: &str, hash: BucketHash) -> bool {
        self.slots.find(hash.spread(), |slot| slot.is(scenario, key)).is_some()
    }

    /// Puts back a bucket as the store has it.
    pub(super) fn restore(
        &mut self,
        (bucket, hash): (Bucket, BucketHash),
        owner: &Scenario,
        scenarios: &[Scenario],
    ) {
        let slot = Slot::new(bucket, owner);
        self.weight += slot.weight();
        self.slots.insert_unique(hash.spread(), slot, |slot| slot.hash(scenarios));
    }

    /// Shows the buckets of a hash that changed since they were last handed over, which `take` does
    /// now for this seal.
    pub(super) fn hand_over(
        &mut self,
        hash: BucketHash,
        seal: u8,
        scenarios: &[Scenario],
        mut take: impl FnMut(&Bucket, &Scenario),
    ) {
        for slot in self.slots.iter_hash_mut(hash.spread()) {
            if !slot.keeping().dirty || slot.hash(scenarios) != hash.spread() {
                continue;
            }
            let owner = scenarios.get(slot.name().0.index());
            if let Some((owner, bucket)) = owner.and_then(|owner| Some((owner, slot.shown(owner)?)))
            {
                take(&bucket, owner);
            }
            slot.set_stored(seal);
        }
    }

    /// Drops the buckets that the store has as they are and that have not changed for `age` seals;
    /// `gone` gets the hash of each, its owner, and until when it is remembered.
    pub(super) fn evict(
        &mut self,
        (seal, age): (u8, u8),
        scenarios: &[Scenario],
        mut gone: impl FnMut(u64, &Scenario, EventTime),
    ) {
        self.slots.retain(|slot| {
            let keeping = slot.keeping();
            let stays = keeping.dirty || !keeping.stored || seal.wrapping_sub(keeping.seal) <= age;
            let owner = scenarios.get(slot.name().0.index());
            if let Some((owner, life)) = owner.zip(slot.life()).filter(|_| !stays) {
                gone(slot.hash(scenarios), owner, until(life, owner));
            }
            stays
        });
        self.weigh(scenarios);
    }

    /// After buckets left: their places are kept for those that come next, but where most of them did.
    fn weigh(&mut self, scenarios: &[Scenario]) {
        self.swept = self.slots.len();
        self.weight = self.slots.iter().map(Slot::weight).sum();
        if self.slots.capacity() > SPARSE * self.swept.max(FEW) {
            self.slots.shrink_to(2 * self.swept, |slot| slot.hash(scenarios));
        }
    }

    /// What the buckets take, roughly. Unit: bytes.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Scenario and key of every bucket, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = (ScenarioId, &str)> {
        self.slots.iter().map(Slot::name)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}
