//! What led to nothing and is set aside, told to a real broker and to a file, through a crash.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};

use integration::services::Kafka;
use integration::topic::{Record, Topics};
use rdkafka::producer::BaseRecord;
use serde_json::{Value, json};

use crate::hook;
use crate::http::{Request, send};
use integration::ports::free_port;

use crate::process::{Service, failures, whole_lines};
use crate::pushed;

/// A record of rsyslog or Vector.
fn record(line: &str) -> String {
    json!({ "message": line, "host": "gate" }).to_string()
}

fn payload(record: &Record) -> Value {
    serde_json::from_slice(record.payload.as_deref().unwrap()).unwrap()
}

#[test]
fn a_message_that_an_output_refuses_is_set_aside() {
    let (port, port_of_hook) = (free_port(), free_port());
    let _bodies = hook::answering(port_of_hook, "413 Too Large");
    let configuration = format!(
        "{}outputs:\n- output: webhook\n  name: hook\n  url: http://127.0.0.1:{port_of_hook}/\n  \
         streams: [decisions]\nunparsed:\n- output: file\n  path: aside.jsonl\n",
        pushed(port)
    );
    let mut service = Service::start(&configuration, &[]);
    service.push(port, &failures("203.0.113.90", 12));
    let file = service.folder().join("aside.jsonl");
    let told = service.wait("the decision", || {
        let told = whole_lines(&file);
        (!told.is_empty()).then_some(told)
    });
    let aside: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    let reason = "the server answers 413 Payload Too Large";
    assert_eq!((&aside["source"], &aside["lane"]), (&json!("hook"), &json!("decisions")));
    assert_eq!(aside["reason"], reason);
    let decision: Value = serde_json::from_str(aside["line"].as_str().unwrap()).unwrap();
    assert_eq!(decision["value"], "203.0.113.90");
    let page = service.page("/metrics").body;
    let name = "spillway_output_refused_messages_total";
    let counted = format!("{name}{{output=\"hook\",module=\"webhook\",reason=\"{reason}\"}} ");
    assert!(page.contains(&counted), "{page}");
    service.terminate();
}

/// A request to a source that is sent to; the status of the answer.
fn post(service: &Service, port: u16, (target, kind): (&str, &str), body: &str) -> u16 {
    let address = format!("127.0.0.1:{port}");
    service.wait("the listener", || TcpStream::connect(&address).ok());
    let request = Request {
        method: "POST".into(),
        target: target.into(),
        headers: vec![("Content-Type".into(), kind.into())],
        body: body.into(),
    };
    send(&address, &request).status
}

#[test]
fn what_senders_send_wrong_is_set_aside_with_its_reason() {
    let [udp, tcp, http, otlp, loki] = std::array::from_fn(|_| free_port());
    let configuration = format!(
        "sources:\n\
         - {{source: syslog, name: udp, listen_addr: 127.0.0.1, listen_port: {udp}, max_message_len: 64, labels: {{type: syslog}}}}\n\
         - {{source: syslog, name: tcp, protocol: tcp, listen_addr: 127.0.0.1, listen_port: {tcp}, max_message_len: 64, labels: {{type: syslog}}}}\n\
         - {{source: http, name: http, auth_type: none, listen_addr: '127.0.0.1:{http}', max_line: 64, labels: {{type: syslog}}}}\n\
         - {{source: http, name: otlp, format: otlp, auth_type: none, listen_addr: '127.0.0.1:{otlp}', labels: {{type: syslog}}}}\n\
         - {{source: loki, name: loki, listen_addr: '127.0.0.1:{loki}', labels: {{type: syslog}}}}\n\
         - {{source: file, name: file, filenames: [long.log], max_line: 64, labels: {{type: syslog}}}}\n\
         start: beginning\n\
         unparsed:\n- output: file\n  path: aside.jsonl\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(70);
    std::fs::write(folder.path().join("long.log"), format!("{long}\n")).unwrap();
    let mut service = Service::start_in(folder, &configuration, &[], &[]);

    // A datagram that comes too early is nobody's.
    service.wait("udp", || {
        let reads = "spillway_source_state{source=\"udp\",state=\"reading\"} 1";
        service.page("/metrics").body.contains(reads).then_some(())
    });
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(long.as_bytes(), ("127.0.0.1", udp)).unwrap();
    let mut stream = service.wait("tcp", || TcpStream::connect(("127.0.0.1", tcp)).ok());
    // The count of the second is one too low: what is left of it belongs to nothing.
    stream.write_all(format!("90 <1>{}", "y".repeat(87)).as_bytes()).unwrap();
    stream.write_all(b"4 <1>abc\n").unwrap();
    drop(stream);
    let json = "application/json";
    assert_eq!(post(&service, http, ("/", json), &format!("\"{long}\"")), 200);
    assert_eq!(post(&service, http, ("/", json), "\"good\" {bad"), 400);
    let record = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":7}]}]}]}"#;
    assert_eq!(post(&service, otlp, ("/v1/logs", json), record), 200);
    for _ in 0..2 {
        assert_eq!(post(&service, loki, ("/loki/api/v1/push", json), "no push"), 400);
    }

    let file = service.folder().join("aside.jsonl");
    let expected = [
        ("file", "line too long", &*long, 70),
        ("http", "bad payload", "{bad", 4),
        ("http", "line too long", &format!("\"{}", &long[..]), 72),
        ("loki", "bad payload", "no push", 7),
        ("otlp", "bad payload", r#"{"attributes":7}"#, 16),
        ("tcp", "bad framing", "bc", 2),
        ("tcp", "line too long", &format!("<1>{}", "y".repeat(61)), 90),
        ("udp", "line too long", &long[..65], 65),
    ];
    let told = service.wait("all of it", || {
        let told = whole_lines(&file);
        let told = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let told: Vec<_> = told.filter(|told| told["reason"] != "unparsed").collect();
        (told.len() >= expected.len()).then_some(told)
    });
    let mut told: Vec<_> = told
        .iter()
        .map(|told| {
            let text = |name: &str| told[name].as_str().unwrap().to_owned();
            (text("source"), text("reason"), text("line"), told["bytes"].as_u64().unwrap())
        })
        .collect();
    told.sort();
    let expected = expected.map(|(source, reason, line, bytes)| {
        (source.to_owned(), reason.to_owned(), line.to_owned(), bytes)
    });
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (told, expected) in told.iter().zip(&expected) {
        assert_eq!((&told.0, &told.1, told.3), (&expected.0, &expected.1, expected.3));
        assert!(told.2.starts_with(&expected.2), "{told:?}");
    }
    let page = service.page("/metrics").body;
    for (source, reason, ..) in &expected {
        let name = "spillway_source_rejected_records_total";
        let counted = format!("{name}{{source=\"{source}\",reason=\"{reason}\"}} 1\n");
        assert!(page.contains(&counted), "{counted}: {page}");
    }
    let (_, shown, _) = service.command(&["unparsed", "--source", "tcp"]);
    assert!(shown.contains("(bad framing) bc"), "{shown}");
    service.terminate();
}

/// Parsers see a line in the form of log files; what nobody takes is kept as it came.
#[test]
fn a_syslog_message_is_set_aside_as_it_came() {
    let port = free_port();
    let configuration = format!(
        "sources:\n- source: syslog\n  listen_addr: 127.0.0.1\n  listen_port: {port}\n  protocol: tcp\n  \
         labels: {{type: syslog}}\nunparsed:\n- output: file\n  path: aside.jsonl\n"
    );
    let service = Service::start(&configuration, &[]);
    let (at, aside) = ("2026-11-26T16:00:00Z", service.folder().join("aside.jsonl"));
    let modern = format!("<34>1 {at} gate shop 7 ID47 [meta order=\"12\"] odd words");
    let sent = [
        (&*modern, format!("{at} gate shop[7]: odd words")),
        ("<13>Nov 26 16:00:01 gate shop: odd", "Nov 26 16:00:01 gate shop: odd".to_owned()),
        ("Nov 26 16:00:02 gate shop: plain", "Nov 26 16:00:02 gate shop: plain".to_owned()),
        ("<999>Nov 26 16:00:03 gate shop: odd", String::new()),
    ];
    let mut stream = service.wait("the listener", || TcpStream::connect(("127.0.0.1", port)).ok());
    for (message, _) in &sent {
        writeln!(stream, "{message}").unwrap();
    }
    let told = service.wait("what is set aside", || {
        let told = whole_lines(&aside);
        (told.lines().count() == sent.len()).then_some(told)
    });
    for (told, (message, line)) in told.lines().zip(&sent) {
        let told: Value = serde_json::from_str(told).unwrap();
        let shown = told["line"].as_str().unwrap();
        assert_eq!(told["raw"].as_str().unwrap_or(shown), *message);
        assert!(line.is_empty() && shown.ends_with(message) || shown == line, "{told}");
        assert_eq!(told["raw"].is_null(), shown == *message, "{told}");
    }
}

/// What a transform made of a line names what it was made of: here a line, there a message.
#[test]
fn a_transformed_line_is_set_aside_with_what_it_was_made_of() {
    let port = free_port();
    let configuration = format!(
        "sources:\n- source: file\n  name: file\n  filenames: [app.log]\n  \
         transform: JsonExtract(evt.Line.Raw, \"message\")\n  labels: {{type: syslog}}\n\
         - source: syslog\n  name: sent\n  listen_addr: 127.0.0.1\n  listen_port: {port}\n  protocol: tcp\n  \
         transform: Split(evt.Line.Raw, \"|\")\n  labels: {{type: syslog}}\n\
         start: beginning\nunparsed:\n- output: file\n  path: aside.jsonl\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let records = [r#"{"message":"odd words"}"#, r#"{"message":"odder words"}"#];
    std::fs::write(folder.path().join("app.log"), format!("{}\n{}\n", records[0], records[1]))
        .unwrap();
    let service = Service::start_in(folder, &configuration, &[], &[]);
    let message = "<34>1 2026-11-26T16:00:00Z gate shop 7 ID47 - one|two";
    let mut stream = service.wait("the listener", || TcpStream::connect(("127.0.0.1", port)).ok());
    writeln!(stream, "{message}").unwrap();
    let file = service.folder().join("aside.jsonl");
    let told = service.wait("what is set aside", || {
        let told = whole_lines(&file);
        (told.lines().count() == 4).then_some(told)
    });
    let told: BTreeSet<_> = told
        .lines()
        .map(|told| {
            let told: Value = serde_json::from_str(told).unwrap();
            let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
            (text("line"), told["part"].as_u64().unwrap_or(0), text("raw"))
        })
        .collect();
    let expected = [
        ("odd words", 0, records[0]),
        ("odder words", 0, records[1]),
        ("2026-11-26T16:00:00Z gate shop[7]: one", 0, message),
        ("two", 1, message),
    ];
    let expected = expected.map(|(line, part, raw)| (line.to_owned(), part, raw.to_owned()));
    assert_eq!(told, BTreeSet::from(expected));
}

#[test]
fn what_is_set_aside_is_told_once_and_counted_by_reason() {
    let Some(kafka) = Kafka::start("what_is_set_aside_is_told_once") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    topics.create("logs", 2, &[]);
    let strangers = |range: std::ops::Range<u32>| {
        range.map(|number| record(&format!("stranger {number}"))).collect::<Vec<_>>()
    };
    topics.fill("logs", 0, "lz4", strangers(0..500));
    topics.fill("logs", 1, "lz4", ["{no document".to_owned(), "{}".to_owned()]);
    topics.append(BaseRecord::to("logs").partition(1).key(&b"null"[..]));
    let brokers = kafka.bootstrap();
    let configuration = format!(
        "sources:\n- source: kafka\n  brokers: ['{brokers}']\n  topic: logs\n  start: earliest\n  \
         format: vector\n  name: logs\n  labels: {{type: syslog}}\n\
         unparsed:\n- output: kafka\n  brokers: ['{brokers}']\n  unparsed: {{topic: aside, partitions: 3}}\n\
         - output: file\n  path: aside.jsonl\n"
    );
    let mut service = Service::start(&configuration, &[]);
    let file = service.folder().join("aside.jsonl");
    let lines = || whole_lines(&file).lines().count();
    service.wait("what is there", || (lines() == 503).then_some(()));
    service.wait("the topic", || (topics.read("aside").len() == 503).then_some(()));
    let page = service.page("/metrics").body;
    for reason in ["bad payload", "no line in payload", "empty payload"] {
        let name = "spillway_source_rejected_records_total";
        let counted = format!("{name}{{source=\"logs\",reason=\"{reason}\"}} 1");
        assert!(page.contains(&counted), "{counted}: {page}");
    }
    assert!(page.contains("spillway_source_unparsed_lines_total{source=\"logs\"} 500"), "{page}");
    service.kill();
    topics.fill("logs", 0, "lz4", strangers(500..1000));
    service.again(&[]);
    service.wait("the rest", || (lines() == 1003).then_some(()));
    service.wait("the topic", || (topics.read("aside").len() == 1003).then_some(()));
    service.terminate();

    let told = topics.read("aside");
    let keys: BTreeSet<_> = told.iter().map(|record| &record.key).collect();
    assert_eq!((told.len(), keys.len()), (1003, 1003), "each once");
    let of_lane: Vec<_> = told
        .iter()
        .map(payload)
        .filter(|told| told["reason"] == "unparsed")
        .map(|told| told["line"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (0..1000).map(|number| format!("stranger {number}")).collect();
    assert_eq!(of_lane, expected, "in the order of the lane");
    let mut poison: Vec<_> = told
        .iter()
        .map(payload)
        .filter(|told| told["reason"] != "unparsed")
        .map(|told| (told["reason"].clone(), told["line"].clone(), told["bytes"].clone()))
        .collect();
    poison.sort_by_key(|(reason, ..)| reason.to_string());
    let expected = [
        (json!("bad payload"), json!("{no document"), json!(12)),
        (json!("empty payload"), json!(""), json!(0)),
        (json!("no line in payload"), json!("{}"), json!(2)),
    ];
    assert_eq!(poison, expected);
    let first = told.iter().find(|record| payload(record)["line"] == "stranger 0").unwrap();
    assert_eq!(first.key, b"logs:logs/0:0");
    assert_eq!(payload(first)["labels"], json!({ "host": "gate", "type": "syslog" }));
    assert!(first.headers.contains(&("reason".to_owned(), b"unparsed".to_vec())), "{first:?}");
}
