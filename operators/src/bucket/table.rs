//! The buckets of one key group, found by scenario and key and changed where they lie.

use hashbrown::HashTable;
use hashbrown::hash_table::{AbsentEntry, OccupiedEntry, VacantEntry};

use super::group::BucketHash;
use super::packed::Packed;
use super::pour::Want;
use super::scenario::{Scenario, ScenarioId};
use super::state::{Bucket, Life};
use crate::time::EventTime;

/// So few buckets are never worth a sweep.
const FEW: usize = 64;

/// Buckets by scenario and key. Its own order never shows: [`Table::names`] is for callers who
/// sort.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: HashTable<Slot>,
    swept: usize,
}

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
}

/// A place without a bucket.
#[derive(Debug)]
pub(super) enum Free<'a> {
    /// There never was one.
    Absent(AbsentEntry<'a, Slot>, BucketHash),
    /// The one that was here has expired.
    Vacant(VacantEntry<'a, Slot>),
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

    /// Takes it out.
    pub(super) fn remove(self) -> Option<Box<Bucket>> {
        self.entry.remove().0.into_bucket(self.owner)
    }
}

impl Free<'_> {
    /// Puts a bucket here.
    pub(super) fn put(self, bucket: Bucket, scenario: &Scenario, scenarios: &[Scenario]) {
        let slot = Slot::new(bucket, scenario);
        match self {
            Self::Vacant(place) => {
                place.insert(slot);
            }
            Self::Absent(place, hash) => {
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
        match self.slots.find_entry(want.hash.spread(), here) {
            Err(absent) => Place::Free(Free::Absent(absent, want.hash)),
            Ok(entry) => {
                let owner = scenarios.get(entry.get().name().0.index());
                let known = owner.zip(entry.get().life());
                match known.filter(|(owner, life)| !life.is_expired(owner, time, clock)) {
                    Some((owner, _)) => Place::Taken(Taken { entry, owner }),
                    None => Place::Free(Free::Vacant(entry.remove().1)),
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
        entry.remove().0.into_bucket(owner)
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
        self.slots.retain(|slot| {
            let owner = scenarios.get(slot.name().0.index());
            owner.zip(slot.life()).is_some_and(|(owner, life)| !life.is_forgotten(owner, clock))
        });
        self.swept = self.slots.len();
        if self.slots.capacity() > 4 * self.swept.max(FEW) {
            self.slots.shrink_to(2 * self.swept, |slot| slot.hash(scenarios));
        }
    }

    /// Scenario and key of every bucket, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = (ScenarioId, &str)> {
        self.slots.iter().map(Slot::name)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}
