//! What a Kafka source is told, as meant: the pipeline reads configuration and builds it.

use std::time::Duration;

use regex::Regex;

use super::payload::Payload;
use super::security::Cluster;

/// Settings of a Kafka source.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cluster and how to get in.
    pub cluster: Cluster,
    /// What to read. At least one.
    pub topics: Vec<Topics>,
    /// Where to begin in a partition that no earlier run has read. Partitions that appear while it
    /// runs, or appeared while it was down, are read from their beginning.
    pub start: Start,
    /// Consumer group under which the offsets of what is kept are committed, for tools that show
    /// lag; also the one that [`Start::Stored`] and [`Start::StoredOrLatest`] ask. Without one nothing is committed.
    pub group_id: Option<String>,
    /// How lines stand in records.
    pub payload: Payload,
    /// Longest line; what is longer is counted, not read. Unit: bytes. Default: 1 MiB.
    pub max_line: usize,
    /// What of a partition may wait to be kept. Unit: bytes. Default: 4 MiB.
    pub window: usize,
    /// What may be fetched ahead of reading, of all partitions together. Unit: bytes. Default: 8 MiB:
    /// more of it only leaves the caches of the processor before it is read.
    /// A partition has at least [`MIN_PREFETCH`] of it.
    pub prefetch: usize,
    /// How often to look for new topics and partitions. Default: 30 s.
    pub discovery: Duration,
}

/// Least that is fetched ahead per partition. Unit: bytes.
pub const MIN_PREFETCH: usize = 128 << 10;

impl Config {
    /// The defaults: from the latest record on, raw payloads, no group.
    pub fn new(cluster: Cluster, topics: Vec<Topics>) -> Self {
        Self {
            cluster,
            topics,
            start: Start::Latest,
            group_id: None,
            payload: Payload::Raw,
            max_line: 1 << 20,
            window: 4 << 20,
            prefetch: 8 << 20,
            discovery: Duration::from_secs(30),
        }
    }
}

/// One or many topics.
#[derive(Clone, Debug)]
pub struct Topics {
    /// Which.
    pub name: TopicName,
    /// Which of their partitions; empty: all, also those that are added later.
    pub partitions: Vec<i32>,
}

impl Topics {
    /// All partitions of the topic of this name.
    pub fn named(name: &str) -> Self {
        Self { name: TopicName::Exact(name.to_owned()), partitions: Vec::new() }
    }

    /// All partitions of all topics whose whole name matches.
    ///
    /// # Errors
    /// It is no regular expression.
    pub fn matching(pattern: &str) -> Result<Self, regex::Error> {
        let name = TopicName::Pattern(Regex::new(&format!("^(?:{pattern})$"))?);
        Ok(Self { name, partitions: Vec::new() })
    }
}

/// How topics are named.
#[derive(Clone, Debug)]
pub enum TopicName {
    /// This one. It is waited for where it does not exist.
    Exact(String),
    /// Those that match, now or later. Topics whose name begins with `__` belong to the broker and
    /// never do.
    Pattern(Regex),
}

impl TopicName {
    /// Whether it means this topic.
    pub fn means(&self, topic: &str) -> bool {
        match self {
            Self::Exact(name) => name == topic,
            Self::Pattern(pattern) => !topic.starts_with("__") && pattern.is_match(topic),
        }
    }
}

/// Where to begin in a partition without a kept position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    Earliest,
    /// Behind the newest record.
    Latest,
    /// At the first record that is not older. Unit: milliseconds since 1970.
    Timestamp(i64),
    /// Where the group has committed; where it has not, at the oldest record.
    Stored,
    /// Where the group has committed; where it has not, behind the newest record.
    StoredOrLatest,
}
