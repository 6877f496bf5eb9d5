//! The buckets of one key group, found by scenario and key.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::group::{GROUPS, hash_of, spread};
use super::packed::Packed;
use super::scenario::{Scenario, ScenarioId};
use super::state::Bucket;
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
enum Slot {
    Packed(Packed),
    Live(Box<Bucket>),
}

/// [`hash_of`] a bucket, computed once per event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) fn of(scenario: &Scenario, key: &str) -> Self {
        Self(hash_of(&scenario.name, key))
    }

    /// As [`super::group::group_of`].
    pub(super) fn group(self) -> usize {
        usize::try_from(self.0 % u64::from(GROUPS)).unwrap_or(0)
    }
}

impl Slot {
    fn new(bucket: Box<Bucket>, scenario: &Scenario) -> Self {
        // What restores to something else stays as it is: the small form leaves out what follows
        // from the first event.
        match Packed::new(&bucket) {
            Some(packed) if !scenario.timed || bucket.born == bucket.clock => Self::Packed(packed),
            _ => Self::Live(bucket),
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

    fn restore(&self, scenario: &Scenario) -> Option<Box<Bucket>> {
        match self {
            Self::Packed(packed) => packed.restore(scenario).map(Box::new),
            Self::Live(bucket) => Some(bucket.clone()),
        }
    }

    fn into_bucket(self, scenario: &Scenario) -> Option<Box<Bucket>> {
        match self {
            Self::Packed(packed) => packed.restore(scenario).map(Box::new),
            Self::Live(bucket) => Some(bucket),
        }
    }
}

impl Table {
    /// Takes a bucket out, which may be that of a twin.
    pub(super) fn take(
        &mut self,
        scenario: &Scenario,
        key: &str,
        hash: Hash,
        scenarios: &[Scenario],
    ) -> Option<Box<Bucket>> {
        let found = self.slots.find_entry(spread(hash.0), |slot| slot.is(scenario, key)).ok()?;
        let (slot, _) = found.remove();
        let owner = scenarios.get(slot.name().0.index())?;
        slot.into_bucket(owner)
    }

    /// A copy of a bucket, which may be that of a twin.
    pub(super) fn get(
        &self,
        scenario: &Scenario,
        key: &str,
        scenarios: &[Scenario],
    ) -> Option<Box<Bucket>> {
        let hash = spread(hash_of(&scenario.name, key));
        let slot = self.slots.find(hash, |slot| slot.is(scenario, key))?;
        slot.restore(scenarios.get(slot.name().0.index())?)
    }

    /// Puts a bucket in. `clock` is that of the order: what is expired by it may go.
    pub(super) fn put(
        &mut self,
        (bucket, hash): (Box<Bucket>, Hash),
        scenario: &Scenario,
        scenarios: &[Scenario],
        clock: EventTime,
    ) {
        if self.slots.len() >= FEW.max(2 * self.swept) {
            self.sweep(scenarios, clock);
        }
        let hash = spread(hash.0);
        let rehash = |slot: &Slot| {
            let (id, key) = slot.name();
            scenarios.get(id.index()).map_or(0, |scenario| spread(hash_of(&scenario.name, key)))
        };
        match self.slots.entry(hash, |slot| slot.is(scenario, &bucket.key), rehash) {
            Entry::Occupied(mut old) => *old.get_mut() = Slot::new(bucket, scenario),
            Entry::Vacant(free) => {
                free.insert(Slot::new(bucket, scenario));
            }
        }
    }

    /// Forgets the buckets that every event still to come would find expired.
    pub(super) fn sweep(&mut self, scenarios: &[Scenario], clock: EventTime) {
        self.slots.retain(|slot| {
            let Some(scenario) = scenarios.get(slot.name().0.index()) else { return false };
            match slot {
                Slot::Live(bucket) => !bucket.is_forgotten(scenario, clock),
                Slot::Packed(packed) => packed
                    .restore(scenario)
                    .is_some_and(|bucket| !bucket.is_forgotten(scenario, clock)),
            }
        });
        self.swept = self.slots.len();
        let scenario = |slot: &Slot| {
            let (id, key) = slot.name();
            scenarios.get(id.index()).map_or(0, |scenario| spread(hash_of(&scenario.name, key)))
        };
        if self.slots.capacity() > 4 * self.swept.max(FEW) {
            self.slots.shrink_to(2 * self.swept, scenario);
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
