//! Where the state of a bucket lives: key groups, handed out to workers.

pub(super) use crate::hash::spread;
use crate::hash::{fnv1a, fnv1a_after};

/// How many key groups there are. Fixed: state on disk is divided by it.
pub const GROUPS: u32 = 256;

/// The key group of a bucket, below [`GROUPS`].
pub fn group_of(scenario: &str, key: &str) -> u32 {
    let group = hash_of(scenario, key) % u64::from(GROUPS);
    u32::try_from(group).unwrap_or(0)
}

/// The hash behind [`group_of`].
pub(super) fn hash_of(scenario: &str, key: &str) -> u64 {
    fnv1a_after(fnv1a_after(fnv1a(scenario.as_bytes()), &[0]), key.as_bytes())
}
