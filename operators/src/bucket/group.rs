//! Where the state of a bucket lives: key groups, handed out to workers.

use serde::{Deserialize, Serialize};

use crate::hash::{fnv1a, fnv1a_after, spread};

/// How many key groups there are. Fixed: state on disk is divided by it.
pub const GROUPS: u32 = 256;

/// The key group of a bucket, below [`GROUPS`].
pub fn group_of(scenario: &str, key: &str) -> u32 {
    BucketHash::of_scenario(scenario).with_key(key).group()
}

/// Hash of the name of a scenario and of what `groupby` gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketHash(u64);

impl BucketHash {
    /// What all buckets of a scenario begin with.
    pub fn of_scenario(name: &str) -> Self {
        Self(fnv1a_after(fnv1a(name.as_bytes()), &[0]))
    }

    /// The bucket of that key.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        Self(fnv1a_after(self.0, key.as_bytes()))
    }

    /// The key group, below [`GROUPS`].
    pub fn group(self) -> u32 {
        u32::try_from(self.0 % u64::from(GROUPS)).unwrap_or(0)
    }

    /// The same for tables within a group.
    pub(super) fn spread(self) -> u64 {
        spread(self.0)
    }
}
