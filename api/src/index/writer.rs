//! The one writer of the index: takes what a commit and the view say, publishes a new snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Index;
use super::lookup::Key;
use super::removals::Keep;
use super::segment::{Builder, MOST, Removed};
use super::snapshot::Snapshot;
use crate::filter::net::Net;
use crate::record::Record;

/// What changes at once.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// The last commit in it.
    pub seq: u64,
    /// The present. Unit: nanoseconds since the Unix epoch.
    pub now: i64,
    /// Decisions that came, each with its commit, in the order of their numbers, which are above
    /// all before.
    pub added: Vec<(u64, Record)>,
    /// Decisions that ended: commit, number, when.
    pub ended: Vec<(u64, u64, i64)>,
    /// Those that became the longest of their key: commit, number.
    pub entered: Vec<(u64, u64)>,
    /// Those that no longer are: commit, number.
    pub left: Vec<(u64, u64)>,
}

/// Builds snapshots.
#[derive(Debug)]
pub struct Writer {
    index: Arc<Index>,
    snapshot: Snapshot,
    keep: Keep,
}

/// What an update does to the decisions that are there.
#[derive(Debug, Default)]
struct Edits {
    /// In ascending order.
    gone: Vec<u64>,
    /// Commit since which a decision is the longest, 0 for no longer, by number.
    since: Vec<(u64, u64)>,
    /// Numbers from here on came with this update.
    first_new: u64,
}

impl Edits {
    fn of(update: &Update) -> Self {
        let first_new = update.added.first().map_or(u64::MAX, |(_, record)| record.id);
        let mut gone: Vec<u64> = update.ended.iter().map(|(_, id, _)| *id).collect();
        gone.sort_unstable();
        let left = update.left.iter().map(|(seq, id)| (*id, *seq, false));
        let entered = update.entered.iter().map(|(seq, id)| (*id, *seq, true));
        let mut turns: Vec<(u64, u64, bool)> = left.chain(entered).collect();
        turns.sort_unstable();
        // Of each decision the last turn counts.
        let mut since: Vec<(u64, u64)> = Vec::with_capacity(turns.len());
        for (id, seq, enters) in turns {
            since.pop_if(|(last, _)| *last == id);
            since.push((id, if enters { seq } else { 0 }));
        }
        Self { gone, since, first_new }
    }

    fn is_gone(&self, id: u64) -> bool {
        self.gone.binary_search(&id).is_ok()
    }

    fn since(&self, id: u64) -> Option<u64> {
        let place = self.since.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.since.get(place).map(|(_, seq)| *seq)
    }

    /// Numbers of decisions that were there before and change.
    fn touched(&self) -> Vec<u64> {
        let since = self.since.iter().map(|(id, _)| *id).filter(|id| *id < self.first_new);
        let mut ids: Vec<u64> = self.gone.iter().copied().chain(since).collect();
        ids.sort_unstable();
        ids
    }
}

impl Writer {
    /// A writer of an empty index.
    pub fn new(index: Arc<Index>, keep: Keep) -> Self {
        Self { index, snapshot: Snapshot::default(), keep }
    }

    /// Applies an update and publishes what comes of it.
    pub fn apply(&mut self, update: &Update) {
        self.prepare(update);
        self.index.publish(self.snapshot.clone());
    }

    /// Applies an update that nobody is to see yet.
    pub fn prepare(&mut self, update: &Update) {
        let edits = Edits::of(update);
        self.append(update, &edits);
        self.note_removals(update);
        self.change_table(update, &edits);
        self.rebuild(&edits);
        let mut arrivals: Vec<(u64, u64)> =
            update.added.iter().map(|(seq, r)| (*seq, r.id)).collect();
        arrivals.extend_from_slice(&update.entered);
        arrivals.sort_unstable();
        self.snapshot.arrivals.add(&arrivals);
        self.snapshot.seq = self.snapshot.seq.max(update.seq);
        self.snapshot.active =
            (self.snapshot.active + update.added.len()).saturating_sub(update.ended.len());
    }

    /// Puts what came behind the rest, what has ended again by now too.
    fn append(&mut self, update: &Update, edits: &Edits) {
        if update.added.is_empty() {
            return;
        }
        let segments = &mut self.snapshot.segments;
        let last = segments.pop_if(|last| last.len() < MOST);
        let mut builder = last.map_or_else(Builder::default, |last| Builder::behind(&last));
        for (seq, record) in &update.added {
            if builder.len() >= MOST {
                segments.push(Arc::new(std::mem::take(&mut builder).finish()));
            }
            let since = edits.since(record.id).unwrap_or(0);
            builder.push(record, *seq, since);
        }
        segments.push(Arc::new(builder.finish()));
    }

    fn note_removals(&mut self, update: &Update) {
        let mut removals: BTreeMap<(u64, u64), (Removed, Option<i64>)> = BTreeMap::new();
        for (seq, id) in &update.left {
            removals.entry((*seq, *id)).or_default().0.place = true;
        }
        for (seq, id, at) in &update.ended {
            let removal = removals.entry((*seq, *id)).or_default();
            (removal.0.decision, removal.1) = (true, Some(*at));
        }
        if removals.is_empty() {
            self.snapshot.removals.forget(update.now, self.keep);
            return;
        }
        let mut builder = Builder::default();
        for ((seq, id), (what, at)) in &removals {
            if let Some(entry) = self.snapshot.find(*id) {
                builder.remove(&entry, *seq, at.unwrap_or(update.now), *what);
            }
        }
        self.snapshot.removals.add(&builder.finish(), update.now, self.keep);
    }

    fn change_table(&mut self, update: &Update, edits: &Edits) {
        let found = |id: u64| self.snapshot.find(id).map(|entry| (entry.net(), entry.value(), id));
        let gone: Vec<(Option<Net>, String, u64)> = edits
            .gone
            .iter()
            .filter(|id| **id < edits.first_new)
            .filter_map(|id| found(*id))
            .collect();
        let added = update.added.iter().filter(|(_, record)| !edits.is_gone(record.id));
        let added: Vec<(Key<'_>, u64)> =
            added.map(|(_, record)| (key(record.net(), &record.value), record.id)).collect();
        let gone: Vec<(Key<'_>, u64)> =
            gone.iter().map(|(net, value, id)| (key(*net, value), *id)).collect();
        self.snapshot.table.change(&added, &gone);
    }

    /// Copies the segments that hold what changes.
    fn rebuild(&mut self, edits: &Edits) {
        let segments = &mut self.snapshot.segments;
        let mut touched: BTreeSet<usize> = BTreeSet::new();
        for id in edits.touched() {
            let behind = segments.partition_point(|segment| segment.first() <= id);
            touched.extend(behind.checked_sub(1));
        }
        for place in &touched {
            let Some(segment) = segments.get_mut(*place) else { continue };
            let mut builder = Builder::default();
            let mut same = true;
            for entry in segment.entries() {
                let id = entry.slot.id;
                if edits.is_gone(id) {
                    same = false;
                    continue;
                }
                let since = edits.since(id).unwrap_or(entry.slot.since);
                same &= since == entry.slot.since;
                builder.copy(&entry, since);
            }
            if !same {
                *segment = Arc::new(builder.finish());
            }
        }
        self.join_small(&touched);
    }

    /// Joins segments that became small with their neighbours, so that few long decisions do not
    /// keep many segments.
    fn join_small(&mut self, touched: &BTreeSet<usize>) {
        let segments = &mut self.snapshot.segments;
        for place in touched.iter().rev() {
            let length = |place: usize| segments.get(place).map(|segment| segment.len());
            let Some(own) = length(*place) else { continue };
            if own == 0 {
                segments.remove(*place);
                continue;
            }
            let Some(next) = length(place + 1) else { continue };
            if own < MOST / 4 && own + next <= MOST / 2 {
                let behind = segments.remove(place + 1);
                let Some(segment) = segments.get_mut(*place) else { continue };
                let mut builder = Builder::behind(segment);
                behind.entries().for_each(|entry| builder.copy(&entry, entry.slot.since));
                *segment = Arc::new(builder.finish());
            }
        }
    }

    /// What a decision is about and when it ends, if it is active and may stand for its key.
    pub fn contender(&self, id: u64) -> Option<(u128, i64)> {
        let entry = self.snapshot.find(id).filter(|entry| !entry.slot.simulated())?;
        let key = crate::record::key_of(entry.scope(), &entry.value(), entry.kind());
        Some((key, entry.slot.until))
    }

    /// Says that arrivals and removals up to a commit are not all known.
    pub fn begin_at(&mut self, seq: u64) {
        self.snapshot.arrivals.begin_at(seq);
        self.snapshot.removals.begin_at(seq);
        self.snapshot.seq = self.snapshot.seq.max(seq);
    }

    /// Publishes what was prepared.
    pub fn publish(&self) {
        self.index.publish(self.snapshot.clone());
    }
}

fn key(net: Option<Net>, value: &str) -> Key<'_> {
    match net {
        Some(net) => Key::Net(net),
        None => Key::Value(value),
    }
}
