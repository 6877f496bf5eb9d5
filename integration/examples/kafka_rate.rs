//! What reading from and writing to Kafka costs: the client library alone, our source into an inbox,
//! our output. `cargo run --release -p spillway-integration --example kafka_rate [LINES]`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, read by a person")]

use std::fs;
use std::time::{Duration, Instant};

use connectors::kafka::{Cluster, Config, Kafka as Source, Start, Topics as Choice};
use connectors::metric::OutputMeter;
use connectors::output::{KafkaConfig, KafkaTopics, Message, Output, OutputContext, Topic};
use connectors::{Arrival, Context, Health, Inbox, Meter, Source as _, SourceId, Stop};
use integration::services::Kafka;
use integration::topic::Topics;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tokio::runtime::Runtime;

const LINE: &str = "Jan  2 03:04:05 web-1 sshd[471100]: Failed password for invalid user admin from 192.0.2.77 port 42422 ssh2";

fn main() {
    let count: usize = std::env::args().nth(1).map_or(2_000_000, |count| count.parse().unwrap());
    let Some(kafka) = Kafka::start("kafka_rate") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    topics.create("lines", 4, &[]);
    for partition in 0..4 {
        topics.fill("lines", partition, "lz4", std::iter::repeat_n(LINE, count / 4));
    }
    for round in 0..3 {
        say(&format!("client alone {round}"), count, || ceiling(&kafka, count));
        say(&format!("our source {round}"), count, || source(&kafka, count));
    }
    let messages = 400_000;
    say("our output", messages, || output(&kafka, messages));
}

fn say(what: &str, count: usize, work: impl FnOnce()) {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    work();
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let count = count as f64;
    println!(
        "{what}: {:.2} million a second, {:.2} million a CPU-second, {:.3} µs of CPU each",
        count / wall / 1e6,
        count / cpu / 1e6,
        cpu / count * 1e6
    );
}

/// Of this process so far, all threads.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn ceiling(kafka: &Kafka, count: usize) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .set("group.id", "ceiling")
        .set("enable.auto.commit", "false")
        .set("queued.min.messages", "1000000")
        .set("fetch.queue.backoff.ms", "5")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..4 {
        list.add_partition_offset("lines", partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let (mut read, mut bytes) = (0, 0);
    while read < count {
        if let Some(Ok(record)) = consumer.poll(Duration::from_millis(100)) {
            read += 1;
            bytes += record.payload().map_or(0, <[u8]>::len);
        }
    }
    assert_eq!(bytes, count * LINE.len());
}

fn source(kafka: &Kafka, count: usize) {
    let runtime = Runtime::new().unwrap();
    let (woken, wake) = std::sync::mpsc::channel();
    let (inbox, stop) = (Inbox::new(move || woken.send(()).unwrap_or_default()), Stop::new());
    let mut config = Config::new(Cluster::open(&kafka.bootstrap()), vec![Choice::named("lines")]);
    config.start = Start::Earliest;
    let context = Context {
        name: "rate".into(),
        outlet: inbox.outlet(SourceId(0), stop.clone()),
        resume: std::collections::BTreeMap::new(),
        stop: stop.clone(),
        health: Health::default(),
        meter: Meter::default(),
        runtime: runtime.handle().clone(),
    };
    let thread = std::thread::spawn(move || Box::new(Source::new(config)).run(context));
    let (mut read, mut bytes, mut deliveries) = (0, 0, 0);
    while read < count {
        wake.recv().unwrap();
        while let Some(arrival) = inbox.try_next() {
            if let Arrival::Delivered { delivery, .. } = arrival {
                read += delivery.chunk.lines.len();
                bytes += delivery.chunk.text.len();
                deliveries += 1;
            }
        }
    }
    assert_eq!(bytes, count * LINE.len());
    stop.now();
    thread.join().unwrap().unwrap();
    println!("  {deliveries} deliveries");
}

fn output(kafka: &Kafka, count: usize) {
    let runtime = Runtime::new().unwrap();
    let context = OutputContext {
        name: "rate".into(),
        outbox: "outbox".into(),
        stop: Stop::new(),
        health: Health::default(),
        meter: OutputMeter::default(),
        runtime: runtime.handle().clone(),
    };
    let cluster = Cluster::open(&kafka.bootstrap());
    let config = KafkaConfig::new(cluster, "rate", vec![Topic::new("decisions")]);
    let mut output = KafkaTopics::new(config, context);
    output.resume().unwrap();
    let message = |sequence: u64| Message {
        sequence,
        stream: "decisions",
        partition_key: format!("Ip/192.0.2.{}", sequence % 256).into(),
        key: format!("Ip/192.0.2.{}/{sequence}", sequence % 256).into(),
        headers: [("id", sequence.to_string().into()), ("schema", "1".into())].into(),
        payload: Some(vec![b'x'; 400].into()),
    };
    let batch: Vec<Message> = (1..=u64::try_from(count).unwrap()).map(message).collect();
    for part in batch.chunks(10_000) {
        output.deliver(part).unwrap();
    }
}
