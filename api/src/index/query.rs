//! Live queries: all active decisions that a filter wants, as JSON.

use std::sync::Arc;

use bytes::Bytes;

use super::lookup::Key;
use super::segment::Entry;
use super::snapshot::Snapshot;
use crate::filter::DecisionFilter;

/// Bytes of a piece of a long answer.
pub(super) const PIECE: usize = 64 << 10;

impl Snapshot {
    /// Decisions that are active at `now` and that the filter wants, by number; only filters with
    /// an address (around it) or a value spare looking at all.
    pub fn matching<'a>(&'a self, filter: &DecisionFilter, now: i64) -> Vec<Entry<'a>> {
        let mut found = Vec::new();
        match (filter.net, &filter.value) {
            (Some(net), _) if filter.around => {
                for outer in self.table.around(net) {
                    found.extend(self.candidates(&Key::Net(outer)));
                }
            }
            (_, Some(value)) => {
                found.extend(self.candidates(&Key::Value(value)));
                if let Ok(net) = crate::filter::net::Net::parse(value) {
                    found.extend(self.candidates(&Key::Net(net)));
                }
            }
            _ => {
                for segment in &self.segments {
                    let mask = segment.mask(filter);
                    found.extend(segment.entries().filter(|entry| entry.passes(filter, &mask)));
                }
                found.retain(|entry| entry.slot.until >= now);
                return paged(found, filter);
            }
        }
        found.retain(|entry| entry.slot.until >= now && entry.passes_alone(filter));
        found.sort_unstable_by_key(|entry| entry.slot.id);
        found.dedup_by_key(|entry| entry.slot.id);
        paged(found, filter)
    }

    /// The answer to a live query that looks at few decisions: `null` or a list.
    pub fn answer(&self, filter: &DecisionFilter, now: i64) -> Vec<u8> {
        let found = self.matching(filter, now);
        if found.is_empty() {
            return b"null".to_vec();
        }
        let mut out = Vec::with_capacity(found.len() * 192);
        for entry in found {
            out.push(if out.is_empty() { b'[' } else { b',' });
            entry.write_live(&mut out, now);
        }
        out.push(b']');
        out
    }
}

fn paged<'a>(mut found: Vec<Entry<'a>>, filter: &DecisionFilter) -> Vec<Entry<'a>> {
    let skipped = usize::try_from(filter.offset).unwrap_or(0).min(found.len());
    found.drain(..skipped);
    if let Some(limit) = filter.limit {
        // A negative limit is none, as in SQLite.
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    found
}

/// The answer to a query that looks at all decisions, piece by piece.
#[derive(Debug)]
pub struct Scan {
    snapshot: Arc<Snapshot>,
    filter: DecisionFilter,
    now: i64,
    segment: usize,
    skip: u64,
    left: u64,
    begun: bool,
    ended: bool,
}

impl Scan {
    /// A scan of a snapshot.
    pub fn new(snapshot: Arc<Snapshot>, filter: DecisionFilter, now: i64) -> Self {
        let skip = u64::try_from(filter.offset).unwrap_or(0);
        let left = filter.limit.map_or(u64::MAX, |limit| u64::try_from(limit).unwrap_or(u64::MAX));
        Self { snapshot, filter, now, segment: 0, skip, left, begun: false, ended: false }
    }
}

impl Iterator for Scan {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut out = Vec::new();
        while let Some(segment) = self.snapshot.segments.get(self.segment)
            && out.len() < PIECE
            && self.left > 0
        {
            self.segment += 1;
            let mask = segment.mask(&self.filter);
            for entry in segment.entries() {
                if self.left == 0 {
                    break;
                }
                if entry.slot.until < self.now || !entry.passes(&self.filter, &mask) {
                    continue;
                }
                if self.skip > 0 {
                    self.skip -= 1;
                    continue;
                }
                self.left -= 1;
                out.push(if self.begun { b',' } else { b'[' });
                self.begun = true;
                entry.write_live(&mut out, self.now);
            }
        }
        if self.left == 0 || self.segment >= self.snapshot.segments.len() {
            self.ended = true;
            out.extend_from_slice(if self.begun { b"]" } else { b"null" });
        }
        Some(out.into())
    }
}
