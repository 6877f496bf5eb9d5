//! What stands in records: documents of shippers, and what is no line at all.

use std::fs;
use std::path::Path;

use connectors::kafka::Payload;
use connectors::metric::{Counter, Reason};
use integration::services::Kafka;
use integration::topic::Topics;
use rdkafka::producer::BaseRecord;

use crate::{SOON, config, expected, numbered, run, shared};

#[test]
fn documents_become_lines_with_labels() {
    let Some((kafka, topics)) = shared("documents_become_lines") else { return };
    topics.create("documents", 1, &[]);
    let document = |host: &str, line: &str| {
        format!(r#"{{"message":"{line}","host":"{host}","timestamp":"2025-01-02T03:04:05Z"}}"#)
    };
    let documents = [document("a", "1"), document("b", "2"), document("a", "3"), "{}".to_owned()];
    topics.fill("documents", 0, "lz4", documents);
    let mut config = config(kafka, &["documents"]);
    config.payload = Payload::preset("vector").unwrap();
    let mut run = run(&config, &Default::default());
    run.until("the end", SOON, |run| !run.at_end.is_empty());
    let lines = &run.lines["documents/0"];
    let told: Vec<_> = lines.iter().map(|line| (&*line.text, line.labels.concat())).collect();
    assert_eq!(
        told,
        [("1", "host=a".to_owned()), ("2", "host=b".to_owned()), ("3", "host=a".to_owned())]
    );
    assert!(lines.iter().all(|line| line.time == 1_735_787_045_000_000_000));
    assert_eq!(run.meter.rejected(Reason::NoLine), 1);
}

#[test]
fn many_lines_of_a_record_are_read_once_each() {
    let Some((kafka, topics)) = shared("many_lines_of_a_record") else { return };
    topics.create("otlp", 1, &[]);
    let records = |count: usize| {
        let record = |number| format!(r#"{{"body":{{"stringValue":"line {number}"}}}}"#);
        let records: Vec<String> = (0..count).map(record).collect();
        format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{}]}}]}}]}}"#,
            records.join(",")
        )
    };
    topics.fill("otlp", 0, "lz4", [records(3), records(2)]);
    let mut config = config(kafka, &["otlp"]);
    config.payload = Payload::preset("opentelemetry").unwrap();
    let mut first = run(&config, &Default::default());
    first.until("five lines", SOON, |run| run.count() == 5);
    let offsets: Vec<u64> = first.lines["otlp/0+"].iter().map(|line| line.offset).collect();
    assert_eq!(offsets, [0, 1, 2, 1 << 20, (1 << 20) + 1]);
    // A crash between the lines of a record reads the record again.
    let mut kept = first.stop();
    let lane = kept.values_mut().next().unwrap();
    lane.next_offset = (1 << 20) + 1;
    lane.position = connectors::Position::from_text(r#"{"topic":"otlp","partition":0,"offset":1}"#);
    let mut second = run(&config, &kept);
    second.until("the last line", SOON, |run| run.count() == 1);
    assert_eq!((second.texts("otlp/0+"), second.repeats), (vec!["line 1"], 1));
    // Read as plain lines it is another lane that begins behind the last record.
    config.payload = Payload::Raw;
    let kept = second.stop();
    topics.fill("otlp", 0, "none", ["plain"]);
    let mut third = run(&config, &kept);
    third.until("a plain line", SOON, |run| run.count() == 1);
    assert_eq!(third.texts("otlp/0"), ["plain"]);
}

#[test]
fn poison_is_counted_and_the_rest_is_read() {
    let Some((kafka, topics)) = shared("poison_is_counted") else { return };
    topics.create("poison", 1, &[]);
    topics.fill("poison", 0, "none", ["first"]);
    topics.append(BaseRecord::to("poison").key(&b"tombstone"[..]));
    topics.fill("poison", 0, "none", ["", "\n", "bad \u{e9} utf-8 follows"]);
    topics.fill("poison", 0, "none", [&b"bad \xff utf-8"[..], b"two\nlines\r\n"]);
    topics.fill("poison", 0, "none", ["x".repeat(10_000_000)]);
    topics.fill("poison", 0, "gzip", ["x".repeat(15_000_000)]);
    topics.fill("poison", 0, "none", ["last"]);
    let mut run = run(&config(kafka, &["poison"]), &Default::default());
    run.until("the last line", SOON, |run| run.texts("poison/0").last() == Some(&"last"));
    let expected = ["first", "bad é utf-8 follows", "bad \u{fffd} utf-8", "two\nlines", "last"];
    assert_eq!(run.texts("poison/0"), expected);
    assert_eq!(run.meter.rejected(Reason::Empty), 3);
    assert_eq!(run.meter.rejected(Reason::TooLong), 2);
    assert_eq!(run.meter.count(Counter::Repaired), 1);
}

#[test]
fn documents_that_are_none_are_counted_and_the_rest_is_read() {
    let Some((kafka, topics)) = shared("documents_that_are_none") else { return };
    let deep = |open: &str, close: &str| open.repeat(100_000) + "1" + &close.repeat(100_000);
    for (format, good) in [
        ("vector", r#"{"message":"good"}"#),
        (
            "opentelemetry",
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"good"}}]}]}]}"#,
        ),
    ] {
        topics.create(format, 1, &[]);
        topics.append(BaseRecord::to(format).partition(0).key(&b"tombstone"[..]));
        let rubbish = [
            deep("[", "]"),
            deep("{\"a\":", "}"),
            deep("{\"message\":", "}"),
            deep("{\"resourceLogs\":[", "]}"),
            "[".repeat(100_000),
            "{\"message\":".to_owned(),
            "nonsense".to_owned(),
        ];
        topics.fill(format, 0, "none", &rubbish);
        topics.fill(format, 0, "none", [format!("{{\"message\":\"{}\"}}", "x".repeat(10_000_000))]);
        topics.fill(format, 0, "none", [good]);
        let mut config = config(kafka, &[format]);
        config.payload = Payload::preset(format).unwrap();
        let mut run = run(&config, &Default::default());
        run.until("the end", SOON, |run| !run.at_end.is_empty());
        assert_eq!(run.count(), 1, "{format}");
        let reasons = [Reason::Empty, Reason::Payload, Reason::NoLine, Reason::TooLong];
        let counted: u64 = reasons.iter().map(|reason| run.meter.rejected(*reason)).sum();
        assert!(run.meter.rejected(Reason::Payload) > 0, "{format}");
        // A document without records is no mistake of OpenTelemetry's.
        assert!(counted + u64::from(format == "opentelemetry") >= 9, "{format}: {counted}");
    }
}

#[test]
fn batches_that_nobody_can_unpack_are_passed() {
    let Some(mut kafka) = Kafka::start("batches_that_nobody_can_unpack") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    topics.create("codec", 1, &[]);
    topics.create("fine", 1, &[]);
    for batch in 0..5 {
        topics.fill("codec", 0, "gzip", numbered(batch * 100..batch * 100 + 100));
    }
    topics.fill("fine", 0, "none", numbered(0..3));
    kafka.terminate(0);
    // The second and the last batch get a codec that does not exist.
    let segment = kafka.data(0).join("codec-0").join("00000000000000000000.log");
    damage(&segment, &[1, 4]);
    kafka.start_again(0);
    let mut run = run(&config(&kafka, &["codec", "fine"]), &Default::default());
    run.until("what can be read", SOON, |run| {
        run.texts("codec/0").len() == 300 && run.texts("fine/0").len() == 3
    });
    run.until("both counts", SOON, |run| run.meter.rejected(Reason::Unpackable) == 200);
    let lines: Vec<String> = [expected(0..100), expected(200..400)].concat();
    assert_eq!(run.texts("codec/0"), lines);
    topics.fill("codec", 0, "none", ["afterwards"]);
    run.until("what comes afterwards", SOON, |run| run.texts("codec/0").len() == 301);
    let kept = run.stop();
    let mut again = crate::run(&config(&kafka, &["codec"]), &kept);
    again.until("the end", SOON, |run| !run.at_end.is_empty());
    assert_eq!((again.count(), again.meter.rejected(Reason::Unpackable)), (0, 0));
}

/// Writes an unknown codec into record batches of a segment, by their places in it.
fn damage(segment: &Path, batches: &[usize]) {
    let mut bytes = fs::read(segment).unwrap();
    let (mut start, mut number) = (0, 0);
    while start + 61 < bytes.len() {
        let length = u32::from_be_bytes(bytes[start + 8..start + 12].try_into().unwrap()) as usize;
        let end = start + 12 + length;
        if batches.contains(&number) {
            bytes[start + 22] = bytes[start + 22] & !7 | 6;
            let sum = crc32c(&bytes[start + 21..end]);
            bytes[start + 17..start + 21].copy_from_slice(&sum.to_be_bytes());
        }
        (start, number) = (end, number + 1);
    }
    assert!(number > *batches.last().unwrap(), "{number} batches");
    fs::write(segment, bytes).unwrap();
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            sum >> 1 ^ (0x82f6_3b78 & (sum & 1).wrapping_neg())
        })
    })
}
