//! Held events as they were, for conditions and alerts: what was restored once is used again, by
//! the next event of the bucket and by the other buckets that hold it. A cache: dropping it changes
//! nothing but the time it takes.

use std::sync::Arc;

use hashbrown::HashTable;

use super::catalogue::Catalogue;
use super::group::{hash_of, spread};
use super::kept::Kept;
use super::scenario::{Scenario, ScenarioId};
use super::state::Bucket;
use crate::alert::AlertEvent;
use crate::event::Event;
use crate::expr::objects::Queue;
use crate::value::{List, Value};

/// Most events that are remembered of all buckets together.
const MOST: usize = 16_384;
/// Events that are remembered by their place, whatever bucket holds them.
const RECENT: usize = 4096;

/// Restored events, by bucket and by place.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    buckets: HashTable<Restored>,
    events: usize,
    recent: Vec<Option<Recent>>,
}

#[derive(Clone, Debug)]
struct Recent {
    kept: Kept,
    event: Arc<Event>,
    listed: Option<AlertEvent>,
}

/// The queue of a bucket as it was.
#[derive(Debug)]
struct Restored {
    scenario: ScenarioId,
    key: Box<str>,
    hash: u64,
    first: Kept,
    last: Kept,
    list: Arc<List>,
}

impl Restored {
    fn of(&self, bucket: &Bucket) -> bool {
        self.scenario == bucket.scenario && self.key == bucket.key
    }

    /// Whether the first events of the bucket are these: queues grow at their end.
    fn begins(&self, bucket: &Bucket) -> bool {
        let queue = &bucket.queue;
        let last = self.list.items.len().checked_sub(1).and_then(|at| queue.get(at));
        queue.get(0) == Some(&self.first) && last == Some(&self.last)
    }
}

impl Recall {
    /// The event that was kept.
    pub(super) fn event(&mut self, kept: &Kept, catalogue: &Catalogue) -> Option<Arc<Event>> {
        let slot = self.slot(kept)?;
        if let Some(known) = slot
            && known.kept == *kept
        {
            return Some(Arc::clone(&known.event));
        }
        let (event, _) = catalogue.codec().restore(kept)?;
        let event = Arc::new(event);
        *slot = Some(Recent { kept: kept.clone(), event: Arc::clone(&event), listed: None });
        Some(event)
    }

    /// A restored event as alerts show it, which `list` makes.
    pub(super) fn listed(
        &mut self,
        kept: &Kept,
        event: &Arc<Event>,
        list: impl Fn(&Event) -> AlertEvent,
    ) -> AlertEvent {
        match self.slot(kept) {
            Some(Some(known)) if Arc::ptr_eq(&known.event, event) => {
                known.listed.get_or_insert_with(|| list(event)).clone()
            }
            _ => list(event),
        }
    }

    fn slot(&mut self, kept: &Kept) -> Option<&mut Option<Recent>> {
        if self.recent.is_empty() {
            self.recent.resize(RECENT, None);
        }
        let place = spread(kept.coordinate()?.position) % (RECENT as u64);
        self.recent.get_mut(usize::try_from(place).ok()?)
    }

    /// The events that a bucket holds, oldest first. An event that cannot be read is left out.
    pub(super) fn events(
        &mut self,
        bucket: &Bucket,
        scenario: &Scenario,
        catalogue: &Catalogue,
    ) -> Arc<List> {
        let (Some(first), Some(last)) = (bucket.queue.get(0), bucket.queue.last()) else {
            return Queue::list([]);
        };
        let hash = spread(hash_of(&scenario.name, &bucket.key));
        let known = self.buckets.find_entry(hash, |known| known.of(bucket)).ok();
        let known = known.map(|entry| entry.remove().0);
        self.events -= known.as_ref().map_or(0, |known| known.list.items.len());
        let known = known.filter(|known| known.begins(bucket)).map(|known| known.list);
        let mut list = known.unwrap_or_else(|| Queue::list([]));
        let items = &mut Arc::make_mut(&mut list).items;
        for kept in bucket.queue.iter().skip(items.len()) {
            items.extend(self.event(kept, catalogue).map(Value::Held));
        }
        // Most buckets never hold a second event.
        let length = list.items.len();
        if length == bucket.queue.len() && length > 1 && length <= MOST {
            if self.events + length > MOST {
                self.buckets.clear();
                self.events = 0;
            }
            self.events += length;
            let restored = Restored {
                scenario: bucket.scenario,
                key: bucket.key.clone(),
                hash,
                first: first.clone(),
                last: last.clone(),
                list: Arc::clone(&list),
            };
            // What was known of the bucket was taken out above.
            self.buckets.insert_unique(hash, restored, |known| known.hash);
        }
        list
    }
}
