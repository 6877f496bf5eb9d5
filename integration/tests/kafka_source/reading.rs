//! What is read, from where, and in which order.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use connectors::kafka::{Start, Topics as Choice};
use connectors::metric::{Counter, Gauge};
use rdkafka::producer::BaseRecord;

use crate::{SOON, config, expected, numbered, run, shared};

#[test]
fn every_codec_is_read_in_order_with_the_records_offsets() {
    let Some((kafka, topics)) = shared("every_codec_is_read") else { return };
    topics.create("codecs", 1, &[]);
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for (place, codec) in codecs.iter().enumerate() {
        topics.fill("codecs", 0, codec, numbered(place * 100..place * 100 + 100));
    }
    let mut run = run(&config(kafka, &["codecs"]), &Default::default());
    run.until("all lines", SOON, |run| run.count() >= 500);
    run.stop();
    let lines = &run.lines["codecs/0"];
    assert_eq!(run.texts("codecs/0"), expected(0..500));
    assert!(lines.iter().enumerate().all(|(place, line)| line.offset == place as u64));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64;
    assert!(lines.iter().all(|line| (0..60_000_000_000).contains(&(now - line.time))));
    assert!(lines.iter().all(|line| line.source == "codecs" && line.labels.is_empty()));
    assert_eq!(run.meter.count(Counter::Lines), 500);
    assert_eq!(run.meter.count(Counter::Bytes), expected(0..500).concat().len() as u64);
}

#[test]
fn a_lane_says_when_it_was_read_to_its_end() {
    let Some((kafka, topics)) = shared("a_lane_says_when_it_was_read_to_its_end") else { return };
    topics.create("ends", 2, &[]);
    topics.fill("ends", 0, "lz4", numbered(0..10_000));
    let mut run = run(&config(kafka, &["ends"]), &Default::default());
    run.until("ready", SOON, |run| run.is_ready);
    run.until("both ends", SOON, |run| run.at_end.len() == 2);
    assert_eq!(run.count(), 10_000);
    topics.fill("ends", 1, "lz4", numbered(0..1));
    run.until("one more", SOON, |run| run.count() == 10_001 && run.at_end.len() == 2);
    run.until("no lag", SOON, |run| run.meter.gauge(Gauge::LagRecords) == 0);
    assert_eq!(run.meter.gauge(Gauge::Open), 2);
    run.stop();
}

#[test]
fn it_starts_where_it_is_told_to() {
    let Some((kafka, topics)) = shared("it_starts_where_it_is_told_to") else { return };
    topics.create("starts", 1, &[]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let begin = now - 60_000;
    for time in 0..10 {
        let value = format!("at {time}");
        let record = BaseRecord::<[u8], [u8]>::to("starts").partition(0);
        topics.append(record.payload(value.as_bytes()).timestamp(begin + time * 1000));
    }
    let mut config = config(kafka, &["starts"]);
    let mut first_of = |start: Start, expected: Option<&str>| {
        config.start = start;
        config.group_id = match start {
            Start::Stored => Some("starts".to_owned()),
            Start::StoredOrLatest => Some("others".to_owned()),
            _ => None,
        };
        let mut run = run(&config, &Default::default());
        run.until("the end", SOON, |run| !run.at_end.is_empty());
        assert_eq!(run.texts("starts/0").first().copied(), expected, "{start:?}");
        run
    };
    first_of(Start::Latest, None);
    first_of(Start::Timestamp(begin + 3500), Some("at 4"));
    first_of(Start::Timestamp(now + 60_000), None);
    // The group has committed nothing, then everything.
    let mut run = first_of(Start::Stored, Some("at 0"));
    run.until("the commit", SOON, |_| topics.committed("starts", "starts", 0) == Some(10));
    run.stop();
    first_of(Start::Stored, None);
    first_of(Start::StoredOrLatest, None);
    first_of(Start::Earliest, Some("at 0"));
}

#[test]
fn a_start_at_the_end_is_kept_before_the_first_line() {
    let Some((kafka, topics)) = shared("a_start_at_the_end_is_kept") else { return };
    topics.create("quiet", 1, &[]);
    topics.fill("quiet", 0, "none", numbered(0..5));
    let mut config = config(kafka, &["quiet"]);
    config.start = Start::Latest;
    let mut first = run(&config, &Default::default());
    first.until("the end", SOON, |run| !run.at_end.is_empty());
    let kept = first.stop();
    topics.fill("quiet", 0, "none", numbered(5..8));
    let mut second = run(&config, &kept);
    second.until("what came meanwhile", SOON, |run| run.count() == 3);
    assert_eq!(second.texts("quiet/0"), expected(5..8));
}

#[test]
fn topics_and_partitions_are_found_while_it_runs() {
    let Some((kafka, topics)) = shared("topics_and_partitions_are_found") else { return };
    topics.create("web-a", 1, &[]);
    topics.fill("web-a", 0, "none", numbered(0..1));
    topics.create("other", 1, &[]);
    let mut config = config(kafka, &[]);
    config.topics = vec![Choice::matching("web-.*").unwrap(), Choice::named("named-late")];
    config.start = Start::Latest;
    let mut run = run(&config, &Default::default());
    run.until("the first", SOON, |run| run.at_end.len() == 1);
    run.until("what is missing", SOON, |run| run.health.state().to_string().contains("named-late"));
    topics.create("web-b", 2, &[]);
    topics.fill("web-b", 1, "none", numbered(0..2));
    topics.grow("web-a", 2);
    topics.fill("web-a", 1, "none", numbered(0..3));
    topics.create("named-late", 1, &[]);
    topics.fill("named-late", 0, "none", numbered(0..4));
    run.until("all that is new, from its beginning", SOON, |run| run.count() == 9);
    assert_eq!(run.texts("web-b/1"), expected(0..2));
    assert_eq!(run.texts("web-a/1"), expected(0..3));
    run.until("all is well", SOON, |run| run.health.state().name() == "reading");
    let kept = run.stop();
    // What appears while it is down is new, too.
    topics.create("web-c", 1, &[]);
    topics.fill("web-c", 0, "none", numbered(0..5));
    let mut again = crate::run(&config, &kept);
    again.until("the newest", SOON, |run| run.count() == 5);
    assert_eq!(again.texts("web-c/0"), expected(0..5));
}

#[test]
fn explicit_partitions_are_read_alone() {
    let Some((kafka, topics)) = shared("explicit_partitions_are_read_alone") else { return };
    topics.create("some", 3, &[]);
    for partition in 0..3 {
        topics.fill("some", partition, "none", numbered(0..2));
    }
    let mut config = config(kafka, &["some"]);
    config.topics[0].partitions = vec![2];
    let mut run = run(&config, &Default::default());
    run.until("the end", SOON, |run| run.at_end.len() == 1);
    run.stop();
    assert_eq!(run.lines.keys().map(|lane| &**lane).collect::<Vec<_>>(), ["some/2"]);
}

#[test]
fn a_slow_lane_keeps_no_other_waiting() {
    let Some((kafka, topics)) = shared("a_slow_lane_keeps_no_other_waiting") else { return };
    topics.create("slow", 2, &[]);
    let long = "x".repeat(1000);
    for partition in 0..2 {
        topics.fill("slow", partition, "lz4", (0..20_000).map(|number| format!("{long} {number}")));
    }
    let mut config = config(kafka, &["slow"]);
    config.window = 1 << 20;
    config.prefetch = 4 << 20;
    let mut run = run(&config, &Default::default());
    run.slow.insert("slow/0".into());
    run.until("the other lane", SOON, |run| run.texts("slow/1").len() == 20_000);
    let held = run.texts("slow/0").len();
    assert!((1000..3000).contains(&held), "{held} lines for a window of 1 MiB");
    run.speed_up();
    run.until("the slow lane", SOON, |run| run.texts("slow/0").len() == 20_000);
    assert_eq!(run.repeats, 0);
    let lines = &run.lines["slow/0"];
    assert!(lines.iter().enumerate().all(|(place, line)| line.offset == place as u64));
    run.stop();
}

#[test]
fn stopping_at_any_instant_loses_and_repeats_nothing() {
    let Some((kafka, topics)) = shared("stopping_at_any_instant") else { return };
    topics.create("often", 3, &[]);
    for partition in 0..3 {
        topics.fill("often", partition, "lz4", numbered(0..40_000));
    }
    let config = config(kafka, &["often"]);
    let (mut kept, mut lines) = (Default::default(), vec![Vec::new(); 3]);
    let mut pause = 7;
    while lines.iter().map(Vec::len).sum::<usize>() < 120_000 {
        let mut run = run(&config, &kept);
        pause = (pause * 37 + 11) % 60;
        run.until("the first lines", SOON, |run| run.count() > 0);
        run.for_a_while(Duration::from_millis(pause));
        kept = run.stop();
        for (partition, lines) in lines.iter_mut().enumerate() {
            lines.extend(run.texts(&format!("often/{partition}")).into_iter().map(str::to_owned));
        }
    }
    for lines in lines {
        assert_eq!(lines, expected(0..40_000));
    }
}

#[test]
fn records_of_aborted_transactions_are_no_lines() {
    use rdkafka::ClientConfig;
    use rdkafka::producer::{BaseProducer, Producer};
    let Some((kafka, topics)) = shared("records_of_aborted_transactions") else { return };
    topics.create("transactions", 1, &[]);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .set("transactional.id", "transactions")
        .create()
        .unwrap();
    producer.init_transactions(SOON).unwrap();
    for (value, commit) in [("kept 1", true), ("aborted", false), ("kept 2", true)] {
        producer.begin_transaction().unwrap();
        let record = BaseRecord::<[u8], [u8]>::to("transactions").payload(value.as_bytes());
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(SOON).unwrap();
        if commit {
            producer.commit_transaction(SOON).unwrap();
        } else {
            producer.abort_transaction(SOON).unwrap();
        }
    }
    let mut run = run(&config(kafka, &["transactions"]), &Default::default());
    run.until("the end", SOON, |run| !run.at_end.is_empty());
    assert_eq!(run.texts("transactions/0"), ["kept 1", "kept 2"]);
    assert_eq!(run.meter.count(Counter::Missed), 0);
    run.until("no lag", SOON, |run| run.meter.gauge(Gauge::LagRecords) <= 1);
}
