//! Held events as they were seen before: what was made of one is used again by the other buckets
//! that hold it. A cache: dropping it changes nothing but the time it takes.

use std::sync::{Arc, OnceLock};

use hashbrown::HashTable;

use super::catalogue::Catalogue;
use super::context::Found;
use super::exhibit;
use super::failure::Failure;
use super::kept::Kept;
use super::scenario::{Scenario, ScenarioId};
use super::state::Bucket;
use crate::alert::{Coordinate, Listed, Source};
use crate::event::Event;
use crate::expr::objects::Queue;
use crate::hash::spread;
use crate::value::{List, Value};

/// Most events that are remembered of all buckets together.
const MOST: usize = 16_384;
/// Events that are remembered by their place, whatever bucket holds them.
const RECENT: usize = 4096;

/// Events by place, and restored queues by bucket.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    buckets: HashTable<Restored>,
    events: usize,
    recent: Vec<Option<Arc<Recalled>>>,
    /// What alert contexts find in every event.
    anywhere: Option<Arc<Found>>,
}

/// A held event, with what was made of it so far.
#[derive(Debug)]
pub(super) struct Recalled {
    pub(super) kept: Kept,
    /// Where its line stands.
    pub(super) at: Coordinate,
    event: OnceLock<Option<Arc<Event>>>,
    listed: OnceLock<Option<Listed>>,
    address: OnceLock<Result<Source, Failure>>,
    /// What the alert contexts find in it.
    pub(super) found: OnceLock<Arc<Found>>,
}

impl Recalled {
    fn new(kept: Kept) -> Option<Self> {
        let at = kept.coordinate()?;
        let (event, listed) = (OnceLock::new(), OnceLock::new());
        let (address, found) = (OnceLock::new(), OnceLock::new());
        Some(Self { kept, at, event, listed, address, found })
    }

    /// The event that was kept.
    pub(super) fn event(&self, catalogue: &Catalogue) -> Option<&Arc<Event>> {
        let restored = || catalogue.codec().restore(&self.kept).map(|(event, _)| Arc::new(event));
        self.event.get_or_init(restored).as_ref()
    }

    /// It as alerts list it.
    pub(super) fn listed(&self, catalogue: &Catalogue) -> Option<&Listed> {
        let glance = || catalogue.codec().glance(&self.kept);
        self.listed.get_or_init(|| exhibit::listed(&glance()?).map(Listed::from)).as_ref()
    }

    /// What it says of its `source_ip`; scope and value are left to the scenario.
    pub(super) fn address(&self, catalogue: &Catalogue) -> Result<&Source, Failure> {
        let glance = || catalogue.codec().glance(&self.kept).ok_or(Failure::Unreadable);
        let address = self.address.get_or_init(|| exhibit::address(&glance()?));
        address.as_ref().map_err(|failure| *failure)
    }
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
    /// A held event; `None` where its bytes are those of other rules.
    pub(super) fn recalled(&mut self, kept: &Kept) -> Option<Arc<Recalled>> {
        if self.recent.is_empty() {
            self.recent.resize(RECENT, None);
        }
        let place = spread(kept.coordinate()?.position) % (RECENT as u64);
        let slot = self.recent.get_mut(usize::try_from(place).ok()?)?;
        if let Some(known) = slot
            && known.kept == *kept
        {
            return Some(Arc::clone(known));
        }
        let new = Arc::new(Recalled::new(kept.clone())?);
        *slot = Some(Arc::clone(&new));
        Some(new)
    }

    pub(super) fn anywhere(&self) -> Option<Arc<Found>> {
        self.anywhere.clone()
    }

    pub(super) fn set_anywhere(&mut self, found: Found) -> Arc<Found> {
        Arc::clone(self.anywhere.insert(Arc::new(found)))
    }

    /// The event that was kept.
    pub(super) fn event(&mut self, kept: &Kept, catalogue: &Catalogue) -> Option<Arc<Event>> {
        self.recalled(kept)?.event(catalogue).cloned()
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
        let hash = scenario.hash_base.with_key(&bucket.key).spread();
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
