//! Held events as they were, for conditions: what was restored for the last event of a bucket is
//! used again for the next. A cache: dropping it changes nothing but the time it takes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::catalogue::Catalogue;
use super::kept::Kept;
use super::scenario::ScenarioId;
use super::state::Bucket;
use crate::event::Event;

/// Most events that are remembered, of all buckets together.
const MOST: usize = 16_384;

type Restored = VecDeque<(Kept, Arc<Event>)>;

/// Restored events by bucket.
#[derive(Debug, Default)]
pub(super) struct Recall {
    buckets: BTreeMap<(ScenarioId, Box<str>), Restored>,
    events: usize,
}

impl Recall {
    /// The events that a bucket holds, oldest first.
    pub(super) fn events(&mut self, bucket: &Bucket, catalogue: &Catalogue) -> Vec<Arc<Event>> {
        let name = (bucket.scenario, bucket.key.clone());
        let mut known = self.buckets.remove(&name).unwrap_or_default();
        self.events -= known.len();
        let mut restored = Restored::with_capacity(bucket.queue.len());
        for kept in bucket.queue.iter() {
            while known.front().is_some_and(|(old, _)| old != kept) {
                known.pop_front();
            }
            let again = || catalogue.codec().restore(kept).map(|(event, _)| Arc::new(event));
            let event = known.pop_front().map(|(_, event)| event).or_else(again);
            restored.extend(event.map(|event| (kept.clone(), event)));
        }
        let events = restored.iter().map(|(_, event)| Arc::clone(event)).collect();
        // Most buckets never hold a second event.
        if restored.len() > 1 && restored.len() <= MOST {
            if self.events + restored.len() > MOST {
                *self = Self::default();
            }
            self.events += restored.len();
            self.buckets.insert(name, restored);
        }
        events
    }
}
