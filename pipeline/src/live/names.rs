//! What source partitions are called, for events and for those who print: written by the worker that
//! reads, read by everybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use operators::order::Partition;

/// Names by number.
#[derive(Debug, Default)]
pub struct Names(ArcSwap<BTreeMap<Partition, Arc<str>>>);

impl Names {
    /// Replaces all of them.
    pub fn set(&self, names: BTreeMap<Partition, Arc<str>>) {
        self.0.store(Arc::new(names));
    }

    /// The name of a partition.
    pub fn get(&self, partition: Partition) -> Option<Arc<str>> {
        self.0.load().get(&partition).cloned()
    }
}
