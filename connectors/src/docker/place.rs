//! How far a container's log was read: what has to be asked for again, and how much of that is known.
//!
//! A daemon gives lines from a second on, always in the same order. Lines of two streams may stand a
//! little out of order, so a place points [`BACK`] before the newest line and counts from there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Unit: nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// Lines are at most so much out of order. Unit: seconds.
const BACK: i64 = 2;

/// A position of a container's lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Lines from this second on are asked for. Unit: seconds since 1970.
    since: i64,
    /// So many of them are known.
    known: u64,
    /// They are not newer than this. Unit: nanoseconds since 1970.
    newest: i64,
    /// Offset of the next line.
    next: u64,
}

/// Reading on from a place.
#[derive(Debug)]
pub(crate) struct Mark {
    newest: i64,
    next: u64,
    since: i64,
    by_second: BTreeMap<i64, u64>,
    /// Of the lines that come first, so many are known, unless they are newer than this.
    known: (u64, i64),
}

impl Place {
    /// Nothing was read; what is newer than `start` will be.
    pub(crate) fn new(start: i64) -> Self {
        Self { since: start.div_euclid(SECOND), known: 0, newest: start, next: 0 }
    }

    /// This place of a delivery of which everything before `next_offset` was kept.
    pub(crate) fn resumed(mut self, next_offset: u64) -> Self {
        let kept = next_offset.saturating_sub(self.next);
        self.known += kept;
        self.next += kept;
        self
    }

    /// Time of the newest line.
    pub(crate) fn newest(&self) -> i64 {
        self.newest
    }

    /// What to ask for. Unit: seconds since 1970.
    pub(crate) fn since(&self) -> i64 {
        self.since
    }

    /// Reads on from here.
    pub(crate) fn read_on(&self) -> Mark {
        Mark {
            newest: self.since.saturating_mul(SECOND),
            next: self.next,
            since: self.since,
            by_second: BTreeMap::new(),
            known: (self.known, self.newest),
        }
    }
}

impl Mark {
    /// The next line has this time; gives its offset if it is new.
    pub(crate) fn line(&mut self, time: i64) -> Option<u64> {
        let second = time.div_euclid(SECOND);
        let known = self.known.0 > 0 && time <= self.known.1;
        self.known.0 = if known { self.known.0 - 1 } else { 0 };
        if second >= self.since {
            *self.by_second.entry(second).or_default() += 1;
        }
        self.newest = self.newest.max(time);
        let since = self.newest.div_euclid(SECOND) - BACK;
        if since > self.since {
            self.since = since;
            self.by_second = self.by_second.split_off(&since);
        }
        if known {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }

    /// The place behind the lines so far.
    pub(crate) fn place(&self) -> Place {
        // Before the known ones were all seen again, they are what is known.
        let seen: u64 = self.by_second.values().sum();
        let newest = if self.known.0 > 0 { self.newest.max(self.known.1) } else { self.newest };
        Place { since: self.since, known: seen + self.known.0, newest, next: self.next }
    }
}

/// The place before a delivery: `before`, and how new its lines are, so that those that were kept of
/// it are taken for known.
pub(crate) fn before(before: &Place, behind: &Place) -> Place {
    Place { newest: behind.newest.max(before.newest), ..before.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of lines with these times, in tenths of a second.
    const LOG: [i64; 12] = [1, 5, 5, 5, 12, 11, 30, 31, 29, 55, 56, 80];

    fn time(tenths: i64) -> i64 {
        tenths * SECOND / 10
    }

    /// What a daemon gives from a second on.
    fn given(since: i64) -> impl Iterator<Item = (usize, i64)> {
        let lines = LOG.iter().map(|tenths| time(*tenths)).enumerate();
        lines.filter(move |(_, time)| time.div_euclid(SECOND) >= since)
    }

    /// Reads the log up to `end`, gives the offsets by line, and the place.
    fn read(place: &Place, end: usize) -> (Vec<(usize, u64)>, Place) {
        let mut mark = place.read_on();
        let lines = given(place.since()).take_while(|(line, _)| *line < end);
        let read = lines.filter_map(|(line, time)| Some((line, mark.line(time)?))).collect();
        (read, mark.place())
    }

    #[test]
    fn reading_on_anywhere_gives_each_line_once_with_its_offset() {
        let start = Place::new(0);
        for middle in 0..=LOG.len() {
            for end in middle..=LOG.len() {
                let (mut all, place) = read(&start, middle);
                let (more, behind) = read(&place, end);
                all.extend(&more);
                let (rest, _) = read(&behind, LOG.len());
                all.extend(rest);
                let expected: Vec<_> = (0..LOG.len()).map(|line| (line, line as u64)).collect();
                assert_eq!(all, expected, "{middle} {end}");
                // Of the second delivery some lines were kept.
                for kept in 0..=more.len() {
                    let place = before(&place, &behind).resumed((middle + kept) as u64);
                    for again in 0..=LOG.len() {
                        let (mut all, place) = read(&place, again);
                        all.extend(read(&place, LOG.len()).0);
                        assert_eq!(all, expected[middle + kept..], "{middle} {end} {kept} {again}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_log_that_was_cut_is_read_from_its_new_beginning() {
        let (_, place) = read(&Place::new(0), 9);
        let mut mark = place.read_on();
        assert_eq!(mark.line(time(55)), Some(9));
    }
}
