//! From an address or a value to the numbers of decisions: a hash table in shards, of which a
//! commit copies those that it touches. Networks are found by their prefix lengths, longest first.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::filter::net::Net;

/// Entries of a shard on average, before their number is doubled.
const CROWDED: usize = 256;
/// Shards of an empty table.
const FEWEST: usize = 64;
/// Shards that a snapshot shares as one, so that a commit that touches few need not name all.
const GROUP: usize = 64;

type Shard = Arc<[(u64, u64)]>;

/// Where a decision is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key<'a> {
    /// By its network.
    Net(Net),
    /// By its value, where that is no network.
    Value(&'a str),
}

/// Numbers of decisions by key.
#[derive(Clone, Debug)]
pub struct Table {
    hasher: RandomState,
    /// Their number is a power of two.
    groups: Vec<Arc<[Shard; GROUP]>>,
    entries: usize,
    /// Networks of each prefix length, for IPv4 and IPv6.
    lengths: Arc<Lengths>,
}

#[derive(Clone, Debug)]
struct Lengths {
    v4: [u32; 33],
    v6: [u32; 129],
}

impl Default for Table {
    fn default() -> Self {
        let empty: Shard = Arc::from([]);
        let group = Arc::new(std::array::from_fn(|_| Arc::clone(&empty)));
        Self {
            hasher: RandomState::new(),
            groups: vec![group; FEWEST / GROUP],
            entries: 0,
            lengths: Arc::new(Lengths { v4: [0; 33], v6: [0; 129] }),
        }
    }
}

impl Table {
    /// Adds the `added` and takes out the `removed` (key, number) pairs.
    pub fn change(&mut self, added: &[(Key<'_>, u64)], removed: &[(Key<'_>, u64)]) {
        self.count(added, removed);
        let hashed = |pairs: &[(Key<'_>, u64)]| -> Vec<(u64, u64)> {
            pairs.iter().map(|(key, id)| (self.hasher.hash_one(key), *id)).collect()
        };
        let (mut added, mut removed) = (hashed(added), hashed(removed));
        self.entries = (self.entries + added.len()).saturating_sub(removed.len());
        if self.entries > self.groups.len() * GROUP * CROWDED {
            self.grow();
        }
        let bits = self.bits();
        added.sort_unstable();
        removed.sort_unstable();
        let (mut added, mut removed) = (&added[..], &removed[..]);
        loop {
            let first = |pairs: &[(u64, u64)]| pairs.first().map(|(hash, _)| shard_of(*hash, bits));
            let next = first(added).into_iter().chain(first(removed)).min();
            let Some(shard) = next else { return };
            let in_shard = |pairs: &[(u64, u64)]| {
                pairs.partition_point(|(hash, _)| shard_of(*hash, bits) == shard)
            };
            let (come, later) = added.split_at(in_shard(added));
            let (go, rest) = removed.split_at(in_shard(removed));
            (added, removed) = (later, rest);
            let group = self.groups.get_mut(shard / GROUP).map(Arc::make_mut);
            if let Some(old) = group.and_then(|group| group.get_mut(shard % GROUP)) {
                *old = changed(old, come, go);
            }
        }
    }

    fn count(&mut self, added: &[(Key<'_>, u64)], removed: &[(Key<'_>, u64)]) {
        let lengths = Arc::make_mut(&mut self.lengths);
        for (pairs, more) in [(added, true), (removed, false)] {
            for (key, _) in pairs {
                let Key::Net(net) = key else { continue };
                let length = usize::from(net.length);
                let of =
                    if net.v6 { lengths.v6.get_mut(length) } else { lengths.v4.get_mut(length) };
                if let Some(count) = of {
                    *count = if more { *count + 1 } else { count.saturating_sub(1) };
                }
            }
        }
    }

    fn bits(&self) -> u32 {
        (self.groups.len() * GROUP).trailing_zeros()
    }

    /// As many shards again, until none is crowded.
    fn grow(&mut self) {
        let shards = self.groups.iter().flat_map(|group| group.iter());
        let mut all: Vec<(u64, u64)> = shards.flat_map(|shard| shard.iter().copied()).collect();
        all.sort_unstable();
        let mut count = self.groups.len() * GROUP;
        while self.entries > count * CROWDED / 2 {
            count *= 2;
        }
        let bits = count.trailing_zeros();
        let mut rest = &all[..];
        let mut group = |group: usize| {
            Arc::new(std::array::from_fn(|shard| {
                let shard = group * GROUP + shard;
                let here = rest.partition_point(|(hash, _)| shard_of(*hash, bits) == shard);
                let (now, later) = rest.split_at(here);
                rest = later;
                Arc::from(now)
            }))
        };
        self.groups = (0..count / GROUP).map(&mut group).collect();
    }

    /// Numbers of decisions that may have this key: others can share its hash.
    pub fn find(&self, key: &Key<'_>) -> impl Iterator<Item = u64> {
        let hash = self.hasher.hash_one(key);
        let place = shard_of(hash, self.bits());
        let shard = self.groups.get(place / GROUP).and_then(|group| group.get(place % GROUP));
        let shard = shard.map_or(&[][..], |shard| shard);
        let from = shard.partition_point(|(other, _)| *other < hash);
        let here = shard.get(from..).unwrap_or(&[]);
        here.iter().take_while(move |(other, _)| *other == hash).map(|(_, id)| *id)
    }

    /// Networks around `net`, itself included, of which there may be decisions: the longest first.
    pub fn around(&self, net: Net) -> impl Iterator<Item = Net> {
        let lengths = Arc::clone(&self.lengths);
        let used = move |length: &u8| {
            let length = usize::from(*length);
            let count = if net.v6 { lengths.v6.get(length) } else { lengths.v4.get(length) };
            count.is_some_and(|count| *count > 0)
        };
        (0..=net.length).rev().filter(used).map(move |length| net.cut(length))
    }

    /// Entries in it.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }
}

/// Shards are runs of hashes, so that a sorted list of hashes visits them in order.
fn shard_of(hash: u64, bits: u32) -> usize {
    usize::try_from(hash >> (64 - bits)).unwrap_or(0)
}

/// A shard without what goes and with what comes; all three are sorted.
fn changed(old: &[(u64, u64)], come: &[(u64, u64)], go: &[(u64, u64)]) -> Arc<[(u64, u64)]> {
    let mut out = Vec::with_capacity(old.len() + come.len());
    out.extend(old.iter().filter(|pair| go.binary_search(pair).is_err()).copied());
    out.extend_from_slice(come);
    // Two runs: this sort joins them.
    out.sort();
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(number: u32, length: u8) -> Net {
        Net { v6: false, start: number.into(), length: 32 }.cut(length)
    }

    #[test]
    fn what_was_added_is_found_until_it_is_removed() {
        let mut table = Table::default();
        let all: Vec<_> = (0..50_000_u32).map(|n| (Key::Net(net(n, 32)), u64::from(n))).collect();
        for some in all.chunks(7_000) {
            table.change(some, &[]);
        }
        table.change(&[(Key::Value("FR"), 7), (Key::Net(net(5, 32)), 99)], &all[..1_000]);
        let found = |key: Key<'_>| table.find(&key).collect::<Vec<_>>();
        assert_eq!(found(Key::Net(net(5, 32))), [99]);
        assert_eq!(found(Key::Net(net(6, 32))), [] as [u64; 0]);
        assert_eq!(found(Key::Net(net(40_000, 32))), [40_000]);
        assert_eq!(found(Key::Value("FR")), [7]);
        assert_eq!(table.len(), 49_002);
    }

    #[test]
    fn only_lengths_in_use_are_asked() {
        let mut table = Table::default();
        let ranges = [(Key::Net(net(0x0a00_0000, 8)), 1), (Key::Net(net(0x0a01_0000, 16)), 2)];
        table.change(&ranges, &[]);
        let around: Vec<String> =
            table.around(net(0x0a01_0203, 32)).map(|net| net.to_string()).collect();
        assert_eq!(around, ["10.1.0.0/16", "10.0.0.0/8"]);
        table.change(&[], &ranges[1..]);
        assert_eq!(table.around(net(0x0a01_0203, 32)).count(), 1);
    }
}
