//! Buckets of a live run: in memory what is warm, in the store all of them.

use std::sync::Arc;

use operators::bucket::dialect::Dialect;
use operators::bucket::scenario::Takes;
use operators::bucket::{Buckets, GROUPS, Ledger};
use operators::state::{KeyedState, Take};

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
    /// How much memory the buckets of one worker may take. Unit: bytes.
    budget: usize,
}

impl Shelf {
    /// The shelf for `detection`, whose dialect the store knows from now on.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub(super) fn new(
        store: Arc<Store>,
        detection: &Detection,
        lag: u8,
        budget: usize,
    ) -> Result<Self, StoreError> {
        let catalogue = &detection.rules.catalogue;
        let dialect = record::dialect(&store, &catalogue.codec().dialect())?;
        let named = catalogue.scenarios().iter().filter_map(|scenario| {
            Some((catalogue.identity(scenario.id)?.family, &*scenario.name))
        });
        record::put_scenarios(&store, named)?;
        Ok(Self { store, dialect, lag, budget })
    }

    /// The buckets of one of so many workers, as the store has them.
    pub(super) fn buckets(
        &self,
        detection: &Detection,
        takes: Takes,
        (worker, workers): (u32, u32),
    ) -> Buckets {
        let ledger = Ledger::new(Box::new(self.clone()), takes, self.dialect);
        let (catalogue, program) = (&detection.rules.catalogue, &detection.rules.program);
        let groups = (0..GROUPS).filter(|group| group % workers.max(1) == worker);
        Buckets::kept(Arc::clone(catalogue), Arc::clone(program), ledger, groups)
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
    fn buckets(&self, group: u32, take: &mut Take<'_>) {
        self.each(Family::Buckets, group, take);
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
        self.budget
    }
}
