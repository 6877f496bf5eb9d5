//! Buckets of a live run: in memory what is warm, in the store all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use operators::bucket::dialect::Dialect;
use operators::bucket::scenario::Takes;
use operators::bucket::{Buckets, GROUPS, Ledger};
use operators::state::{KeyedState, Take, TakeSome};

use super::record;
use crate::detection::Detection;
use crate::state::{Family, Store, StoreError};

/// What the buckets of all workers share.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    store: Arc<Store>,
    /// Number of the dialect of these rules.
    dialect: u32,
    /// How many seals may be on their way to the store.
    lag: u8,
    /// How much memory the buckets of one worker may take, with what finds them. Unit: bytes.
    memory: usize,
}

/// Marks of the buckets that are not in memory take this part of it.
const MARKS: usize = 3;
/// Where rules look at overflows, their buckets have this part of it.
const OF_OVERFLOWS: usize = 4;

impl Shelf {
    /// The shelf for `detection`, whose dialect the store knows from now on.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub(super) fn new(
        store: Arc<Store>,
        detection: &Detection,
        lag: u8,
        memory: usize,
    ) -> Result<Self, StoreError> {
        let catalogue = &detection.rules.catalogue;
        let dialect = record::dialect(&store, &catalogue.codec().dialect())?;
        let named = catalogue.scenarios().iter().filter_map(|scenario| {
            Some((catalogue.identity(scenario.id)?.family, &*scenario.name))
        });
        record::put_scenarios(&store, named)?;
        Ok(Self { store, dialect, lag, memory })
    }

    /// The buckets of one of so many workers, as the store has them.
    pub(super) fn buckets(
        &self,
        detection: &Detection,
        takes: Takes,
        (worker, workers): (u32, u32),
    ) -> Buckets {
        let (catalogue, program) = (&detection.rules.catalogue, &detection.rules.program);
        let sharing = match takes.overflows() {
            true => u32::try_from(catalogue.sharing(workers.into())).unwrap_or(workers),
            false => workers,
        };
        let (workers, sharing) = (workers.max(1), sharing.max(1));
        let memory = match (takes.overflows(), detection.looks_at_overflows()) {
            (false, true) => self.memory - self.memory / OF_OVERFLOWS,
            // One that has the buckets of others has their memory.
            (true, true) => self.memory / OF_OVERFLOWS * (workers / sharing) as usize,
            (_, false) => self.memory,
        };
        let shelf = Self { memory, ..self.clone() };
        let ledger = Ledger::new(Box::new(shelf), takes, self.dialect);
        let groups = (0..GROUPS).filter(|group| group % sharing == worker);
        Buckets::kept(Arc::clone(catalogue), Arc::clone(program), ledger, groups)
    }

    /// Says of which scenarios how many buckets were dropped, by the hash of name and filter.
    pub(super) fn tell_dropped(&self, dropped: &BTreeMap<u64, u64>) {
        let mut named: BTreeMap<String, u64> = BTreeMap::new();
        for (family, count) in dropped {
            let name = record::scenario(&self.store, *family).ok().flatten();
            *named.entry(name.unwrap_or_else(|| "unknown".to_owned())).or_default() += count;
        }
        let named: Vec<_> = named.iter().map(|(name, count)| format!("{name} ({count})")).collect();
        tracing::info!(
            "buckets of scenarios that have changed or are gone are dropped: {}",
            named.join(", ")
        );
    }

    fn each(&self, family: Family, group: u32, take: &mut Take<'_>) {
        let prefix = [group.to_le_bytes()[0]];
        for entry in self.store.scan_prefix(family, &prefix) {
            match entry {
                Ok((key, value)) => take(&key, &value),
                Err(error) => return self.store.poison(&error),
            }
        }
    }
}

impl KeyedState for Shelf {
    fn buckets(&self, group: u32, after: &[u8], take: &mut TakeSome<'_>) {
        let prefix = [group.to_le_bytes()[0]];
        let from = if after.is_empty() { &prefix } else { after };
        for entry in self.store.scan(Family::Buckets, from) {
            match entry {
                Ok((key, _)) if *key == *after => {}
                Ok((key, value)) if key.starts_with(&prefix) && take(&key, &value) => {}
                Ok(_) => return,
                Err(error) => return self.store.poison(&error),
            }
        }
    }

    fn bucket(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.store.get(Family::Buckets, key).unwrap_or_else(|error| {
            self.store.poison(&error);
            None
        })
    }

    fn blackholes(&self, group: u32, take: &mut Take<'_>) {
        self.each(Family::Blackholes, group, take);
    }

    fn deadlines(&self, group: u32, take: &mut Take<'_>) {
        self.each(Family::Deadlines, group, take);
    }

    fn dialect(&self, number: u32) -> Option<Dialect> {
        record::dialect_of(&self.store, number).unwrap_or_else(|error| {
            self.store.poison(&error);
            None
        })
    }

    fn lag(&self) -> u8 {
        self.lag
    }

    fn budget(&self) -> usize {
        self.memory - self.marks()
    }

    fn marks(&self) -> usize {
        self.memory / MARKS
    }
}
