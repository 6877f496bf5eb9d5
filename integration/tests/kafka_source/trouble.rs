//! Brokers that go away, records that are gone, topics that vanish.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use connectors::kafka::{Cluster, Start};
use connectors::metric::Counter;
use integration::services::Kafka;
use integration::services::poll_until;
use integration::topic::Topics;
use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::{SOON, config, expected, numbered, run, shared};

/// Appends numbered lines for as long as it lives, each once, in order.
struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicUsize>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    fn start(bootstrap: &str, topic: &'static str) -> Self {
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .set("linger.ms", "2")
            .set("reconnect.backoff.max.ms", "500")
            .create()
            .unwrap();
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&written));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let value = format!("line {}", count.load(Ordering::Relaxed));
                let record =
                    BaseRecord::<[u8], [u8]>::to(topic).partition(0).payload(value.as_bytes());
                if producer.send(record).is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_micros(500));
            }
            producer.flush(SOON).unwrap();
        });
        Self { stop, written, thread: Some(thread) }
    }

    fn finish(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.written.load(Ordering::Relaxed)
    }
}

#[test]
fn a_gap_by_retention_is_reported_with_its_range() {
    let Some((kafka, topics)) = shared("a_gap_by_retention") else { return };
    topics.create("gap", 1, &[]);
    topics.fill("gap", 0, "none", numbered(0..10));
    let config = config(kafka, &["gap"]);
    let mut first = run(&config, &Default::default());
    first.until("ten lines", SOON, |run| run.count() == 10);
    let kept = first.stop();
    topics.fill("gap", 0, "none", numbered(10..100));
    topics.cut("gap", 0, 50);
    let mut second = run(&config, &kept);
    second.until("the rest", SOON, |run| run.count() == 50);
    assert_eq!(second.texts("gap/0"), expected(50..100));
    assert_eq!(second.meter.count(Counter::Missed), 40);
    let notice = second.health.notice().unwrap().text;
    assert_eq!(&*notice, "gap/0: records 10 to 49 were deleted unread");
    let kept = second.stop();
    // It is reported once.
    topics.fill("gap", 0, "none", numbered(100..101));
    let mut third = run(&config, &kept);
    third.until("the newest", SOON, |run| run.count() == 1);
    assert_eq!(third.meter.count(Counter::Missed), 0);
    // So it is where everything is gone.
    let kept = third.stop();
    topics.fill("gap", 0, "none", numbered(101..111));
    topics.cut("gap", 0, 111);
    let mut fourth = run(&config, &kept);
    fourth.until("the gap", SOON, |run| run.meter.count(Counter::Missed) == 10);
    fourth.until("its end", SOON, |run| !run.at_end.is_empty());
    let kept = fourth.stop();
    let mut fifth = run(&config, &kept);
    fifth.until("its end", SOON, |run| !run.at_end.is_empty());
    assert_eq!(fifth.meter.count(Counter::Missed), 0);
}

#[test]
fn a_gap_while_it_reads_is_reported_too() {
    let Some((kafka, topics)) = shared("a_gap_while_it_reads") else { return };
    topics.create("cut", 1, &[]);
    let long = "x".repeat(1000);
    topics.fill("cut", 0, "none", (0..30_000).map(|number| format!("{long} {number}")));
    let mut config = config(kafka, &["cut"]);
    config.window = 1 << 20;
    config.prefetch = 1 << 20;
    let mut run = run(&config, &Default::default());
    run.slow.insert("cut/0".into());
    run.until("a full window", SOON, |run| run.count() > 900);
    topics.cut("cut", 0, 25_000);
    run.speed_up();
    run.until("the last line", SOON, |run| {
        run.texts("cut/0").last().is_some_and(|line| line.ends_with(" 29999"))
    });
    let read = run.count() as u64;
    assert_eq!(run.meter.count(Counter::Missed), 30_000 - read);
    assert!(read < 30_000);
}

#[test]
fn a_broker_that_crashes_loses_and_repeats_nothing() {
    let Some(mut kafka) = Kafka::start("a_broker_that_crashes") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    topics.create("crash", 1, &[]);
    let writer = Writer::start(&kafka.bootstrap(), "crash");
    let mut run = run(&config(&kafka, &["crash"]), &Default::default());
    for round in 0..2 {
        let so_far = run.count();
        run.until("some lines", SOON, |run| run.count() > so_far + 500);
        if round == 0 {
            kafka.kill(0);
        } else {
            kafka.terminate(0);
        }
        run.until("trouble", SOON, |run| run.health.state().name() == "retrying");
        run.until("no end in sight", SOON, |run| run.at_end.is_empty());
        kafka.start_again(0);
    }
    let written = writer.finish();
    run.until("all lines", SOON, |run| run.count() >= written);
    assert_eq!(run.texts("crash/0"), expected(0..written));
    assert_eq!(run.repeats, 0);
    run.until("the end", SOON, |run| run.at_end.len() == 1);
    run.until("all is well", SOON, |run| run.health.state().name() == "reading");
    run.stop();
}

#[test]
fn a_leader_that_changes_loses_and_repeats_nothing() {
    let Some(mut kafka) = Kafka::start_cluster("a_leader_that_changes", 2) else { return };
    let topics = Topics::new(&kafka.bootstrap());
    // Its leader is the broker that is no controller.
    let assignment: [&[i32]; 1] = [&[2, 1]];
    topics.create_as(&NewTopic::new("led", 1, TopicReplication::Variable(&assignment)));
    let writer = Writer::start(&kafka.bootstrap(), "led");
    let mut run = run(&config(&kafka, &["led"]), &Default::default());
    run.until("some lines", SOON, |run| run.count() > 500);
    kafka.kill(1);
    let so_far = run.count();
    run.until("lines of the other leader", SOON, |run| run.count() > so_far + 500);
    kafka.start_again(1);
    let so_far = run.count();
    run.until("more of them", SOON, |run| run.count() > so_far + 500);
    let written = writer.finish();
    run.until("all lines", SOON, |run| run.count() >= written);
    assert_eq!(run.texts("led/0"), expected(0..written));
    assert_eq!(run.repeats, 0);
    run.stop();
}

#[test]
fn it_stops_in_time_whatever_the_broker_does() {
    let Some(mut kafka) = Kafka::start("it_stops_in_time") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    topics.create("stop", 1, &[]);
    topics.fill("stop", 0, "none", numbered(0..10));
    let mut config = config(&kafka, &["stop"]);
    config.group_id = Some("stop".to_owned());
    let started = |config: &_| {
        let mut run = run(config, &Default::default());
        run.until("all lines", SOON, |run| run.count() == 10);
        run
    };
    let mut run_1 = started(&config);
    kafka.freeze(0, true);
    run_1.for_a_while(Duration::from_millis(500));
    run_1.stop();
    // One that has not reached any broker yet.
    let mut run_2 = run(&config, &Default::default());
    run_2.for_a_while(Duration::from_millis(1500));
    run_2.stop();
    kafka.freeze(0, false);
    let mut run_3 = started(&config);
    kafka.kill(0);
    run_3.for_a_while(Duration::from_millis(1500));
    run_3.stop();
}

#[test]
fn a_broker_that_comes_late_is_waited_for() {
    let Some(mut kafka) = Kafka::start("a_broker_that_comes_late") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    topics.create("late", 1, &[]);
    topics.fill("late", 0, "none", numbered(0..10));
    kafka.terminate(0);
    let mut run = run(&config(&kafka, &["late"]), &Default::default());
    run.until("trouble", SOON, |run| run.health.state().name() == "retrying");
    assert!(run.meter.count(Counter::Retries) > 0);
    kafka.start_again(0);
    run.until("all lines", SOON, |run| run.count() == 10);
    run.until("all is well", SOON, |run| run.health.state().name() == "reading");
}

#[test]
fn topics_that_vanish_and_come_back_are_read_anew() {
    let Some((kafka, topics)) = shared("topics_that_vanish") else { return };
    topics.create("vanish", 1, &[]);
    topics.create("stays", 1, &[]);
    topics.fill("vanish", 0, "none", numbered(0..5));
    let config = config(kafka, &["vanish", "stays"]);
    let mut run = run(&config, &Default::default());
    run.until("five lines", SOON, |run| run.count() == 5);
    topics.delete("vanish");
    run.until("its lane is closed", SOON, |run| run.closed.contains("vanish/0"));
    run.until("it is missed", SOON, |run| run.health.state().to_string().contains("vanish"));
    topics.fill("stays", 0, "none", numbered(0..3));
    run.until("the other goes on", SOON, |run| run.texts("stays/0").len() == 3);
    topics.create("vanish", 1, &[]);
    // More than the old one had: its offsets alone do not tell them apart.
    topics.fill("vanish", 0, "none", numbered(100..120));
    run.until("the new one", SOON, |run| run.texts("vanish/0~1").len() == 20);
    assert_eq!(run.texts("vanish/0~1"), expected(100..120));
    let kept = run.stop();
    // The same while it is down.
    topics.delete("vanish");
    poll_until("the topic is gone", SOON, || {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| topics.create("vanish", 1, &[])))
            .is_ok()
    });
    topics.fill("vanish", 0, "none", numbered(200..230));
    let mut again = crate::run(&config, &kept);
    again.until("the newest one", SOON, |run| run.texts("vanish/0~2").len() == 30);
    assert_eq!(again.texts("vanish/0~2"), expected(200..230));
    assert_eq!(again.texts("vanish/0~1").len(), 0);
}

#[test]
fn a_topic_that_is_replaced_at_once_is_read_anew() {
    let Some((kafka, topics)) = shared("a_topic_that_is_replaced_at_once") else { return };
    topics.create("swap", 1, &[]);
    topics.fill("swap", 0, "none", numbered(0..50));
    let mut run = run(&config(kafka, &["swap"]), &Default::default());
    run.until("the end", SOON, |run| run.count() == 50 && !run.at_end.is_empty());
    topics.delete("swap");
    topics.create("swap", 1, &[]);
    topics.fill("swap", 0, "none", numbered(100..105));
    run.until("the new one", SOON, |run| run.texts("swap/0~1").len() == 5);
    assert_eq!(run.texts("swap/0"), expected(0..50));
    assert_eq!(run.texts("swap/0~1"), expected(100..105));
}

#[test]
fn offsets_of_what_is_kept_are_committed() {
    let Some((kafka, topics)) = shared("offsets_of_what_is_kept") else { return };
    topics.create("commit", 1, &[]);
    topics.fill("commit", 0, "none", numbered(0..10));
    let mut config = config(kafka, &["commit"]);
    config.group_id = Some("committing".to_owned());
    config.start = Start::Earliest;
    let mut run = run(&config, &Default::default());
    run.until("all lines", SOON, |run| run.count() == 10);
    run.until("the commit", SOON, |_| topics.committed("committing", "commit", 0) == Some(10));
    run.stop();
}

#[test]
fn wrong_settings_end_it_with_a_word() {
    let mut config = connectors::kafka::Config::new(Cluster::open("localhost:1"), Vec::new());
    config.cluster.properties.insert("no.such.property".to_owned(), "1".to_owned());
    let begun = Instant::now();
    let error = end_of(&config);
    assert!(error.contains("no.such.property"), "{error}");
    assert!(begun.elapsed() < SOON);
}

fn end_of(config: &connectors::kafka::Config) -> String {
    use connectors::{Context, Health, Inbox, Meter, Source, SourceId, Stop};
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (inbox, stop) = (Inbox::new(|| {}), Stop::new());
    let context = Context {
        name: "test".into(),
        outlet: inbox.outlet(SourceId(0), stop.clone()),
        resume: Default::default(),
        stop,
        health: Health::default(),
        meter: Meter::default(),
        runtime: runtime.handle().clone(),
    };
    let source = Box::new(connectors::kafka::Kafka::new(config.clone()));
    source.run(context).unwrap_err().to_string()
}
