//! What a source does where a partition cannot simply be read on.

use super::consumer::Reader;
use super::discovery::Key;
use super::gap::{Gap, gap};
use super::partition::{Event, Passing};
use super::unreadable::{Search, Step};
use crate::metric::{Counter, Reason};

impl Reader {
    /// Tries again what could not be done before.
    pub(super) fn act_on_pending(&mut self) {
        let pending = self.partitions.iter().filter(|(_, partition)| partition.pending.is_some());
        let pending: Vec<Key> = pending.map(|(key, _)| key.clone()).collect();
        for key in pending {
            self.act(&key);
        }
    }

    /// Does what the last event of a partition asks for. It stays pending where brokers would have to
    /// be asked and do not answer.
    pub(super) fn act(&mut self, key: &Key) {
        let Some(partition) = self.partitions.get_mut(key) else { return };
        match partition.pending.clone() {
            None => {}
            Some(Event::OutOfRange) if partition.search.is_some() => self.pass(key, true),
            Some(Event::OutOfRange) => self.bridge(key),
            Some(Event::Readable) => self.pass(key, true),
            Some(Event::Unreadable(_)) => self.pass(key, false),
            Some(Event::Gone) => {
                partition.pending = None;
                self.next_discovery = std::time::Instant::now();
            }
            Some(Event::Refused(code)) => {
                partition.pending = None;
                partition.refuse(code);
            }
        }
    }

    /// The next offset is not there.
    fn bridge(&mut self, key: &Key) {
        // A topic that was created again says so here.
        self.client.serve(std::time::Duration::from_millis(1));
        self.follow_ids();
        let Some(partition) = self.partitions.get(key) else { return };
        let next = partition.place.offset;
        let (oldest, end) = match self.client.range(key) {
            Ok(range) => range,
            Err(error) => return self.asking_failed(&error),
        };
        let lane = partition.name().to_owned();
        let source = &self.context.name;
        match gap(next, oldest, end) {
            Gap::None => self.resume_at(key, next),
            Gap::Deleted { from, to } => {
                let count = u64::try_from(to - from).unwrap_or(0);
                self.context.meter.add(Counter::Missed, count);
                tracing::error!(%source, lane, from, to, count, "records were deleted unread");
                let range = format!("{lane}: records {from} to {} were deleted unread", to - 1);
                self.context.health.note(&range);
                self.resume_at(key, to);
            }
            Gap::Shorter { oldest, end } => {
                tracing::error!(%source, lane, next, end, "partition lost its end, it is read anew");
                let lost = format!("{lane}: its end was cut off at {end}, it is read anew");
                self.context.health.note(&lost);
                self.begin_again(key, Some(oldest));
            }
        }
    }

    /// Reads on behind what is lost, and lets that place be kept.
    fn resume_at(&mut self, key: &Key, offset: i64) {
        if let Some(partition) = self.partitions.get_mut(key) {
            partition.pending = None;
            partition.search = None;
            partition.jump(offset, &self.reading);
        }
        self.restart(key, offset);
    }

    /// A step of passing what cannot be unpacked. `readable`: whether the last one could be read.
    fn pass(&mut self, key: &Key, readable: bool) {
        let Some(partition) = self.partitions.get_mut(key) else { return };
        partition.pending = None;
        let Some(passing) = &mut partition.search else {
            // The client tries again by itself: only what fails twice is bad.
            if partition.struck.replace(partition.place.offset) == Some(partition.place.offset) {
                let search = Search::new(partition.place.offset);
                partition.search = Some(Passing { search, tried: partition.place.offset });
                self.step(key);
            }
            return;
        };
        if readable {
            passing.search.worked(passing.tried);
        } else {
            passing.search.failed(passing.tried);
        }
        self.step(key);
    }

    fn step(&mut self, key: &Key) {
        let Some(partition) = self.partitions.get_mut(key) else { return };
        let Some(passing) = &mut partition.search else { return };
        match passing.search.next() {
            Step::Try(offset) => {
                passing.tried = offset;
                self.restart(key, offset);
            }
            Step::Found { from, to } => {
                let count = u64::try_from(to - from).unwrap_or(0);
                self.context.meter.reject(Reason::Unpackable, count);
                let (source, lane) = (&self.context.name, partition.name());
                tracing::error!(%source, lane, from, to, count, "records cannot be unpacked");
                let range = format!("{lane}: records {from} to {} cannot be unpacked", to - 1);
                self.context.health.note(&range);
                self.resume_at(key, to);
            }
        }
    }
}
