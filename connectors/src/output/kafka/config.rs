//! What a Kafka output is told, as meant.

use std::time::Duration;

use crate::kafka::Cluster;

/// Settings of a Kafka output.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// The cluster and how to get in.
    pub cluster: Cluster,
    /// Who writes: at most one process at a time has it. Also names the group that remembers how far
    /// the output is, `spillway-output-ID`. Brokers forget groups that were silent for a week
    /// (`offsets.retention.minutes`): what a crash left in doubt is settled within that time.
    pub transactional_id: String,
    /// The topics that messages go to, by their streams. At least one; partition 0 of the first one
    /// stands for all of them in the group.
    pub topics: Vec<Topic>,
    /// Create topics that do not exist. Without it they are waited for.
    pub create: bool,
    /// How records are packed. Default: lz4.
    pub compression: Compression,
    /// Most messages of one transaction. Default: 10,000.
    pub transaction: usize,
    /// A transaction that is not done by then is given up by the broker and begun again. Default: one
    /// minute.
    pub timeout: Duration,
}

impl KafkaConfig {
    /// The defaults; topics are created.
    pub fn new(cluster: Cluster, transactional_id: &str, topics: Vec<Topic>) -> Self {
        Self {
            cluster,
            transactional_id: transactional_id.to_owned(),
            topics,
            create: true,
            compression: Compression::Lz4,
            transaction: 10_000,
            timeout: Duration::from_secs(60),
        }
    }

    /// The group that remembers how far the output is.
    pub(super) fn group(&self) -> String {
        format!("spillway-output-{}", self.transactional_id)
    }
}

/// A topic, and how it is created where it does not exist.
#[derive(Clone, Debug)]
pub struct Topic {
    /// What goes there: messages of this stream. The others are refused.
    pub stream: String,
    /// Its name.
    pub name: String,
    /// Default: 6.
    pub partitions: i32,
    /// On how many brokers. Default: -1, the broker's default.
    pub replication: i32,
    /// Keep the last message of each key for ever (`cleanup.policy=compact`). Default: no.
    pub compact: bool,
}

impl Topic {
    /// The defaults: a topic that is called as its stream is.
    pub fn new(stream: &str) -> Self {
        let (stream, name) = (stream.to_owned(), stream.to_owned());
        Self { stream, name, partitions: 6, replication: -1, compact: false }
    }
}

/// How records are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not.
    None,
    /// gzip
    Gzip,
    /// Snappy
    Snappy,
    /// LZ4
    Lz4,
    /// Zstandard
    Zstd,
}

impl Compression {
    /// As the protocol calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}
