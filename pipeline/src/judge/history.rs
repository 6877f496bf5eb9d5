//! What was decided before about a source value, as profiles ask for it: what the store has of it, and
//! what the commit in the making adds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use operators::alert::Decision;
use operators::profile::{Decided, History};
use operators::time::EventTime;

use crate::serve::places;
use crate::serve::row::{DecisionRow, End, Shared};
use crate::state::{Family, Store, StoreError};

/// The history in a store. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Kept {
    store: Arc<Store>,
    /// What is not in the store yet.
    fresh: Arc<Mutex<History>>,
}

impl Kept {
    /// The history of a store.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, fresh: Arc::default() }
    }

    /// What was remembered is in the store now.
    pub(super) fn flushed(&self) {
        *self.fresh() = History::new();
    }

    fn fresh(&self) -> MutexGuard<'_, History> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When each decision about a value was made, and when it ends or ended.
    fn made(&self, value: &str) -> Result<Vec<(EventTime, EventTime)>, StoreError> {
        let mut made = Vec::new();
        let mut shared = Shared::default();
        for id in places::decided(&self.store, value)? {
            let key = id.to_be_bytes();
            let Some(bytes) = self.store.get(Family::Decisions, &key)? else { continue };
            let Some(row) = DecisionRow::decode(id, &bytes, &mut shared) else { continue };
            // Networks are written in more than one way.
            if *row.record.value != *value {
                continue;
            }
            let end = self.store.get(Family::Ends, &key)?;
            let end = end.and_then(|bytes| End::decode(&bytes)).map_or(i64::MAX, |end| end.at);
            made.push((EventTime(row.made), EventTime(row.record.until.min(end))));
        }
        Ok(made)
    }

    fn known(&self, value: &str) -> Vec<(EventTime, EventTime)> {
        self.made(value).unwrap_or_else(|error| {
            self.store.poison(&error);
            Vec::new()
        })
    }
}

impl Decided for Kept {
    fn remember(&mut self, decisions: &[Decision], at: EventTime) {
        self.fresh().remember(decisions, at);
    }

    fn count(&self, value: &str, since: Option<EventTime>) -> usize {
        let known = self.known(value);
        let known = known.iter().filter(|(at, _)| since.is_none_or(|since| *at > since)).count();
        known + self.fresh().count(value, since)
    }

    fn active(&self, value: &str, now: EventTime) -> (usize, i64) {
        let known = self.known(value);
        let left = known.iter().map(|(_, until)| until.0.saturating_sub(now.0));
        let left: Vec<_> = left.filter(|left| *left > 0).collect();
        let (count, longest) = self.fresh().active(value, now);
        (left.len() + count, left.into_iter().max().unwrap_or(0).max(longest))
    }
}
