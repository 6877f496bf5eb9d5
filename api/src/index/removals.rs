//! What is no longer there, for those who were told of it: removals of the last days by commit, and
//! the latest arrivals, so that a delta need not look at every decision.

use std::sync::Arc;

use super::segment::{Builder, Entry, MOST, Segment};

/// How long and how many removals are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Unit: nanoseconds.
    pub age: i64,
    /// At most so many: beyond them the oldest go early.
    pub count: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self { age: 7 * 86_400 * 1_000_000_000, count: 500_000 }
    }
}

/// Removals, in the order of commits.
#[derive(Clone, Debug, Default)]
pub struct Removals {
    segments: Vec<Arc<Segment>>,
    count: usize,
    /// Removals of commits up to this one are not all here.
    floor: u64,
}

impl Removals {
    /// Adds what a builder holds, and forgets what is too old at `now`.
    pub(super) fn add(&mut self, new: &Segment, now: i64, keep: Keep) {
        let last = self.segments.pop_if(|last| last.len() < MOST);
        let mut builder = last.map_or_else(Builder::default, |last| Builder::behind(&last));
        for entry in new.entries() {
            if builder.len() >= MOST {
                self.segments.push(Arc::new(std::mem::take(&mut builder).finish()));
            }
            builder.copy_removal(&entry);
        }
        if !builder.is_empty() {
            self.segments.push(Arc::new(builder.finish()));
        }
        self.count += new.len();
        self.forget(now, keep);
    }

    /// Forgets what is too old. Ends that were found late stand behind younger ones: a segment goes
    /// when all in it are old.
    pub(super) fn forget(&mut self, now: i64, keep: Keep) {
        let mut gone = 0;
        for segment in &self.segments {
            let is_old = |entry: Entry<'_>| now.saturating_sub(entry.slot.until) > keep.age;
            let old = segment.entries().rev().all(is_old);
            if !old && self.count <= keep.count {
                break;
            }
            self.count -= segment.len();
            self.floor = segment.last().map_or(self.floor, |last| last.since);
            gone += 1;
        }
        self.segments.drain(..gone);
    }

    /// Removals by later commits than `seq`, the latest first, with their places.
    pub(super) fn after(&self, seq: u64) -> impl Iterator<Item = (Place, Entry<'_>)> {
        let segments = self.segments.iter().enumerate().rev();
        let all = segments.flat_map(|(segment, removals)| {
            let entries = removals.entries().enumerate().rev();
            entries.map(move |(entry, removal)| (Place { segment, entry }, removal))
        });
        all.take_while(move |(_, removal)| removal.slot.since > seq)
    }

    /// Whether all removals after a commit are here.
    pub(super) fn know_all_after(&self, seq: u64) -> bool {
        seq >= self.floor
    }

    /// Says that those of earlier commits are not known.
    pub(super) fn begin_at(&mut self, seq: u64) {
        self.floor = self.floor.max(seq);
    }

    /// The removal at a place.
    pub(super) fn at(&self, place: Place) -> Option<Entry<'_>> {
        self.segments.get(place.segment)?.get(place.entry)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes that they take in memory.
    pub fn size(&self) -> usize {
        self.segments.iter().map(|segment| segment.size()).sum()
    }
}

/// Where a removal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    segment: usize,
    entry: usize,
}

/// The latest decisions that came, or became the longest of their key: (commit, number).
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    chunks: Vec<Arc<[(u64, u64)]>>,
    /// Arrivals of commits up to this one are not all here.
    floor: u64,
}

/// Chunks of arrivals that are kept.
const MOST_CHUNKS: usize = 128;

impl Arrivals {
    /// Adds arrivals, which are not before the last ones.
    pub(super) fn add(&mut self, new: &[(u64, u64)]) {
        let mut new = new;
        if let Some(last) = self.chunks.pop_if(|last| last.len() < MOST) {
            let (now, later) = new.split_at(new.len().min(MOST - last.len()));
            self.chunks.push(last.iter().chain(now).copied().collect());
            new = later;
        }
        self.chunks.extend(new.chunks(MOST).map(Arc::from));
        let surplus = self.chunks.len().saturating_sub(MOST_CHUNKS);
        for chunk in self.chunks.drain(..surplus) {
            self.floor = chunk.last().map_or(self.floor, |(seq, _)| *seq);
        }
    }

    /// Numbers that arrived by later commits than `seq`, in the order of numbers; `None` where
    /// they are not all here.
    pub(super) fn after(&self, seq: u64) -> Option<Vec<u64>> {
        if seq < self.floor {
            return None;
        }
        let from =
            self.chunks.partition_point(|chunk| chunk.last().is_none_or(|(last, _)| *last <= seq));
        let chunks = self.chunks.get(from..).unwrap_or(&[]).iter();
        let later = chunks.flat_map(|chunk| chunk.iter()).filter(|(at, _)| *at > seq);
        let mut ids: Vec<u64> = later.map(|(_, id)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        Some(ids)
    }

    /// Says that those of earlier commits are not all known.
    pub(super) fn begin_at(&mut self, seq: u64) {
        self.floor = self.floor.max(seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_told_as_long_as_all_are_known() {
        let mut arrivals = Arrivals::default();
        for seq in 1..=200_000 {
            if seq % 3 == 0 {
                arrivals.add(&[(seq, 500_000 - seq), (seq, 7)]);
            }
        }
        assert_eq!(arrivals.after(199_995), Some(vec![7, 300_001 + 1]));
        assert_eq!(arrivals.after(200_000), Some(vec![]));
        assert_eq!(arrivals.after(1), None);
    }
}
