//! Marks of the buckets that only the store has: what bears none need not be looked for there.
//!
//! Buckets are marked in Bloom filters. A filter knows until when its buckets are remembered, and
//! goes as a whole once all of them are forgotten; those of scenarios that remember for long stand
//! apart from the others. All of them together take no more than their share: where it is too small
//! they are filled beyond what they are made for, and the store is asked in vain more often.

use std::collections::BTreeMap;

use super::group::BucketHash;
use super::scenario::Scenario;
use super::state::GRACE;
use crate::hash::spread;
use crate::time::EventTime;

/// Bits that a bucket takes in a filter: so, one in a hundred is looked for in vain.
const BITS: usize = 12;
/// Bits that are set for a bucket, all in one line.
const PROBES: u32 = 6;
/// Bits of a line's places.
const PLACE: u32 = 9;
/// The smallest filter. Unit: lines.
const SMALLEST: usize = 1024;
/// A filter takes no more than this part of the share, and buckets for no more than this part of
/// the time for which they are remembered.
const PARTS: usize = 8;

/// 512 bits: what one look into memory gives.
type Line = [u64; 8];

/// The buckets of one worker that left memory.
#[derive(Debug)]
pub(super) struct Cold {
    /// By how long their buckets are remembered, the newest last.
    filters: BTreeMap<u32, Vec<Filter>>,
    /// How much they may take. Unit: lines.
    share: usize,
}

impl Cold {
    /// No buckets; marks take `share` bytes at the most, but one small filter for each kind of
    /// lifetime.
    pub(super) fn new(share: usize) -> Self {
        Self { filters: BTreeMap::new(), share: share / size_of::<Line>() }
    }

    /// A bucket of `owner` is in the store alone: its hash, and until when it is remembered. `clock` is
    /// that of the order. Timed buckets need no mark.
    pub(super) fn add(
        &mut self,
        (hash, owner): (u64, &Scenario),
        until: EventTime,
        clock: EventTime,
    ) {
        if !owner.timed {
            self.mark((hash, kind(owner)), until, clock);
        }
    }

    fn mark(&mut self, (hash, kind): (u64, u32), until: EventTime, clock: EventTime) {
        let left = self.share.saturating_sub(self.lines());
        let filters = self.filters.entry(kind).or_default();
        let lines = match filters.last() {
            None => Some(SMALLEST),
            Some(last) => last.next((kind, clock), self.share).filter(|lines| *lines <= left),
        };
        if let Some(lines) = lines {
            filters.push(Filter::new(lines, clock));
        }
        if let Some(last) = filters.last_mut() {
            last.add(hash);
            last.until = last.until.max(until);
        }
    }

    fn lines(&self) -> usize {
        self.filters.values().flatten().map(|filter| filter.lines.len()).sum()
    }

    /// Whether a bucket of this hash that one of the scenarios would find may be in the store alone. Of
    /// timed ones this is not known.
    pub(super) fn may_hold<'a>(
        &self,
        hash: BucketHash,
        mut scenarios: impl Iterator<Item = &'a Scenario>,
    ) -> bool {
        let hash = hash.spread();
        scenarios.any(|scenario| scenario.timed || self.is_marked((hash, kind(scenario))))
    }

    fn is_marked(&self, (hash, kind): (u64, u32)) -> bool {
        self.filters.get(&kind).into_iter().flatten().any(|filter| filter.may_hold(hash))
    }

    /// Lets go of what is forgotten at `clock`.
    pub(super) fn forget(&mut self, clock: EventTime) {
        for filters in self.filters.values_mut() {
            filters.retain(|filter| filter.until >= clock);
        }
    }
}

/// Buckets of a kind are remembered for [`GRACE`]·2ᵏⁱⁿᵈ at least, and for less than twice that.
fn kind(scenario: &Scenario) -> u32 {
    let remembered = scenario.lifetime.saturating_add(GRACE) / GRACE;
    remembered.max(1).ilog2()
}

/// A blocked Bloom filter.
#[derive(Debug)]
struct Filter {
    lines: Box<[Line]>,
    /// How many buckets it has, roughly.
    buckets: usize,
    begun: EventTime,
    until: EventTime,
}

impl Filter {
    fn new(lines: usize, begun: EventTime) -> Self {
        let lines = vec![Line::default(); lines].into_boxed_slice();
        Self { lines, buckets: 0, begun, until: EventTime(i64::MIN) }
    }

    /// How large is the filter that the next bucket goes to; `None` where it is this one.
    fn next(&self, (kind, clock): (u32, EventTime), share: usize) -> Option<usize> {
        let (lines, room) = (self.lines.len(), self.lines.len() * size_of::<Line>() * 8 / BITS);
        let largest = (share / PARTS).max(SMALLEST);
        let remembered = GRACE.saturating_mul(1_i64.checked_shl(kind + 1).unwrap_or(i64::MAX));
        let age = clock.0.saturating_sub(self.begun.0);
        let is_old = age > remembered / i64::try_from(PARTS).unwrap_or(i64::MAX);
        match self.buckets >= room {
            // Small filters follow one another fast and grow; the largest last for their time.
            true if lines < largest => Some((2 * lines).min(largest)),
            _ if !is_old => None,
            false if self.buckets < room / 4 => Some((lines / 2).max(SMALLEST)),
            _ => Some(lines),
        }
    }

    fn add(&mut self, hash: u64) {
        let (at, places) = self.place(hash);
        let Some(line) = self.lines.get_mut(at) else { return };
        let mut is_new = false;
        for (word, bit) in places {
            if let Some(word) = line.get_mut(word) {
                is_new |= *word & bit == 0;
                *word |= bit;
            }
        }
        self.buckets += usize::from(is_new);
    }

    fn may_hold(&self, hash: u64) -> bool {
        let (at, mut places) = self.place(hash);
        let Some(line) = self.lines.get(at) else { return false };
        places.all(|(word, bit)| line.get(word).is_some_and(|word| word & bit != 0))
    }

    /// The line of a hash, and its bits therein: by word.
    fn place(&self, hash: u64) -> (usize, impl Iterator<Item = (usize, u64)> + use<>) {
        let line = (u128::from(hash) * self.lines.len() as u128) >> 64;
        // Hashes of one line begin alike.
        let bits = spread(hash);
        let places = (0..PROBES).map(move |probe| {
            let place = (bits >> (probe * PLACE)) & ((1 << PLACE) - 1);
            (usize::try_from(place / 64).unwrap_or(0), 1 << (place % 64))
        });
        (usize::try_from(line).unwrap_or(usize::MAX), places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_full_filter_misses_nothing_and_errs_seldom() {
        let mut filter = Filter::new(SMALLEST, EventTime(0));
        let room = (SMALLEST * 512 / BITS) as u64;
        (0..room).for_each(|number| filter.add(spread(number)));
        assert!((0..room).all(|number| filter.may_hold(spread(number))));
        let wrong = (room..11 * room).filter(|number| filter.may_hold(spread(*number))).count();
        assert!(wrong as u64 * 50 < 10 * room, "{wrong} of {}", 10 * room);
    }

    #[test]
    fn what_is_remembered_is_marked_within_the_share() {
        // Enough room, and far too little.
        for (share, most) in [(4 << 20, 0.03), (256 << 10, 1.0)] {
            let mut cold = Cold::new(share);
            let until = |number: u64| EventTime(number.cast_signed() * SECOND / 200 + 700 * SECOND);
            for number in 0..600_000_u64 {
                let clock = EventTime(number.cast_signed() * SECOND / 200);
                cold.mark((spread(number), 0), until(number), clock);
                if number % 20_000 == 0 {
                    cold.forget(clock);
                    let lives = (0..=number).rev().take_while(|number| until(*number) >= clock);
                    assert!(lives.step_by(7).all(|number| cold.is_marked((spread(number), 0))));
                    assert!(cold.lines() * size_of::<Line>() <= share);
                }
            }
            let wrong = (1_000_000..1_010_000).filter(|one| cold.is_marked((spread(*one), 0)));
            assert!(wrong.count() as f64 <= most * 10_000.0);
            assert!(!cold.is_marked((spread(599_999), 1)));
            cold.forget(EventTime(i64::MAX));
            assert_eq!(cold.lines(), 0);
        }
    }
}
