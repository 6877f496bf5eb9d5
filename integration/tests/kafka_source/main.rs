//! The Kafka source against a real broker.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod payloads;
mod reading;
mod rsyslog;
mod trouble;

use std::sync::OnceLock;
use std::time::Duration;

use connectors::kafka::{Cluster, Config, Kafka as Source, Start, Topics as Choice};
use integration::services::Kafka;
use integration::source_run::{Kept, SourceRun};
use integration::topic::Topics;

/// How long anything may take: the machine may be busy.
const SOON: Duration = Duration::from_secs(60);

/// The broker that tests share which leave it as it is; `None` where there is none.
fn broker(test: &str) -> Option<&'static Kafka> {
    static SHARED: OnceLock<Option<Kafka>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| Kafka::start("kafka_source")).as_ref();
    if shared.is_none() {
        eprintln!("{test}: skipped, no Kafka broker here");
    }
    shared
}

/// A broker and its topics for tests that share it.
fn shared(test: &str) -> Option<(&'static Kafka, Topics)> {
    let kafka = broker(test)?;
    Some((kafka, Topics::new(&kafka.bootstrap())))
}

/// Settings that read topics from their beginning.
fn config(kafka: &Kafka, topics: &[&str]) -> Config {
    let cluster = Cluster::open(&kafka.bootstrap());
    let topics = topics.iter().map(|topic| Choice::named(topic)).collect();
    let mut config = Config::new(cluster, topics);
    config.start = Start::Earliest;
    config.discovery = Duration::from_millis(500);
    config
}

fn run(config: &Config, kept: &Kept) -> SourceRun {
    SourceRun::start(Source::new(config.clone()), kept)
}

fn numbered(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(|number| format!("line {number}"))
}

fn expected(range: std::ops::Range<usize>) -> Vec<String> {
    numbered(range).collect()
}
