//! What a worker owes the store: which buckets changed since the last seal, and what is gone.

use std::collections::BTreeMap;

use hashbrown::HashTable;

use super::catalogue::Catalogue;
use super::change::{Change, Subject};
use super::dialect::Translator;
use super::group::BucketHash;
use super::record;
use super::scenario::{Scenario, ScenarioId, Takes};
use super::state::Bucket;
use crate::hash::{fnv1a, spread};
use crate::state::KeyedState;
use crate::time::EventTime;

/// The books of one worker.
#[derive(Debug)]
pub struct Ledger {
    pub(super) state: Box<dyn KeyedState>,
    /// Whose buckets these are.
    takes: Takes,
    /// Number of the dialect in which events are written now.
    dialect: u32,
    translators: BTreeMap<u32, Option<Translator>>,
    touched: Vec<BucketHash>,
    entries: Vec<Change>,
    /// Buckets that are no more, and the last seal before: the store may have them still.
    departed: HashTable<(Box<[u8]>, u8)>,
    /// Number of the last seal, counted around.
    pub(super) seal: u8,
    /// Buckets of scenarios that have changed or are gone, by the hash of name and filter.
    pub(super) dropped: BTreeMap<u64, u64>,
}

impl Ledger {
    /// Books over `state`, of the scenarios that look at lines or of those that look at overflows.
    /// Events are written in `dialect`.
    pub fn new(state: Box<dyn KeyedState>, takes: Takes, dialect: u32) -> Self {
        Self {
            state,
            takes,
            dialect,
            translators: BTreeMap::new(),
            touched: Vec::new(),
            entries: Vec::new(),
            departed: HashTable::new(),
            seal: 0,
            dropped: BTreeMap::new(),
        }
    }

    /// Whether a scenario's buckets are among these.
    pub(super) fn concerns(&self, scenario: &Scenario) -> bool {
        scenario.takes.overflows() == self.takes.overflows()
    }

    /// Whether there can be buckets of these; those of scenarios that are gone are dropped with those
    /// that look at lines.
    pub(super) fn concerns_any(&self, catalogue: &Catalogue) -> bool {
        self.drops() || catalogue.scenarios().iter().any(|scenario| self.concerns(scenario))
    }

    /// Whether buckets of scenarios that are gone are dropped with these.
    pub(super) fn drops(&self) -> bool {
        self.takes == Takes::Logs
    }

    pub(super) fn dialect(&self) -> u32 {
        self.dialect
    }

    /// Begins the next seal; its number.
    pub(super) fn next_seal(&mut self) -> u8 {
        self.seal = self.seal.wrapping_add(1);
        let (seal, lag) = (self.seal, self.state.lag());
        self.departed.retain(|(_, since)| seal.wrapping_sub(*since) <= lag.saturating_add(1));
        seal
    }

    /// What the store has under this key, of a bucket that is not in memory.
    pub(super) fn stored(&self, place: &[u8]) -> Option<Vec<u8>> {
        if self.has_departed(place) { None } else { self.state.bucket(place) }
    }

    /// Whether the store has yet to learn that the bucket under this key is no more.
    pub(super) fn has_departed(&self, place: &[u8]) -> bool {
        self.departed.find(hash(place), |(key, _)| **key == *place).is_some()
    }

    /// A bucket with this hash changed.
    pub(super) fn touched(&mut self, hash: BucketHash) {
        self.touched.push(hash);
    }

    /// The buckets that changed since the last call.
    pub(super) fn take_touched(&mut self) -> Vec<BucketHash> {
        std::mem::take(&mut self.touched)
    }

    /// What else changed since the last call, in order.
    pub(super) fn take_entries(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.entries)
    }

    /// A bucket that the store knows is no more.
    pub(super) fn gone(&mut self, catalogue: &Catalogue, owner: ScenarioId, key: &str) {
        let Some(place) = place(catalogue, owner, key) else { return };
        self.entry(Subject::Bucket, &place, None);
    }

    /// A bucket was taken out; it would have ended by itself at `deadline`.
    pub(super) fn left(
        &mut self,
        catalogue: &Catalogue,
        bucket: &Bucket,
        deadline: Option<EventTime>,
    ) {
        if bucket.keeping.stored {
            self.gone(catalogue, bucket.scenario, &bucket.key);
        }
        if let Some(at) = deadline {
            self.deadline(catalogue, (at, bucket.scenario, &bucket.key), false);
        }
    }

    /// What stands under this key is of a scenario that has changed or is gone, or cannot be read.
    pub(super) fn drop_strange(&mut self, place: &[u8]) {
        let family = record::read_key(place).map_or(0, |(family, _)| family);
        *self.dropped.entry(family).or_default() += 1;
        self.entry(Subject::Bucket, place, None);
    }

    /// An entry is set, or gone.
    pub(super) fn entry(&mut self, subject: Subject, key: &[u8], value: Option<Vec<u8>>) {
        let value = value.map(Vec::into_boxed_slice);
        if subject == Subject::Bucket && value.is_none() {
            let at =
                self.departed.entry(hash(key), |(known, _)| **known == *key, |(key, _)| hash(key));
            at.and_modify(|(_, since)| *since = self.seal)
                .or_insert_with(|| (key.into(), self.seal));
        }
        self.entries.push(Change { subject, key: key.into(), value });
    }

    /// A bucket ends by itself at this time, or does so no more.
    pub(super) fn deadline(
        &mut self,
        catalogue: &Catalogue,
        (at, owner, key): (EventTime, ScenarioId, &str),
        holds: bool,
    ) {
        let Some(place) = place(catalogue, owner, key) else { return };
        self.entry(Subject::Deadline, &deadline_key(at, &place), holds.then(Vec::new));
    }

    /// The translator of events that were written in `dialect`: `None` where it is this one's. An
    /// error where nobody knows that dialect any more.
    pub(super) fn translator(
        &mut self,
        dialect: u32,
        catalogue: &Catalogue,
    ) -> Result<Option<&Translator>, UnknownDialect> {
        if dialect == self.dialect {
            return Ok(None);
        }
        let state = &self.state;
        let known = self.translators.entry(dialect).or_insert_with(|| {
            let dialect = state.dialect(dialect)?;
            Some(Translator::new(&dialect, catalogue.codec()))
        });
        known.as_ref().map(Some).ok_or(UnknownDialect)
    }
}

/// Events of a rule set whose dialect the store does not have.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnknownDialect;

fn hash(place: &[u8]) -> u64 {
    spread(fnv1a(place))
}

/// The key of a bucket in the store.
pub(super) fn place(catalogue: &Catalogue, owner: ScenarioId, key: &str) -> Option<Vec<u8>> {
    let scenario = catalogue.scenario(owner)?;
    let group = scenario.hash_base.with_key(key).group();
    Some(record::key(group, catalogue.identity(owner)?.family, key))
}

/// The key of a deadline: group, time (in the order of bytes), and the rest of the bucket's key.
fn deadline_key(at: EventTime, place: &[u8]) -> Vec<u8> {
    let (group, rest) = place.split_at(1.min(place.len()));
    let time = at.0.cast_unsigned() ^ (1 << 63);
    [group, &time.to_be_bytes(), rest].concat()
}

/// Time, family and what `groupby` gave, of the key of a deadline.
pub(super) fn read_deadline(key: &[u8]) -> Option<(EventTime, u64, &str)> {
    let time = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    let at = EventTime((time ^ (1 << 63)).cast_signed());
    // The rest looks like a key whose group is left out.
    let (family, groupby) = key.get(9..)?.split_at_checked(8)?;
    let family = u64::from_be_bytes(family.try_into().ok()?);
    Some((at, family, std::str::from_utf8(groupby).ok()?))
}
