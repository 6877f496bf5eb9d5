//! The hash that decides where state lives: written here, because state on disk depends on it.

/// FNV-1a, 64 bits. Never changes: key groups are numbered by it.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    fnv1a_after(0xcbf2_9ce4_8422_2325, bytes)
}

/// [`fnv1a`] of what gave `hash`, followed by `bytes`.
pub fn fnv1a_after(mut hash: u64, bytes: &[u8]) -> u64 {
    for byte in bytes {
        hash ^= u64::from(*byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

/// Spreads a hash whose low bits are the same for a whole group (the finaliser of MurmurHash3).
pub(crate) fn spread(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
