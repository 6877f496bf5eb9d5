//! The stream of a bouncer: all that is active, or what changed since its cursor, as JSON in
//! pieces. The law: what a client holds, plus a delta, is what a new client would be given.

use std::sync::Arc;

use bytes::Bytes;
use std::collections::HashSet;

use super::query::PIECE;
use super::removals::Place;
use super::segment::Entry;
use super::snapshot::Snapshot;
use crate::filter::DecisionFilter;

/// Up to where a client was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The commit of its last answer.
    pub seq: u64,
    /// The commit of the answer before.
    pub before: u64,
}

/// What a client wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Everything.
    All,
    /// What changed.
    Since(Cursor),
}

/// An answer in the making.
#[derive(Debug)]
pub struct Stream {
    snapshot: Arc<Snapshot>,
    filter: DecisionFilter,
    now: i64,
    /// Whether of each key the longest alone is told.
    reduced: bool,
    new: New,
    gone: std::vec::IntoIter<Place>,
    stage: Stage,
    /// Behind the closing bracket of `deleted`, in place of the last brace.
    tail: Option<String>,
}

#[derive(Debug)]
enum New {
    /// All segments from one on, for what came later than a commit.
    Scan { segment: usize, above: u64 },
    /// These numbers.
    Listed(std::vec::IntoIter<u64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    New { comma: bool },
    Gone { comma: bool },
    End,
}

impl Stream {
    /// The answer to a bouncer that is told `wanted` at `now`. Without `reduced` all decisions
    /// count, not the longest of each key.
    pub fn new(
        snapshot: Arc<Snapshot>,
        filter: DecisionFilter,
        wanted: Wanted,
        reduced: bool,
        now: i64,
    ) -> Self {
        // Who was away for too long is told everything, all removals too.
        let lost = matches!(wanted, Wanted::Since(cursor)
            if !snapshot.removals.know_all_after(cursor.seq));
        let wanted = if lost { Wanted::Since(Cursor::default()) } else { wanted };
        let new = match wanted {
            Wanted::All => New::Scan { segment: 0, above: 0 },
            Wanted::Since(_) if lost => New::Scan { segment: 0, above: 0 },
            Wanted::Since(cursor) => match snapshot.arrivals.after(cursor.seq) {
                None => New::Scan { segment: 0, above: cursor.seq },
                Some(mut ids) => {
                    if reduced {
                        ids.extend(snapshot.survivors(&filter, cursor));
                        ids.sort_unstable();
                        ids.dedup();
                    }
                    New::Listed(ids.into_iter())
                }
            },
        };
        let gone = snapshot.gone(&filter, wanted, reduced).into_iter();
        let tail = None;
        Self { snapshot, filter, now, reduced, new, gone, stage: Stage::Head, tail }
    }

    /// With a cursor in the body, for clients that ask for one.
    #[must_use]
    pub fn with_cursor(mut self, cursor: &str) -> Self {
        self.tail = Some(format!(", \"cursor\": \"{cursor}\"}}"));
        self
    }

    /// Whether nothing is to be told. A scan of all decisions counts as something.
    pub fn is_empty(&self) -> bool {
        let told = |id: &u64| self.snapshot.find(*id).is_some_and(|entry| self.is_told(&entry));
        let none_new = match &self.new {
            New::Scan { .. } => false,
            New::Listed(ids) => !ids.as_slice().iter().any(told),
        };
        none_new && self.gone.len() == 0
    }

    /// Whether a decision that arrived is to be told.
    fn is_told(&self, entry: &Entry<'_>) -> bool {
        let counts = !self.reduced || entry.slot.since > 0;
        counts && entry.slot.until > self.now && entry.passes_alone(&self.filter)
    }

    fn write_new(&mut self, out: &mut Vec<u8>, mut comma: bool) -> Option<bool> {
        let (filter, now, reduced) = (&self.filter, self.now, self.reduced);
        match &mut self.new {
            New::Scan { segment, above } => {
                let since = |entry: &Entry<'_>| match reduced {
                    true => entry.slot.since > *above,
                    false => entry.slot.born > *above,
                };
                while out.len() < PIECE {
                    let here = self.snapshot.segments.get(*segment)?;
                    *segment += 1;
                    let mask = here.mask(filter);
                    for entry in here.entries() {
                        if entry.slot.until > now && since(&entry) && entry.passes(filter, &mask) {
                            put(out, &mut comma, &entry, now);
                        }
                    }
                }
            }
            New::Listed(ids) => {
                while out.len() < PIECE {
                    let Some(entry) = self.snapshot.find(ids.next()?) else { continue };
                    let counts = !reduced || entry.slot.since > 0;
                    if counts && entry.slot.until > now && entry.passes_alone(filter) {
                        put(out, &mut comma, &entry, now);
                    }
                }
            }
        }
        Some(comma)
    }

    fn write_gone(&mut self, out: &mut Vec<u8>, mut comma: bool) -> Option<bool> {
        while out.len() < PIECE {
            let place = self.gone.next()?;
            if let Some(removal) = self.snapshot.removals.at(place) {
                put(out, &mut comma, &removal, self.now);
            }
        }
        Some(comma)
    }
}

fn put(out: &mut Vec<u8>, comma: &mut bool, entry: &Entry<'_>, now: i64) {
    if std::mem::replace(comma, true) {
        out.push(b',');
    }
    entry.write_stream(out, now);
}

impl Iterator for Stream {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.stage == Stage::End {
            return None;
        }
        let few = matches!(&self.new, New::Listed(ids) if ids.len() < 64) && self.gone.len() < 64;
        let mut out = Vec::with_capacity(if few { 256 } else { PIECE + (16 << 10) });
        while out.len() < PIECE {
            self.stage = match self.stage {
                Stage::Head => {
                    out.extend_from_slice(b"{\"new\": [");
                    Stage::New { comma: false }
                }
                Stage::New { comma } => match self.write_new(&mut out, comma) {
                    Some(comma) => Stage::New { comma },
                    None => {
                        out.extend_from_slice(b"], \"deleted\": [");
                        Stage::Gone { comma: false }
                    }
                },
                Stage::Gone { comma } => match self.write_gone(&mut out, comma) {
                    Some(comma) => Stage::Gone { comma },
                    None => {
                        out.push(b']');
                        out.extend_from_slice(self.tail.as_deref().unwrap_or("}").as_bytes());
                        Stage::End
                    }
                },
                Stage::End => break,
            };
        }
        Some(out.into())
    }
}

impl Snapshot {
    /// Removals to be told, by number. Of a key the latest alone; none whose key the client still
    /// has, by the same filter.
    fn gone(&self, filter: &DecisionFilter, wanted: Wanted, reduced: bool) -> Vec<Place> {
        let since = match wanted {
            Wanted::All => 0,
            Wanted::Since(cursor) => cursor.seq,
        };
        let mut told: HashSet<(&str, &str, &[u8])> = HashSet::new();
        let mut gone: Vec<(u64, Place)> = Vec::new();
        for (place, removal) in self.removals.after(since) {
            let removed = removal.slot.removed();
            let counts = if reduced { removed.place } else { removed.decision };
            if !counts || !removal.passes_alone(filter) {
                continue;
            }
            if reduced {
                let key = (removal.scope(), removal.kind(), removal.value_json());
                let any_type = wanted == Wanted::All;
                if !told.insert(key) || self.still_has(&removal, filter, any_type) {
                    continue;
                }
            }
            gone.push((removal.slot.id, place));
        }
        gone.sort_unstable_by_key(|(id, _)| *id);
        gone.into_iter().map(|(_, place)| place).collect()
    }

    /// Whether a client with this filter has a decision of the removal's key; with `any_type` of
    /// its scope and value alone: who starts anew has nothing that would have to go, and many
    /// clients know decisions by their value.
    fn still_has(&self, removal: &Entry<'_>, filter: &DecisionFilter, any_type: bool) -> bool {
        self.longest_like(removal)
            .any(|entry| (any_type || entry.same_key(removal)) && entry.passes_alone(filter))
    }

    /// Many clients know decisions by their value: the end of a captcha also ends a ban of the same
    /// address there. So decisions of other types are told again in the answer after that. Where a
    /// longer decision took the place, no end was told, and to repeat others would put them first.
    fn survivors(&self, filter: &DecisionFilter, cursor: Cursor) -> Vec<u64> {
        if cursor.before >= cursor.seq {
            return Vec::new();
        }
        let mut again = Vec::new();
        for (_, removal) in self.removals.after(cursor.before) {
            let told = removal.slot.since <= cursor.seq && removal.slot.removed().place;
            if told && removal.passes_alone(filter) && !self.had(&removal, filter, cursor.seq) {
                let others = self.longest_like(&removal);
                let others = others.filter(|entry| !entry.same_key(&removal));
                again.extend(others.map(|entry| entry.slot.id));
            }
        }
        again
    }

    /// Whether a client with this filter has had a decision of the removal's key since a commit.
    fn had(&self, removal: &Entry<'_>, filter: &DecisionFilter, seq: u64) -> bool {
        let mut own = self.longest_like(removal).filter(|entry| entry.same_key(removal));
        own.any(|entry| entry.slot.since <= seq && entry.passes_alone(filter))
    }
}
