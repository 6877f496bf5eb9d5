//! How far an output is, as its group remembers it: the committed offset is the number behind the last
//! message that is out, its metadata says who wrote it.

use std::process;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::KafkaConfig;
use crate::kafka::{Link, Tokens};
use crate::output::OutputContext;

/// How long the group's coordinator may take to answer.
const ASK: Duration = Duration::from_millis(1500);

/// Who writes. Tells a predecessor's or successor's transactions from our own: a broker that gave up
/// one of ours answers like one that let somebody else in.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    name: String,
    /// Whether it has written its name.
    pub(super) claimed: bool,
    /// Whether somebody else may have.
    pub(super) suspects: bool,
}

impl Owner {
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            name: format!("{}-{}", process::id(), now.as_nanos()),
            claimed: false,
            suspects: false,
        }
    }
}

/// What the group remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The last message of this outbox that is out.
    pub(super) last: Option<u64>,
    owner: String,
}

impl Progress {
    pub(super) fn is_of(&self, owner: &Owner) -> bool {
        self.owner == owner.name
    }
}

/// The group of one output.
pub(super) struct Group {
    consumer: BaseConsumer<Link>,
    topic: String,
    outbox: Arc<str>,
}

impl Group {
    /// `settled`: answers count only when no transaction is under way that could change them.
    pub(super) fn open(
        config: &KafkaConfig,
        context: &OutputContext,
        settled: bool,
    ) -> KafkaResult<Self> {
        let mut settings: ClientConfig = config.cluster.client();
        settings
            .set("group.id", config.group())
            .set("enable.auto.commit", "false")
            .set("isolation.level", if settled { "read_committed" } else { "read_uncommitted" });
        config.cluster.finish(&mut settings);
        let token = config.cluster.token();
        let tokens = token.map(|token| Tokens::new(token, &context.runtime, &context.stop));
        let consumer = settings.create_with_context(Link::new(&context.name, tokens))?;
        let topic = config.topics.first().map(|topic| topic.name.clone()).unwrap_or_default();
        Ok(Self { consumer, topic, outbox: Arc::clone(&context.outbox) })
    }

    /// What the group remembers now.
    pub(super) fn progress(&self) -> KafkaResult<Progress> {
        // Runs callbacks that are due, such as that for a token.
        drop(self.consumer.poll(Duration::ZERO));
        let mut asked = TopicPartitionList::new();
        asked.add_partition(&self.topic, 0);
        let answered = self.consumer.committed_offsets(asked, ASK)?;
        let known = answered.elements();
        let Some(known) = known.first() else { return Ok(Progress::default()) };
        known.error()?;
        let next = match known.offset() {
            Offset::Offset(next) => u64::try_from(next).unwrap_or(0),
            _ => 0,
        };
        let (outbox, owner) = known.metadata().split_once(' ').unwrap_or_default();
        let last = next.checked_sub(1).filter(|_| *outbox == *self.outbox);
        Ok(Progress { last, owner: owner.to_owned() })
    }

    /// What a transaction says whose the offsets are.
    pub(super) fn metadata(&self) -> KafkaResult<ConsumerGroupMetadata> {
        let metadata = self.consumer.group_metadata();
        metadata.ok_or_else(|| KafkaError::ClientCreation("group metadata".to_owned()))
    }

    /// What a transaction is to commit once messages up to `last` are out.
    pub(super) fn offsets(
        &self,
        last: Option<u64>,
        owner: &Owner,
    ) -> KafkaResult<TopicPartitionList> {
        let next = last.map_or(0, |last| last.saturating_add(1));
        let next = Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX));
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(&self.topic, 0, next)?;
        if let Some(mut place) = offsets.find_partition(&self.topic, 0) {
            place.set_metadata(format!("{} {}", self.outbox, owner.name));
        }
        Ok(offsets)
    }
}
