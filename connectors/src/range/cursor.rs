//! How far a log store has been read, and what of the part that may still change is known already.
//!
//! In: complete slices of time, in the order of the lane. Out: those entries that are new, each with
//! its offset, and the [`Place`]s before and behind them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::source::Resume;

/// Entries that are remembered at most, to know them when they are read again. What is older is
/// not read a second time. Eight bytes each, here and in the store.
const MAX_SEEN: usize = 1_000_000;

/// Unit: nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// A position of a lane that is read by ranges.
///
/// `planned` makes offsets firm: entries whose lines were kept from a delivery that was not kept as
/// a whole are found again by it, whatever came late in between.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Offset of the next line.
    next: u64,
    /// What is older was read. Unit: nanoseconds since 1970.
    until: i64,
    /// What is older was read for the last time.
    swept: i64,
    /// Marks of known entries by second, eight bytes each in Base64.
    #[serde(default)]
    seen: BTreeMap<i64, String>,
    /// Marks of the lines of this delivery in their order, in runs of the same second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    planned: Vec<(i64, String)>,
}

/// A new line.
#[derive(Debug)]
pub(crate) struct Fresh {
    /// What it is.
    pub(crate) entry: Entry,
    /// Its place in the lane.
    pub(crate) offset: u64,
    mark: u64,
}

/// How far reading is.
#[derive(Debug)]
pub(crate) struct Cursor {
    next: u64,
    until: i64,
    swept: i64,
    seen: BTreeMap<i64, Second>,
    count: usize,
}

/// Known entries of one second, and how a [`Place`] writes them.
#[derive(Debug, Default)]
struct Second {
    marks: BTreeSet<u64>,
    text: Option<String>,
}

impl Cursor {
    /// Reads from `start` on, with nothing known.
    pub(crate) fn new(start: i64) -> Self {
        Self { next: 0, until: start, swept: start, seen: BTreeMap::new(), count: 0 }
    }

    /// Goes on at a place, of whose delivery everything before `resume.next_offset` was kept.
    pub(crate) fn resume(place: &Place, resume: &Resume) -> Self {
        let mut cursor = Self::new(place.until);
        cursor.swept = place.swept;
        for (second, text) in &place.seen {
            for mark in unpack(text) {
                cursor.know(*second, mark);
            }
        }
        let kept = resume.next_offset.saturating_sub(place.next);
        let kept = usize::try_from(kept).unwrap_or(usize::MAX);
        let planned = place.planned.iter();
        let planned = planned.flat_map(|(second, text)| unpack(text).map(|mark| (*second, mark)));
        for (second, mark) in planned.take(kept) {
            cursor.know(second, mark);
        }
        cursor.next = place.next.max(resume.next_offset);
        cursor
    }

    /// What is older was read.
    pub(crate) fn until(&self) -> i64 {
        self.until
    }

    /// What is older was read for the last time.
    pub(crate) fn swept(&self) -> i64 {
        self.swept
    }

    /// How many entries are remembered.
    pub(crate) fn known(&self) -> usize {
        self.count
    }

    /// Of all entries of a slice, in the order of the lane, those that are new, with offsets.
    /// They are known from [`Cursor::delivered`] on.
    pub(crate) fn fresh(&self, slice: Vec<Entry>) -> Vec<Fresh> {
        let mut fresh: Vec<Fresh> = Vec::new();
        let mut offset = self.next;
        for (entry, mark) in marked(slice) {
            if !self.knows(second(entry.time), mark) {
                fresh.push(Fresh { entry, offset, mark });
                offset += 1;
            }
        }
        fresh
    }

    /// The place before `lines`, which come next.
    pub(crate) fn before(&mut self, lines: &[Fresh]) -> Place {
        let runs = lines.chunk_by(|a, b| second(a.entry.time) == second(b.entry.time));
        let planned = runs.filter_map(|run| {
            let first = run.first()?;
            Some((second(first.entry.time), pack(run.iter().map(|line| line.mark))))
        });
        let planned = planned.collect();
        Place { planned, ..self.place() }
    }

    /// `lines` were put together: they are known now. Gives the place behind them.
    pub(crate) fn delivered(&mut self, lines: &[Fresh]) -> Place {
        for line in lines {
            self.know(second(line.entry.time), line.mark);
            self.next = line.offset + 1;
        }
        self.place()
    }

    /// The place now.
    pub(crate) fn place(&mut self) -> Place {
        let written = self.seen.iter_mut().map(|(second, of)| {
            let text = of.text.get_or_insert_with(|| pack(of.marks.iter().copied()));
            (*second, text.clone())
        });
        let seen = written.collect();
        let Self { next, until, swept, .. } = *self;
        Place { next, until, swept, seen, planned: Vec::new() }
    }

    /// The slice `from` to `to` was read as a whole, when what was older than `final_before` could
    /// not change any more.
    pub(crate) fn complete(&mut self, from: i64, to: i64, final_before: i64) {
        self.until = self.until.max(to);
        if from <= self.swept {
            self.sweep(to.min(final_before));
        }
        while self.count > MAX_SEEN {
            let Some(oldest) = self.seen.keys().next() else { return };
            self.sweep((oldest + 1) * SECOND);
        }
    }

    /// What is older than `to` is not read again and need not be remembered.
    fn sweep(&mut self, to: i64) {
        self.swept = self.swept.max(to);
        while let Some(oldest) = self.seen.first_entry() {
            if (oldest.key() + 1) * SECOND > self.swept {
                return;
            }
            self.count -= oldest.remove().marks.len();
        }
    }

    fn knows(&self, second: i64, mark: u64) -> bool {
        self.seen.get(&second).is_some_and(|of| of.marks.contains(&mark))
    }

    fn know(&mut self, second: i64, mark: u64) {
        let of = self.seen.entry(second).or_default();
        if of.marks.insert(mark) {
            of.text = None;
            self.count += 1;
        }
    }
}

/// Entries with their marks; equal ones stand side by side and are counted.
fn marked(slice: Vec<Entry>) -> impl Iterator<Item = (Entry, u64)> {
    let runs = slice.chunk_by(|a, b| a.order(b).is_eq());
    let marks =
        runs.flat_map(|run| (0..).zip(run).map(|(occurrence, entry)| entry.mark(occurrence)));
    let marks: Vec<u64> = marks.collect();
    slice.into_iter().zip(marks)
}

fn second(time: i64) -> i64 {
    time.div_euclid(SECOND)
}

fn pack(marks: impl Iterator<Item = u64>) -> String {
    let bytes: Vec<u8> = marks.flat_map(u64::to_be_bytes).collect();
    BASE64.encode(bytes)
}

/// Marks that were packed. What is damaged reads as nothing: its lines come once more.
fn unpack(text: &str) -> impl Iterator<Item = u64> {
    let bytes = BASE64.decode(text).unwrap_or_default();
    let (marks, _) = bytes.as_chunks::<8>();
    marks.iter().map(|mark| u64::from_be_bytes(*mark)).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::position::Position;

    fn entry(time: i64, line: &str) -> Entry {
        let (stream, labels) = ("{}".into(), Arc::default());
        Entry { time, stream, metadata: String::new(), line: line.into(), labels }
    }

    fn slice(lines: &[(i64, &str)]) -> Vec<Entry> {
        lines.iter().map(|(time, line)| entry(*time, line)).collect()
    }

    fn shown(fresh: &[Fresh]) -> Vec<(u64, &str)> {
        fresh.iter().map(|line| (line.offset, line.entry.line.as_str())).collect()
    }

    /// A run of the service that ends when `kept` lines of a delivery were kept, and the next one.
    fn crash(cursor: &mut Cursor, lines: &[Fresh], kept: u64) -> Cursor {
        let place = Position::new(&cursor.before(lines));
        let next_offset = lines[0].offset + kept;
        let resume = Resume { position: place.clone(), next_offset };
        Cursor::resume(&place.read::<Place>().unwrap(), &resume)
    }

    #[test]
    fn what_is_read_again_is_known() {
        let mut cursor = Cursor::new(0);
        let fresh = cursor.fresh(slice(&[(1, "a"), (1, "b"), (2, "a")]));
        assert_eq!(shown(&fresh), [(0, "a"), (1, "b"), (2, "a")]);
        cursor.delivered(&fresh);
        let again = cursor.fresh(slice(&[(1, "a"), (1, "aa"), (1, "b"), (2, "a")]));
        assert_eq!(shown(&again), [(3, "aa")]);
    }

    #[test]
    fn equal_entries_are_as_many_as_the_store_has() {
        let mut cursor = Cursor::new(0);
        let fresh = cursor.fresh(slice(&[(1, "a"), (1, "a")]));
        assert_eq!(fresh.len(), 2);
        cursor.delivered(&fresh);
        assert_eq!(shown(&cursor.fresh(slice(&[(1, "a"), (1, "a"), (1, "a")]))), [(2, "a")]);
    }

    #[test]
    fn lines_kept_from_half_a_delivery_are_known_though_late_ones_came_before_them() {
        let mut cursor = Cursor::new(0);
        let read = [(1, "b"), (2, "c"), (SECOND, "d"), (3 * SECOND, "e")];
        let fresh = cursor.fresh(slice(&read));
        for kept in 0..=4 {
            let resumed = crash(&mut cursor, &fresh, kept);
            let mut late = read.to_vec();
            late.insert(0, (1, "a"));
            let rest = resumed.fresh(slice(&late));
            let mut expected = vec![(kept, "a")];
            let lines = read.iter().skip(kept as usize).enumerate();
            expected.extend(lines.map(|(i, (_, line))| (kept + 1 + i as u64, *line)));
            assert_eq!(shown(&rest), expected);
        }
    }

    #[test]
    fn a_restart_changes_no_offset() {
        let mut cursor = Cursor::new(0);
        let first = cursor.fresh(slice(&[(1, "a")]));
        let place = cursor.delivered(&first);
        let second = cursor.fresh(slice(&[(1, "a"), (5, "b")]));
        let resume = Resume { position: Position::new(&place), next_offset: 1 };
        let resumed = Cursor::resume(&place, &resume);
        assert_eq!(shown(&resumed.fresh(slice(&[(1, "a"), (5, "b")]))), shown(&second));
    }

    #[test]
    fn what_cannot_change_any_more_is_forgotten_by_whole_seconds() {
        let mut cursor = Cursor::new(0);
        let fresh = cursor.fresh(slice(&[(1, "a"), (SECOND + 5, "b"), (2 * SECOND, "c")]));
        cursor.delivered(&fresh);
        cursor.complete(0, 3 * SECOND, SECOND + 1);
        assert_eq!((cursor.until(), cursor.swept(), cursor.known()), (3 * SECOND, SECOND + 1, 2));
        cursor.complete(2 * SECOND, 4 * SECOND, 3 * SECOND);
        assert_eq!((cursor.swept(), cursor.known()), (SECOND + 1, 2), "a gap is not swept");
    }

    #[test]
    fn memory_is_bounded() {
        let mut cursor = Cursor::new(0);
        for second in 0..3 {
            for mark in 0..MAX_SEEN as u64 / 2 {
                cursor.know(second, mark);
            }
        }
        cursor.complete(0, 10 * SECOND, 0);
        assert_eq!((cursor.known(), cursor.swept()), (MAX_SEEN, SECOND));
    }
}
