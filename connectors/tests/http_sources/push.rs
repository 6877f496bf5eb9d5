//! Being sent to as if we were Loki: bodies as promtail, Alloy, Vector and curl send them, answers only
//! for what is kept, and repeats.

use std::time::{Duration, Instant};

use connectors::listener::{Access, Listening};
use connectors::loki::{Push, PushConfig};
use connectors::metric::{Counter, Reason};
use prost::Message;
use serde_json::json;

use crate::pipe::{Kept, Pipe, SOON};
use crate::ports::free_port;
use crate::sender::{Pair, PushRequest, Stream, entry, gzip, push, snappy};
use crate::service::client;

const TIME: i64 = 1_700_000_000_000_000_000;
const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
const JSON: (&str, &str) = ("Content-Type", "application/json");

type Headers<'a> = &'a [(&'a str, &'a str)];

fn config() -> (PushConfig, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let mut listening = Listening { address: Some(address.clone()), ..Listening::default() };
    listening.limits.answer = Duration::from_secs(2);
    let labels_from = ["app".to_owned(), "trace".to_owned()].into();
    let config = PushConfig { listening, labels_from, tenant_label: Some("tenant".to_owned()) };
    (config, format!("http://{address}/loki/api/v1/push"))
}

/// Starts it and waits until it listens.
fn start(config: &PushConfig, kept: Kept) -> Pipe {
    let mut pipe = Pipe::start(Push::new(config.clone()), kept);
    let address = config.listening.address.clone().unwrap();
    pipe.until(SOON, |_| std::net::TcpStream::connect(&address).is_ok());
    pipe
}

/// Sends from another thread while the pipe keeps; gives the status.
#[track_caller]
fn send(pipe: &mut Pipe, url: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers: Vec<(String, String)> = headers.iter().map(owned).collect();
    let (url, body) = (url.to_owned(), body.to_vec());
    let sent = std::thread::spawn(move || {
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        client().post(&url, &headers, body).unwrap().0
    });
    pipe.until(SOON, |_| sent.is_finished());
    sent.join().unwrap()
}

#[test]
fn protobuf_and_json_give_lines_with_times_and_labels() {
    let (config, url) = config();
    let mut pipe = start(&config, Kept::default());
    let mut traced = entry(TIME + 2, "traced");
    traced.metadata = vec![Pair { name: "trace".into(), value: "t".into() }];
    let body = push(
        "{app=\"a\\\"b\", job=\"x\"}",
        vec![entry(TIME + 1, "one"), traced, entry(TIME, "zero")],
    );
    assert_eq!(send(&mut pipe, &url, &[PROTOBUF, ("X-Scope-OrgID", "acme")], &body), 204);
    let json = json!({"streams": [
        {"stream": {"app": "j"}, "values": [[(TIME + 4).to_string(), "four é"], [(TIME + 5).to_string(), "five", {"trace": "u"}]]},
        {"stream": {}, "values": [[(TIME + 3).to_string(), "three\nlines"]]},
    ]});
    assert_eq!(send(&mut pipe, &url, &[JSON], json.to_string().as_bytes()), 204);
    let gzipped = gzip(br#"{"streams":[{"stream":{},"values":[["7","six"]]}]}"#);
    assert_eq!(send(&mut pipe, &url, &[JSON, ("Content-Encoding", "gzip")], &gzipped), 204);
    let kept = pipe.stop();
    assert_eq!(kept.texts(), ["zero", "one", "traced", "three\nlines", "four é", "five", "six"]);
    let times: Vec<_> = kept.lines.iter().map(|line| line.time.unwrap()).collect();
    assert_eq!(times, [TIME, TIME + 1, TIME + 2, TIME + 3, TIME + 4, TIME + 5, 7]);
    let offsets: Vec<_> = kept.lines.iter().map(|line| line.offset).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 4, 5, 6]);
    let label =
        |line: usize, name: &str| kept.lines[line].labels.get(name).cloned().unwrap_or_default();
    assert_eq!(
        (label(0, "app"), label(0, "tenant"), label(0, "job")),
        ("a\"b".into(), "acme".into(), String::new())
    );
    assert_eq!((label(2, "trace"), label(1, "trace")), ("t".into(), String::new()));
    assert_eq!(
        (label(4, "app"), label(5, "trace"), label(3, "app")),
        ("j".into(), "u".into(), String::new())
    );
    assert_eq!(kept.lines[0].source, "127.0.0.1");
}

#[test]
fn no_byte_hides_a_line() {
    let (config, url) = config();
    let mut pipe = start(&config, Kept::default());
    let mut wrong = entry(TIME, "");
    wrong.line = b"bad \xff byte".to_vec();
    let body = push("{app=\"a\"}", vec![wrong, entry(TIME, "good")]);
    assert_eq!(send(&mut pipe, &url, &[PROTOBUF], &body), 204);
    let half = br#"{"streams":[{"stream":{},"values":[["8","half \udc80 escape"],["9","raw "#;
    let json = [&half[..], b"\xff", br#" byte"]]}]}"#].concat();
    assert_eq!(send(&mut pipe, &url, &[JSON], &json), 204);
    assert_eq!(pipe.count(Counter::Repaired), 1);
    let kept = pipe.stop();
    assert_eq!(kept.lines.len(), 4);
    assert_eq!(kept.texts()[..2], ["bad \u{fffd} byte", "good"]);
    assert!(kept.texts()[2].starts_with("half \u{fffd}") && kept.texts()[3] == "raw \u{fffd} byte");
}

#[test]
fn answers_wait_until_lines_are_kept_and_a_full_pipeline_says_later() {
    let (config, url) = config();
    let mut pipe = start(&config, Kept::default());
    let body = push("{app=\"a\"}", vec![entry(TIME, "one")]);
    let began = Instant::now();
    // Nobody keeps anything meanwhile.
    let (status, _) = client().post(&url, &[PROTOBUF], body.clone()).unwrap();
    assert_eq!(status, 503);
    assert!(began.elapsed() >= config.listening.limits.answer);
    assert_eq!(pipe.meter.rejected(Reason::NoRoom), 1);
    // It was on its way all the same: the sender's second try adds nothing.
    assert_eq!(send(&mut pipe, &url, &[PROTOBUF], &body), 204);
    assert_eq!(pipe.count(Counter::Duplicates), 1);
    let other = push("{app=\"a\"}", vec![entry(TIME, "two")]);
    assert_eq!(send(&mut pipe, &url, &[PROTOBUF], &other), 204);
    assert_eq!(send(&mut pipe, &url, &[PROTOBUF], &other), 204);
    assert_eq!(pipe.stop().texts(), ["one", "two"]);
}

/// Of a body everything, half or nothing was kept when the service died without an answer.
#[test]
fn what_is_sent_again_after_a_crash_comes_once() {
    let body = |from: i64| {
        push(
            "{app=\"a\"}",
            (from..from + 4).map(|i| entry(TIME + i, &format!("line {i}"))).collect(),
        )
    };
    for keep in [0, 1, 3, 4, usize::MAX] {
        let (config, url) = config();
        let mut pipe = start(&config, Kept::default());
        assert_eq!(send(&mut pipe, &url, &[PROTOBUF], &body(0)), 204);
        let (to, unanswered) = (url.clone(), body(4));
        let waiting = std::thread::spawn(move || client().post(&to, &[PROTOBUF], unanswered));
        let there = pipe.kept.lines.len();
        while pipe.meter.count(Counter::Lines) == there as u64 {
            std::thread::sleep(Duration::from_millis(5));
        }
        pipe.step_keeping(SOON, keep);
        let kept = pipe.stop();
        drop(waiting.join());
        let mut pipe = start(&config, kept);
        assert_eq!(send(&mut pipe, &url, &[PROTOBUF], &body(4)), 204);
        assert_eq!(send(&mut pipe, &url, &[PROTOBUF], &body(8)), 204);
        let kept = pipe.stop();
        let lines: Vec<_> =
            kept.lines.iter().map(|line| (line.offset, line.text.clone())).collect();
        let expected: Vec<_> = (0..12).map(|i| (i, format!("line {i}"))).collect();
        assert_eq!(lines, expected, "{keep} lines were kept");
    }
}

#[test]
fn only_who_may_send_is_heard() {
    let (mut config, url) = config();
    config.listening.access = Access::Basic { username: "u".into(), password: "p".into() };
    let mut pipe = start(&config, Kept::default());
    let body = push("{}", vec![entry(TIME, "one")]);
    assert_eq!(send(&mut pipe, &url, &[PROTOBUF], &body), 401);
    assert_eq!(send(&mut pipe, &url, &[PROTOBUF, ("Authorization", "Basic dTpx")], &body), 401);
    assert_eq!(pipe.meter.rejected(Reason::Unauthorized), 2);
    assert_eq!(send(&mut pipe, &url, &[PROTOBUF, ("Authorization", "Basic dTpw")], &body), 204);
    assert_eq!(pipe.stop().texts(), ["one"]);
}

#[test]
fn what_is_no_push_is_refused_and_counted() {
    let (mut config, url) = config();
    config.listening.limits.max_body = 100_000;
    config.listening.limits.max_lines = 1000;
    config.listening.limits.max_line = 100;
    let mut pipe = start(&config, Kept::default());
    let bomb = |bytes: u8| vec![bytes; 10_000_000];
    let deep = format!("{{\"streams\":{}", "[".repeat(99_000));
    let empty = Stream { entries: vec![entry(0, ""); 1001], ..Stream::default() };
    let many = snappy(&PushRequest { streams: vec![empty] }.encode_to_vec());
    let bodies: [(Headers, Vec<u8>, u16); 13] = [
        (&[PROTOBUF], b"rubbish".to_vec(), 400),
        (&[PROTOBUF], snappy(b"\xff\xff\xff"), 400),
        (&[PROTOBUF], snappy(&bomb(b'a')), 413),
        (&[PROTOBUF], vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0], 413),
        (&[PROTOBUF], many, 400),
        (&[PROTOBUF], push("{app=", vec![entry(0, "x")]), 400),
        (&[PROTOBUF, ("Content-Encoding", "br")], Vec::new(), 415),
        (&[JSON], deep.into_bytes(), 400),
        (&[JSON], b"{\"streams\":[{\"stream\":{},\"values\":[[\"x\",\"l\"]]}]}".to_vec(), 400),
        (&[JSON], b"{\"streams\":[{\"stream\":{},\"values\":[[\"1\"]]}]}".to_vec(), 400),
        (&[JSON], bomb(b' '), 413),
        (&[JSON, ("Content-Encoding", "gzip")], gzip(&bomb(b' ')), 413),
        (&[JSON, ("Content-Encoding", "zstd")], zstd::encode_all(&bomb(b' ')[..], 3).unwrap(), 413),
    ];
    for (headers, body, expected) in bodies {
        let length = body.len();
        let status = send(&mut pipe, &url, headers, &body);
        assert_eq!(status, expected, "{headers:?} {length}");
    }
    assert!(pipe.meter.rejected(Reason::Payload) >= 6);
    assert!(pipe.meter.rejected(Reason::Unpackable) >= 6);
    assert_eq!(pipe.kept.lines.len(), 0);
    let long = push("{}", vec![entry(1, &"x".repeat(101)), entry(2, ""), entry(3, "short")]);
    assert_eq!(send(&mut pipe, &url, &[PROTOBUF], &long), 204);
    assert_eq!(pipe.meter.rejected(Reason::TooLong), 1);
    assert_eq!(pipe.meter.rejected(Reason::Empty), 1);
    assert_eq!(send(&mut pipe, &url.replace("push", "pull"), &[PROTOBUF], b""), 404);
    let (status, text) = client().get(&url.replace("loki/api/v1/push", "ready")).unwrap();
    assert_eq!((status, text.as_str()), (200, "ready\n"), "as Vector looks for");
    assert_eq!(client().get(&url).unwrap().0, 405);
    assert_eq!(pipe.stop().texts(), ["short"]);
}
