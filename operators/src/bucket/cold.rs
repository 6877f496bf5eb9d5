//! Buckets that only the store has, by hash: what is not among them need not be looked for there.

use hashbrown::HashTable;

use super::group::BucketHash;

/// Hashes of the cold buckets of one key group.
#[derive(Debug, Default)]
pub(super) struct Cold {
    hashes: HashTable<u64>,
    /// How many there were after the last look into the store.
    known: usize,
}

/// So few are never worth a look into the store.
const FEW: usize = 1024;

impl Cold {
    /// A bucket of this hash left memory.
    pub(super) fn add(&mut self, hash: u64) {
        self.hashes.insert_unique(hash, hash, |known| *known);
    }

    /// Whether a bucket of this hash may be cold.
    pub(super) fn may_hold(&self, hash: BucketHash) -> bool {
        let hash = hash.spread();
        self.hashes.find(hash, |known| *known == hash).is_some()
    }

    /// A bucket of this hash came back. What the store has of it is out of date from now on.
    pub(super) fn take(&mut self, hash: BucketHash) {
        let hash = hash.spread();
        if let Ok(entry) = self.hashes.find_entry(hash, |known| *known == hash) {
            entry.remove();
        }
    }

    /// Whether most of them may have been forgotten meanwhile.
    pub(super) fn is_stale(&self) -> bool {
        self.hashes.len() >= FEW.max(2 * self.known)
    }

    /// Begins a look into the store: what is found there is added again.
    pub(super) fn renew(&mut self) {
        self.hashes.clear();
    }

    /// Ends it.
    pub(super) fn renewed(&mut self) {
        self.known = self.hashes.len();
        self.hashes.shrink_to_fit(|known| *known);
    }
}
