//! All active decisions at a commit, immutable: what a reader holds while it answers.

use std::sync::Arc;

use super::lookup::{Key, Table};
use super::removals::{Arrivals, Removals};
use super::segment::{Entry, Segment};

/// All active decisions at a commit.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The commit.
    pub seq: u64,
    /// Decisions, in the order of their numbers.
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) table: Table,
    pub(super) arrivals: Arrivals,
    pub(super) removals: Removals,
    /// Active decisions, simulated ones too.
    pub(super) active: usize,
}

impl Snapshot {
    /// How many decisions are active, simulated ones too.
    pub fn len(&self) -> usize {
        self.active
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.active == 0
    }

    /// The decision of a number.
    pub fn find(&self, id: u64) -> Option<Entry<'_>> {
        let behind = self.segments.partition_point(|segment| segment.first() <= id);
        self.segments.get(behind.checked_sub(1)?)?.find(id)
    }

    /// All decisions, in the order of their numbers.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.segments.iter().flat_map(|segment| segment.entries())
    }

    /// Decisions that may have a key: others can share its hash.
    pub(super) fn candidates(&self, key: &Key<'_>) -> impl Iterator<Item = Entry<'_>> {
        self.table.find(key).filter_map(|id| self.find(id))
    }

    /// Decisions of the same scope and value as `entry` that are the longest of their type.
    pub(super) fn longest_like<'a>(&'a self, entry: &Entry<'a>) -> impl Iterator<Item = Entry<'a>> {
        let value = entry.value();
        let key = match entry.net() {
            Some(net) => Key::Net(net),
            None => Key::Value(&value),
        };
        let entry = *entry;
        let found: Vec<Entry<'a>> = self.candidates(&key).collect();
        found.into_iter().filter(move |other| {
            other.slot.since > 0
                && other.scope() == entry.scope()
                && other.value_json() == entry.value_json()
        })
    }

    /// Numbers of the alerts of decisions that are active at `now`, in ascending order.
    pub fn active_alerts(&self, now: i64) -> Vec<u64> {
        let active = self.entries().filter(|entry| entry.slot.until >= now);
        let mut alerts: Vec<u64> = active.map(|entry| entry.slot.alert).collect();
        alerts.sort_unstable();
        alerts.dedup();
        alerts
    }

    /// Bytes that decisions and removals take in memory, the table apart.
    pub fn size(&self) -> usize {
        let segments = self.segments.iter().map(|segment| segment.size()).sum::<usize>();
        segments + self.removals.size() + self.table.len() * size_of::<(u64, u64)>()
    }
}
