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
