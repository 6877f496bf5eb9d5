//! What source partitions are called, for events and for those who print: written by the worker that
//! reads, read by everybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use operators::place::Partition;

use super::record;
use crate::state::{Store, StoreError};

/// Names by number.
#[derive(Debug, Default)]
pub struct Names(ArcSwap<BTreeMap<Partition, Arc<str>>>);

impl Names {
    /// The names that a store knows: outputs may have to tell of them before anything is read.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn of(store: &Store) -> Result<Self, StoreError> {
        let lanes = record::lanes(store)?;
        let named = lanes.iter().filter_map(|(key, lane)| {
            Some((Partition(lane.number), Arc::from(key.split_once('\0')?.1)))
        });
        let names = Self::default();
        names.set(named.collect());
        Ok(names)
    }

    /// Replaces all of them.
    pub fn set(&self, names: BTreeMap<Partition, Arc<str>>) {
        self.0.store(Arc::new(names));
    }

    /// The name of a partition.
    pub fn get(&self, partition: Partition) -> Option<Arc<str>> {
        self.0.load().get(&partition).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::lanes::LaneRecord;
    use crate::state::Budget;

    #[test]
    fn what_was_read_before_has_its_name_before_anything_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Budget::default()).unwrap();
        let lane =
            LaneRecord { number: 7, position: String::new(), next: 3, clock: None, is_old: false };
        let mut batch = store.batch();
        record::put_lane(&mut batch, "files\0/var/log/auth.log", &lane);
        store.commit(batch).unwrap();
        let names = Names::of(&store).unwrap();
        assert_eq!(names.get(Partition(7)).as_deref(), Some("/var/log/auth.log"));
    }
}
