//! Which partitions a source reads and where it begins in them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaResult;

use super::config::{Start, TopicName};
use super::consumer::Reader;
use super::discovery::Key;
use super::discovery::{Found, find};
use super::partition::Partition;
use super::place::Place;
use crate::metric::Gauge;

/// How long the cluster may be without a partition before its lane is closed: brokers that start tell
/// less than there is.
const VANISHED: Duration = Duration::from_secs(10);

/// Up to so many topics are asked for one by one, more of them all at once.
const ONE_BY_ONE: usize = 8;

impl Reader {
    /// What the cluster has of what is to be read.
    pub(super) fn look(&self) -> KafkaResult<Found> {
        let names: Option<Vec<&str>> = (self.config.topics.iter())
            .map(|topics| match &topics.name {
                TopicName::Exact(name) => Some(name.as_str()),
                TopicName::Pattern(_) => None,
            })
            .collect();
        let views = match names {
            Some(names) if names.len() <= ONE_BY_ONE => {
                let views = names.iter().map(|name| self.client.topics(Some(name)));
                views.collect::<KafkaResult<Vec<_>>>()?.concat()
            }
            _ => self.client.topics(None)?,
        };
        Ok(find(&self.config.topics, &views))
    }

    /// Reads what is new, lets go of what is gone.
    pub(super) fn discover(&mut self, now: Instant) {
        self.next_discovery = now + self.config.discovery;
        let found = match self.look() {
            Ok(found) => found,
            Err(error) => return self.asking_failed(&error),
        };
        self.problems = found.problems;
        self.let_go(&found.partitions, now);
        let new: Vec<Key> =
            found.partitions.into_iter().filter(|key| !self.partitions.contains_key(key)).collect();
        if let Err(error) = self.open(&new) {
            self.next_discovery = now;
            return self.asking_failed(&error);
        }
        if !self.begun {
            self.begun = true;
            self.context.outlet.ready();
        }
        let open = i64::try_from(self.partitions.len()).unwrap_or(i64::MAX);
        self.context.meter.set(Gauge::Open, open);
    }

    fn let_go(&mut self, found: &BTreeSet<Key>, now: Instant) {
        let mut gone = Vec::new();
        for (key, partition) in &mut self.partitions {
            if found.contains(key) {
                partition.missing = None;
                continue;
            }
            let since = *partition.missing.get_or_insert(now);
            if now.duration_since(since) >= VANISHED {
                gone.push(key.clone());
            } else {
                self.next_discovery = now + Duration::from_secs(2);
            }
        }
        for key in gone {
            if let Some(partition) = self.partitions.remove(&key) {
                let lane = partition.name();
                tracing::error!(source = %self.context.name, lane, "kafka partition is gone");
                self.kept.put(partition.close());
            }
            self.unassign(&key);
        }
    }

    /// Begins to read partitions.
    fn open(&mut self, new: &[Key]) -> KafkaResult<()> {
        if new.is_empty() {
            return Ok(());
        }
        let queues =
            new.iter().map(|key| self.client.queue(key)).collect::<KafkaResult<Vec<_>>>()?;
        self.learn_ids(new)?;
        let begins: Vec<_> = new.iter().map(|key| self.begin_of(key)).collect();
        let unknown: Vec<_> = (new.iter().zip(&begins))
            .filter_map(|(key, (_, start))| start.map(|start| (key.clone(), start)))
            .collect();
        let starts = self.client.starts(&unknown)?;
        let mut assigned = Vec::new();
        for ((key, queue), (mut place, start)) in new.iter().zip(queues).zip(begins) {
            if start.is_some() {
                // Brokers that did not answer for this one are asked again.
                let Some(offset) = starts.get(key) else { continue };
                place.offset = *offset;
            }
            assigned.push((key.clone(), place.offset));
            let lane = place.lane(self.reading.scale);
            tracing::info!(source = %self.context.name, lane, offset = place.offset, "kafka partition");
            let lane = self.context.outlet.lane(&lane, self.config.window);
            let mut partition = Partition::new(key.clone(), place, lane, queue);
            if start.is_some() {
                partition.announce(&self.reading);
            }
            self.partitions.insert(key.clone(), partition);
        }
        self.client.assign(&assigned)
    }

    /// Where a partition begins: a known place, or one that is to be asked for.
    fn begin_of(&self, (topic, partition): &Key) -> (Place<'static>, Option<Start>) {
        let id = self.client.link().topic_id(topic);
        let anew = |generation| Place {
            topic: topic.to_string().into(),
            id: id.clone().map(Into::into),
            partition: *partition,
            offset: 0,
            generation,
        };
        match self.kept.get(topic, *partition) {
            Some(kept) if is_other(kept.id.as_deref(), id.as_deref()) => {
                self.say_created_again(kept);
                (anew(kept.generation + 1), Some(Start::Earliest))
            }
            Some(kept) => {
                let id = id.map(Into::into).or_else(|| kept.id.clone());
                (Place { id, ..kept.clone() }, None)
            }
            None => (anew(0), Some(self.first_start(topic))),
        }
    }

    /// Partitions that appeared while we were there, or could have been, have nothing that is old.
    fn first_start(&self, topic: &str) -> Start {
        let together = |known: &str| {
            let mut asked = self.config.topics.iter();
            asked.any(|topics| topics.name.means(known) && topics.name.means(topic))
        };
        let appeared = self.begun || self.kept.topics().any(together);
        match self.config.start {
            Start::Latest if appeared => Start::Earliest,
            Start::StoredOrLatest if appeared => Start::Stored,
            start => start,
        }
    }

    /// Waits for the identifiers of topics, which the client learns with their metadata. Old brokers
    /// have none.
    fn learn_ids(&self, keys: &[Key]) -> KafkaResult<()> {
        let topics: BTreeSet<&Arc<str>> = keys.iter().map(|(topic, _)| topic).collect();
        let unknown = |topic: &&&Arc<str>| self.client.link().topic_id(topic).is_none();
        for topic in topics.iter().filter(unknown) {
            self.client.topics(Some(topic))?;
        }
        for _ in 0..20 {
            if !topics.iter().any(|topic| unknown(&topic)) {
                break;
            }
            self.client.serve(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Closes lanes of topics that were created again, and reads the new ones from their beginning.
    pub(super) fn follow_ids(&mut self) {
        let mut again = Vec::new();
        for (key, partition) in &mut self.partitions {
            let id = self.client.link().topic_id(&key.0);
            if is_other(partition.place.id.as_deref(), id.as_deref()) {
                again.push(key.clone());
            } else if partition.place.id.is_none() {
                partition.place.id = id.map(Into::into);
            }
        }
        for key in again {
            self.begin_again(&key, None);
        }
    }

    /// Lets go of a partition whose offsets began anew; discovery finds it again. Where the topic is
    /// the same, `oldest` says where it begins.
    pub(super) fn begin_again(&mut self, key: &Key, oldest: Option<i64>) {
        if let Some(partition) = self.partitions.remove(key) {
            let place = partition.close();
            self.kept.put(match oldest {
                Some(offset) => Place { offset, generation: place.generation + 1, ..place },
                None => place,
            });
        }
        self.unassign(key);
        self.next_discovery = Instant::now();
    }

    /// Looks anew for the ends of partitions.
    pub(super) fn look_for_ends(&mut self) {
        let keys: Vec<(Key, i64)> = (self.partitions.iter())
            .filter(|(_, partition)| partition.pending.is_none() && partition.search.is_none())
            .map(|(key, partition)| (key.clone(), partition.place.offset))
            .collect();
        for (key, offset) in keys {
            self.restart(&key, offset);
        }
    }

    /// Fetches from this offset on, whatever the client did before.
    pub(super) fn restart(&mut self, key: &Key, offset: i64) {
        self.unassign(key);
        if let Err(error) = self.client.assign(&[(key.clone(), offset)]) {
            tracing::error!(source = %self.context.name, %error, "kafka partition is not assigned");
        }
    }

    fn unassign(&self, key: &Key) {
        if let Err(error) = self.client.unassign(key) {
            tracing::debug!(source = %self.context.name, %error, "kafka partition was not assigned");
        }
    }

    fn say_created_again(&self, old: &Place<'_>) {
        let (topic, partition, from) = (&old.topic, old.partition, old.offset);
        tracing::error!(
            source = %self.context.name, %topic, partition, from,
            "topic was created again: records of the old one from here on are lost"
        );
        let lost =
            format!("{topic}/{partition}: created again; old records from {from} on are lost");
        self.context.health.note(&lost);
    }
}

/// Whether both are known and differ.
fn is_other(old: Option<&str>, new: Option<&str>) -> bool {
    matches!((old, new), (Some(old), Some(new)) if old != new)
}
