//! The Kafka output against a real broker: each message once, in order, whatever crashes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectors::kafka::Cluster;
use connectors::metric::{OutputCounter, OutputMeter};
use connectors::output::{
    KafkaConfig, KafkaTopics, Message, Output, OutputContext, OutputError, Topic, partition_of,
};
use connectors::{Health, Stop};
use integration::services::Kafka;
use integration::services::poll_until;
use integration::topic::Topics;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::runtime::Runtime;

/// How long anything may take: the machine may be busy.
const SOON: Duration = Duration::from_secs(60);

/// Tells the child process of a test what to do: the brokers and the number of messages.
const CHILD: &str = "SPILLWAY_TEST_CHILD";

/// Keys that messages have in turn.
const KEYS: u64 = 17;

fn message(stream: &'static str, sequence: u64) -> Message {
    let key = format!("key-{}", sequence % KEYS);
    Message {
        sequence,
        stream,
        partition_key: key.clone().into(),
        key: format!("{key}/{sequence}").into(),
        headers: [("id", Bytes::from(format!("id-{sequence}")))].into(),
        payload: Some(format!("{{\"n\":{sequence}}}").into()),
    }
}

/// Messages go to both topics in turn.
fn messages(sequences: std::ops::RangeInclusive<u64>) -> Vec<Message> {
    let stream = |sequence: u64| if sequence.is_multiple_of(3) { "alerts" } else { "decisions" };
    sequences.map(|sequence| message(stream(sequence), sequence)).collect()
}

fn config(bootstrap: &str) -> KafkaConfig {
    let topics = ["decisions", "alerts"].map(|name| Topic { partitions: 3, ..Topic::new(name) });
    KafkaConfig::new(Cluster::open(bootstrap), "spillway-test", topics.to_vec())
}

/// An output that runs.
struct Run {
    output: KafkaTopics,
    context: OutputContext,
    runtime: Runtime,
}

impl Run {
    fn new(config: &KafkaConfig) -> Self {
        let runtime = Runtime::new().unwrap();
        let context = OutputContext {
            name: "test".into(),
            outbox: "outbox".into(),
            stop: Stop::new(),
            health: Health::default(),
            meter: OutputMeter::default(),
            runtime: runtime.handle().clone(),
        };
        Self { output: KafkaTopics::new(config.clone(), context.clone()), context, runtime }
    }
}

/// The numbers of a topic's messages, and that each stands where it should.
fn numbers(topics: &Topics, name: &str) -> Vec<u64> {
    let mut last: HashMap<u64, u64> = HashMap::new();
    let mut numbers = Vec::new();
    for record in topics.read(name) {
        let key = String::from_utf8(record.key).unwrap();
        let number: u64 = key.rsplit_once('/').unwrap().1.parse().unwrap();
        let expected = message("decisions", number);
        assert_eq!(record.payload.as_deref(), expected.payload.as_deref());
        assert_eq!(record.headers, [("id".to_owned(), format!("id-{number}").into_bytes())]);
        assert_eq!(record.partition, partition_of(&expected.partition_key, 3));
        let before = last.insert(number % KEYS, number);
        assert!(before.is_none_or(|before| before < number), "{name}: {number} after {before:?}");
        numbers.push(number);
    }
    numbers
}

#[track_caller]
fn assert_complete(topics: &Topics, last: u64) {
    let mut all = [numbers(topics, "decisions"), numbers(topics, "alerts")].concat();
    all.sort_unstable();
    let expected: Vec<u64> = (1..=last).collect();
    assert_eq!(all.len(), expected.len(), "messages of both topics");
    assert_eq!(all, expected);
}

#[test]
fn messages_are_out_once_in_order() {
    let Some(kafka) = Kafka::start("messages_are_out_once_in_order") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    let config = config(&kafka.bootstrap());
    let mut first = Run::new(&config);
    assert_eq!(first.output.resume().unwrap(), None);
    for part in messages(1..=1000).chunks(300) {
        assert_eq!(first.output.deliver(part).unwrap(), []);
    }
    assert_eq!(first.context.health.state().name(), "reading");
    assert_eq!(first.context.meter.count(OutputCounter::Messages), 1000);
    drop(first);
    let mut second = Run::new(&config);
    assert_eq!(second.output.resume().unwrap(), Some(1000));
    second.output.deliver(&messages(1001..=1500)).unwrap();
    assert_complete(&topics, 1500);
    latency_of_one_is_small(&mut second);
    tombstones_have_no_value(&mut second, &topics);
    what_the_broker_never_takes_is_refused(&mut second, &topics);
    a_successor_ends_it(&config, second);
    others_find_keys_in_the_same_partition(&kafka);
}

/// Prints it; only the order of magnitude is a promise, as the machine may be busy.
fn latency_of_one_is_small(run: &mut Run) {
    let mut times: Vec<Duration> = (1501..=1600)
        .map(|sequence| {
            let begun = Instant::now();
            run.output.deliver(&messages(sequence..=sequence)).unwrap();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    eprintln!("one message: median {:?}, 99 of 100 within {:?}", times[50], times[98]);
    assert!(times[50] < Duration::from_millis(200), "{:?}", times[50]);
}

fn tombstones_have_no_value(run: &mut Run, topics: &Topics) {
    let tombstone = Message { payload: None, ..message("decisions", 1601) };
    run.output.deliver(&[tombstone]).unwrap();
    let read = topics.read("decisions");
    let key = message("decisions", 1601).key;
    let record = read.iter().find(|record| record.key == key).unwrap();
    assert_eq!(record.payload, None);
}

fn what_the_broker_never_takes_is_refused(run: &mut Run, topics: &Topics) {
    let mut random = 1_u64;
    let huge: Vec<u8> = std::iter::repeat_with(|| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as u8
    })
    .take(30_000_000)
    .collect();
    let mut batch =
        vec![message("decisions", 1602), message("decisions", 1603), message("decisions", 1604)];
    batch[1].payload = Some(huge.into());
    batch.push(message("nowhere", 1605));
    let refused = run.output.deliver(&batch).unwrap();
    let numbers: Vec<u64> = refused.iter().map(|refused| refused.sequence).collect();
    assert_eq!(numbers, [1603, 1605], "{refused:?}");
    assert_eq!(run.context.meter.count(OutputCounter::Refused), 2);
    let keys: Vec<_> = topics.read("decisions").into_iter().map(|record| record.key).collect();
    for (number, there) in [(1602, true), (1603, false), (1604, true)] {
        let key = message("decisions", number).key;
        assert_eq!(
            keys.iter().filter(|known| **known == key).count(),
            usize::from(there),
            "{number}"
        );
    }
}

fn a_successor_ends_it(config: &KafkaConfig, mut old: Run) {
    let mut new = Run::new(config);
    assert_eq!(new.output.resume().unwrap(), Some(1605));
    let error = old.output.deliver(&messages(1606..=1606)).unwrap_err();
    assert!(matches!(error, OutputError::Fenced { .. }), "{error}");
    assert!(error.to_string().contains("spillway-test"), "{error}");
    new.output.deliver(&messages(1606..=1606)).unwrap();
}

fn others_find_keys_in_the_same_partition(kafka: &Kafka) {
    let topics = Topics::new(&kafka.bootstrap());
    topics.create("keys", 7, &[]);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .set("partitioner", "murmur2")
        .create()
        .unwrap();
    for number in 0..200 {
        let key = format!("Ip/192.0.2.{number}");
        producer
            .send(BaseRecord::<[u8], [u8]>::to("keys").key(key.as_bytes()))
            .map_err(|(error, _)| error)
            .unwrap();
    }
    producer.flush(SOON).unwrap();
    let records = topics.read("keys");
    assert_eq!(records.len(), 200);
    for record in records {
        assert_eq!(record.partition, partition_of(&record.key, 7));
    }
}

#[test]
fn topics_that_may_not_be_created_are_waited_for() {
    let Some(kafka) = Kafka::start("topics_that_may_not_be_created") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    let mut config = config(&kafka.bootstrap());
    config.create = false;
    config.topics.truncate(1);
    config.topics[0].compact = true;
    let Run { mut output, context, runtime } = Run::new(&config);
    let waiting = std::thread::spawn(move || {
        let last = output.resume();
        (last, output)
    });
    poll_until("it is missed", SOON, || context.health.state().to_string().contains("decisions"));
    topics.create("decisions", 3, &[]);
    let (last, mut output) = waiting.join().unwrap();
    assert_eq!(last.unwrap(), None);
    output.deliver(&[message("decisions", 1)]).unwrap();
    drop((output, runtime));
}

#[test]
fn a_crash_at_any_instant_loses_and_repeats_nothing() {
    let Some(kafka) = Kafka::start("a_crash_at_any_instant") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    let (last, mut crashes, mut random) = (60_000, 0, 12_345_u64);
    loop {
        let mut child = spawn_child(&kafka.bootstrap(), last);
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The first crashes come while it starts, later ones while it writes.
        let life = Duration::from_millis(20 + (random >> 33) % (200 + 40 * crashes));
        let end = Instant::now() + life;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if Instant::now() >= end => break None,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        match status {
            Some(status) => {
                assert!(status.success(), "{status}");
                break;
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                crashes += 1;
            }
        }
    }
    eprintln!("{crashes} crashes");
    assert!(crashes >= 10, "only {crashes} crashes");
    assert_complete(&topics, last);
}

#[test]
fn a_broker_that_crashes_loses_and_repeats_nothing() {
    let Some(mut kafka) = Kafka::start("a_broker_that_crashes (output)") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    let mut config = config(&kafka.bootstrap());
    config.timeout = Duration::from_secs(3);
    let Run { mut output, context, runtime } = Run::new(&config);
    assert_eq!(output.resume().unwrap(), None);
    let delivered = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&delivered);
    let stop = Arc::new(AtomicU64::new(u64::MAX));
    let end = Arc::clone(&stop);
    let writing = std::thread::spawn(move || {
        let mut next = 1;
        while next <= end.load(Ordering::Relaxed) {
            let last = next + next % 50;
            output.deliver(&messages(next..=last)).unwrap();
            count.store(last, Ordering::Relaxed);
            next = last + 1;
        }
        (output, next - 1)
    });
    let more = |kafka: &mut Kafka, what: &str, trouble: &dyn Fn(&mut Kafka)| {
        let so_far = delivered.load(Ordering::Relaxed);
        poll_until("some are delivered", SOON, || delivered.load(Ordering::Relaxed) > so_far + 200);
        trouble(kafka);
        eprintln!("{what}: over at {}", delivered.load(Ordering::Relaxed));
    };
    more(&mut kafka, "crash", &|kafka| {
        kafka.kill(0);
        kafka.start_again(0);
    });
    more(&mut kafka, "restart", &|kafka| {
        kafka.terminate(0);
        kafka.start_again(0);
    });
    // Longer than a transaction may take: the broker gives it up, which is no successor.
    more(&mut kafka, "away", &|kafka| {
        kafka.kill(0);
        // A call of the client may wait as long as its sockets do, a minute.
        poll_until("trouble", 3 * SOON, || context.health.state().name() == "retrying");
        std::thread::sleep(Duration::from_secs(6));
        kafka.start_again(0);
    });
    more(&mut kafka, "frozen", &|kafka| {
        kafka.freeze(0, true);
        std::thread::sleep(Duration::from_secs(6));
        kafka.freeze(0, false);
    });
    more(&mut kafka, "the end", &|_| {});
    stop.store(0, Ordering::Relaxed);
    let (output, last) = writing.join().unwrap();
    poll_until("all is well", SOON, || context.health.state().name() == "reading");
    assert_complete(&topics, last);
    drop((output, runtime));
}

#[test]
fn it_stops_in_time_whatever_the_broker_does() {
    let Some(mut kafka) = Kafka::start("it_stops_in_time (output)") else { return };
    let Run { mut output, context, runtime } = Run::new(&config(&kafka.bootstrap()));
    output.resume().unwrap();
    kafka.freeze(0, true);
    let stop = context.stop.clone();
    let stopping = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        let stopped = Instant::now();
        stop.now();
        stopped
    });
    let error = output.deliver(&messages(1..=10)).unwrap_err();
    let took = stopping.join().unwrap().elapsed();
    assert!(matches!(error, OutputError::Stopped), "{error}");
    drop(output);
    assert!(took < Duration::from_secs(2), "stopping took {took:?}");
    kafka.freeze(0, false);
    drop(runtime);
}

#[test]
fn many_messages_a_second() {
    let Some(kafka) = Kafka::start("many_messages_a_second") else { return };
    let mut run = Run::new(&config(&kafka.bootstrap()));
    run.output.resume().unwrap();
    let all = messages(1..=200_000);
    run.output.deliver(&all[..10_000]).unwrap();
    let begun = Instant::now();
    for part in all[10_000..].chunks(10_000) {
        run.output.deliver(part).unwrap();
    }
    let rate = 190_000.0 / begun.elapsed().as_secs_f64();
    eprintln!("{rate:.0} messages a second");
    assert!(rate > 10_000.0, "{rate}");
}

fn spawn_child(bootstrap: &str, last: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, format!("{bootstrap} {last}"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the child process of a test does: it goes on where the topic says.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (bootstrap, last) = task.split_once(' ').unwrap();
    let last: u64 = last.parse().unwrap();
    let mut run = Run::new(&config(bootstrap));
    let mut next = run.output.resume().unwrap().map_or(1, |last| last + 1);
    let mut sizes: BTreeMap<u64, u64> = BTreeMap::new();
    while next <= last {
        let end = last.min(next + next * 7919 % 400);
        run.output.deliver(&messages(next..=end)).unwrap();
        *sizes.entry(end - next).or_default() += 1;
        next = end + 1;
    }
}
