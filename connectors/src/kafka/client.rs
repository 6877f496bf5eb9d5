//! The consumer of librdkafka behind few calls. Those that ask brokers block, each at most for
//! [`ASK`], so that a source stops in time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
// Its waits hold when somebody sets the clock.
use steady as _;
use tokio::sync::Notify;

use super::config::{Config, MIN_PREFETCH, Start};
use super::discovery::{Key, PartitionView, TopicView};
use super::link::Link;

/// How long brokers may take to answer.
pub(super) const ASK: Duration = Duration::from_secs(1);

/// Most errors that are heard at a time.
const SERVED: usize = 64;

/// A consumer.
pub(super) struct Client {
    consumer: Arc<BaseConsumer<Link>>,
    wake: Arc<Notify>,
}

impl Client {
    /// A consumer that fetches ahead for so many partitions. `wake` is told whenever there is
    /// something to poll.
    ///
    /// # Errors
    /// The settings make no sense.
    pub(super) fn new(
        config: &Config,
        link: Link,
        partitions: usize,
        wake: &Arc<Notify>,
    ) -> KafkaResult<Self> {
        let settings = settings(config, &link, partitions);
        let mut consumer: BaseConsumer<Link> = settings.create_with_context(link)?;
        let waker = Arc::clone(wake);
        consumer.set_nonempty_callback(move || waker.notify_one());
        Ok(Self { consumer: Arc::new(consumer), wake: Arc::clone(wake) })
    }

    /// What it told on the side.
    pub(super) fn link(&self) -> &Link {
        self.consumer.context()
    }

    /// Runs callbacks that are due, at most for so long. What it says of the group is of no concern:
    /// nothing depends on it.
    pub(super) fn serve(&self, at_most: Duration) {
        for _ in 0..SERVED {
            match self.consumer.poll(at_most) {
                Some(Err(error)) => {
                    tracing::debug!(%error, reason = self.link().reason(), "kafka consumer");
                }
                Some(Ok(_)) => {}
                None => break,
            }
        }
    }

    /// The topic of this name, or all of them.
    pub(super) fn topics(&self, name: Option<&str>) -> KafkaResult<Vec<TopicView>> {
        let metadata = self.consumer.fetch_metadata(name, ASK)?;
        let views = metadata.topics().iter().map(|topic| TopicView {
            name: topic.name().to_owned(),
            error: topic.error().map(RDKafkaErrorCode::from),
            partitions: topic
                .partitions()
                .iter()
                .map(|known| PartitionView { number: known.id(), has_leader: known.leader() >= 0 })
                .collect(),
        });
        Ok(views.collect())
    }

    /// Offsets of the oldest record and behind the newest one.
    pub(super) fn range(&self, key: &Key) -> KafkaResult<(i64, i64)> {
        self.consumer.fetch_watermarks(&key.0, key.1, ASK)
    }

    /// Where reading starts in partitions without a kept place.
    pub(super) fn starts(&self, wanted: &[(Key, Start)]) -> KafkaResult<HashMap<Key, i64>> {
        let mut asked = Vec::new();
        let mut starts = HashMap::new();
        let stored: Vec<Key> = wanted
            .iter()
            .filter(|(_, start)| matches!(start, Start::Stored | Start::StoredOrLatest))
            .map(|(key, _)| key.clone())
            .collect();
        let stored = self.stored(&stored)?;
        for (key, start) in wanted {
            let query = match start {
                Start::Earliest => Offset::Beginning,
                Start::Latest => Offset::End,
                Start::Timestamp(milliseconds) => Offset::Offset((*milliseconds).max(0)),
                Start::Stored | Start::StoredOrLatest => match stored.get(key) {
                    Some(offset) => {
                        starts.insert(key.clone(), *offset);
                        continue;
                    }
                    None if *start == Start::Stored => Offset::Beginning,
                    None => Offset::End,
                },
            };
            asked.push((key.clone(), query));
        }
        let mut beyond = Vec::new();
        for (key, offset) in self.offsets(&asked)? {
            match offset {
                Offset::Offset(offset) => {
                    starts.insert(key, offset);
                }
                // No record is that new.
                _ => beyond.push((key, Offset::End)),
            }
        }
        for (key, offset) in self.offsets(&beyond)? {
            if let Offset::Offset(offset) = offset {
                starts.insert(key, offset);
            }
        }
        Ok(starts)
    }

    fn offsets(&self, asked: &[(Key, Offset)]) -> KafkaResult<Vec<(Key, Offset)>> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let answered = self.consumer.offsets_for_times(list(asked)?, ASK)?;
        answered
            .elements()
            .iter()
            .map(|known| {
                known.error()?;
                Ok(((Arc::from(known.topic()), known.partition()), known.offset()))
            })
            .collect()
    }

    fn stored(&self, keys: &[Key]) -> KafkaResult<HashMap<Key, i64>> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let asked: Vec<_> = keys.iter().map(|key| (key.clone(), Offset::Invalid)).collect();
        let answered = self.consumer.committed_offsets(list(&asked)?, ASK)?;
        let known = answered.elements();
        let stored = known.iter().filter_map(|known| match known.offset() {
            Offset::Offset(offset) => Some(((Arc::from(known.topic()), known.partition()), offset)),
            _ => None,
        });
        Ok(stored.collect())
    }

    /// The queue of a partition, and a mark that is set whenever something comes into it. Once per
    /// partition and assignment, before [`Client::assign`].
    pub(super) fn queue(&self, key: &Key) -> KafkaResult<(PartitionQueue<Link>, Arc<AtomicBool>)> {
        let split = self.consumer.split_partition_queue(&key.0, key.1);
        let mut queue = split.ok_or(KafkaError::Subscription(key.0.to_string()))?;
        let ready = Arc::new(AtomicBool::new(true));
        let (mark, wake) = (Arc::clone(&ready), Arc::clone(&self.wake));
        queue.set_nonempty_callback(move || {
            mark.store(true, Ordering::Release);
            wake.notify_one();
        });
        Ok((queue, ready))
    }

    /// Begins to fetch partitions from these offsets on.
    pub(super) fn assign(&self, places: &[(Key, i64)]) -> KafkaResult<()> {
        let places: Vec<_> =
            places.iter().map(|(key, at)| (key.clone(), Offset::Offset(*at))).collect();
        self.consumer.incremental_assign(&list(&places)?)
    }

    /// Ends to fetch a partition.
    pub(super) fn unassign(&self, key: &Key) -> KafkaResult<()> {
        self.consumer.incremental_unassign(&list(&[(key.clone(), Offset::Invalid)])?)
    }

    /// Commits offsets of next records, without waiting.
    pub(super) fn commit(&self, places: &[(Key, i64)]) -> KafkaResult<()> {
        let places: Vec<_> =
            places.iter().map(|(key, at)| (key.clone(), Offset::Offset(*at))).collect();
        self.consumer.commit(&list(&places)?, CommitMode::Async)
    }

    /// Lets go of it. Closing talks to brokers and may take long: a thread of its own does that, and
    /// is waited for no longer than `at_most`.
    pub(super) fn close(self, at_most: Duration) {
        let (closed, wait) = std::sync::mpsc::channel::<()>();
        let close = move || {
            drop(self.consumer);
            drop(closed);
        };
        let thread = std::thread::Builder::new().name("kafka-close".to_owned());
        if thread.spawn(close).is_ok() {
            // Closed or not, what it says: the sender is gone, or time is up.
            wait.recv_timeout(at_most).unwrap_or_default();
        }
    }
}

fn list(places: &[(Key, Offset)]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for ((topic, partition), offset) in places {
        list.add_partition_offset(topic, *partition, *offset)?;
    }
    Ok(list)
}

fn settings(config: &Config, link: &Link, partitions: usize) -> ClientConfig {
    let share = (config.prefetch / partitions.max(1)).max(MIN_PREFETCH);
    let group = config.group_id.clone().unwrap_or_else(|| format!("spillway-{}", link.name()));
    let mut settings = config.cluster.client();
    settings
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Never jump: an offset that is not there is reported, see `gap.rs`.
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("queued.min.messages", "1000000")
        .set("queued.max.messages.kbytes", (share >> 10).to_string())
        .set("fetch.message.max.bytes", share.min(1 << 20).to_string())
        .set("fetch.max.bytes", config.prefetch.clamp(1 << 20, 50 << 20).to_string())
        .set("fetch.queue.backoff.ms", "5")
        // The end of a partition is told by the first fetch that finds nothing, and a partition that
        // has room again waits for the fetch of the others: both for no longer than this.
        .set("fetch.wait.max.ms", (20 + partitions / 4).min(250).to_string())
        .set("fetch.error.backoff.ms", "100")
        .set("statistics.interval.ms", "2000")
        // Tells identifiers of topics: `link.rs`.
        .set("debug", "metadata")
        .set_log_level(RDKafkaLogLevel::Debug);
    config.cluster.finish(&mut settings);
    settings
}
