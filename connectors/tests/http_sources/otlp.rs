//! OpenTelemetry logs: from its own exporter, and bodies of every shape.

use std::process::Command;
use std::time::Duration;

use connectors::http::{Config, Format, Http};
use connectors::listener::Listening;
use connectors::metric::Reason;
use prost::Message;
use serde_json::json;

use crate::pipe::{Kept, Pipe, SOON};
use crate::ports::free_port;
use crate::service::{self, client};

const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn start(labels: &[&str]) -> (Pipe, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let mut listening = Listening { address: Some(address.clone()), ..Listening::default() };
    listening.limits.max_line = 1000;
    let labels_from = labels.iter().map(|label| (*label).to_owned()).collect();
    let format = Format::Otlp { path: "/v1/logs".to_owned(), labels_from };
    let mut pipe = Pipe::start(Http::new(Config { listening, format }), Kept::default());
    pipe.until(SOON, |_| std::net::TcpStream::connect(&address).is_ok());
    (pipe, format!("http://{address}/v1/logs"))
}

#[track_caller]
fn post(
    pipe: &mut Pipe,
    url: &str,
    kind: (&'static str, &'static str),
    body: Vec<u8>,
) -> (u16, String) {
    let url = url.to_owned();
    let sent = std::thread::spawn(move || client().post(&url, &[kind], body).unwrap());
    pipe.until(SOON, |_| sent.is_finished());
    sent.join().unwrap()
}

#[test]
fn the_exporter_of_opentelemetry_is_understood() {
    let Some(python) = service::built("otlp") else { return };
    for compression in ["none", "gzip"] {
        let (mut pipe, url) = start(&["service.name", "order"]);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../integration/services/otlp/send.py");
        let mut child =
            Command::new(&python).args([script, &url, "300", compression]).spawn().unwrap();
        pipe.until(Duration::from_secs(60), |_| child.try_wait().unwrap().is_some());
        assert!(child.wait().unwrap().success());
        let kept = pipe.stop();
        let text = |i: usize| format!("payment {i} from 192.0.2.{} refused", i % 250);
        assert_eq!(kept.texts(), (0..300).map(text).collect::<Vec<_>>());
        let line = &kept.lines[7];
        assert_eq!(
            (line.labels["service.name"].as_str(), line.labels["order"].as_str()),
            ("shop", "7")
        );
        assert!(line.time.unwrap() > 1_700_000_000_000_000_000);
    }
}

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_logs: Vec<ResourceLogs>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceLogs {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_logs: Vec<ScopeLogs>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeLogs {
    #[prost(message, repeated, tag = "2")]
    records: Vec<Record>,
}

#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(fixed64, tag = "1")]
    time: u64,
    #[prost(message, optional, tag = "5")]
    body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "11")]
    observed: u64,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(bool, optional, tag = "2")]
    flag: Option<bool>,
    #[prost(int64, optional, tag = "3")]
    integer: Option<i64>,
    #[prost(double, optional, tag = "4")]
    double: Option<f64>,
    #[prost(message, optional, boxed, tag = "5")]
    array: Option<Box<Values>>,
    #[prost(message, optional, tag = "6")]
    map: Option<Pairs>,
}

#[derive(Clone, PartialEq, Message)]
struct Values {
    #[prost(message, repeated, tag = "1")]
    values: Vec<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct Pairs {
    #[prost(message, repeated, tag = "1")]
    values: Vec<KeyValue>,
}

fn text(text: &str) -> AnyValue {
    AnyValue { text: Some(text.to_owned()), ..AnyValue::default() }
}

fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value) }
}

fn request(records: Vec<Record>) -> Request {
    let resource = Some(Resource { attributes: vec![pair("host", text("h"))] });
    let scope_logs = vec![ScopeLogs { records }];
    Request { resource_logs: vec![ResourceLogs { resource, scope_logs }] }
}

#[test]
fn protobuf_and_json_say_the_same() {
    let map = AnyValue {
        map: Some(Pairs {
            values: vec![
                pair("n", AnyValue { integer: Some(-7), ..AnyValue::default() }),
                pair(
                    "l",
                    AnyValue {
                        array: Some(Box::new(Values {
                            values: vec![
                                text("x"),
                                AnyValue { flag: Some(true), ..AnyValue::default() },
                            ],
                        })),
                        ..AnyValue::default()
                    },
                ),
            ],
        }),
        ..AnyValue::default()
    };
    let records = vec![
        Record {
            time: 5,
            body: Some(text("second")),
            attributes: vec![pair("host", text("own")), pair("x", text("y"))],
            ..Record::default()
        },
        Record { observed: 4, body: Some(map), ..Record::default() },
        Record {
            time: 6,
            body: Some(AnyValue { double: Some(1.5), ..AnyValue::default() }),
            ..Record::default()
        },
        Record { time: 7, ..Record::default() },
        Record { time: 8, body: Some(text(&"long".repeat(300))), ..Record::default() },
    ];
    let json = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"timeUnixNano": "5", "body": {"stringValue": "second"}, "attributes": [{"key": "host", "value": {"stringValue": "own"}}, {"key": "x", "value": {"stringValue": "y"}}]},
        {"observedTimeUnixNano": 4, "body": {"kvlistValue": {"values": [{"key": "n", "value": {"intValue": "-7"}},
            {"key": "l", "value": {"arrayValue": {"values": [{"stringValue": "x"}, {"boolValue": true}]}}}]}}},
        {"timeUnixNano": "6", "body": {"doubleValue": 1.5}},
        {"timeUnixNano": "7"},
        {"timeUnixNano": "8", "body": {"stringValue": "long".repeat(300)}},
    ]}], "resource": {"attributes": [{"key": "host", "value": {"stringValue": "h"}}]}}]});
    let mut all = Vec::new();
    for (kind, body) in
        [(PROTOBUF, request(records).encode_to_vec()), (JSON, json.to_string().into_bytes())]
    {
        let (mut pipe, url) = start(&["host"]);
        let (status, answer) = post(&mut pipe, &url, kind, body);
        assert_eq!(status, 200);
        assert!(answer.contains("records without text"), "two are left out: {answer}");
        assert_eq!(
            (pipe.meter.rejected(Reason::TooLong), pipe.meter.rejected(Reason::Empty)),
            (1, 1)
        );
        all.push(pipe.stop().lines);
    }
    assert_eq!(all[0], all[1]);
    let shown: Vec<_> = all[0]
        .iter()
        .map(|line| (line.text.as_str(), line.time, line.labels["host"].as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("{\"n\":-7,\"l\":[\"x\",true]}", Some(4), "h"),
            ("second", Some(5), "own"),
            ("1.5", Some(6), "h")
        ]
    );
}

#[test]
fn bodies_that_are_none_are_refused() {
    let (mut pipe, url) = start(&["a"]);
    let mut deep = text("x");
    for _ in 0..1000 {
        deep = AnyValue {
            array: Some(Box::new(Values { values: vec![deep] })),
            ..AnyValue::default()
        };
    }
    let deep = request(vec![Record { body: Some(deep), ..Record::default() }]);
    assert_eq!(post(&mut pipe, &url, PROTOBUF, deep.encode_to_vec()).0, 400);
    assert_eq!(post(&mut pipe, &url, PROTOBUF, b"rubbish".to_vec()).0, 400);
    assert_eq!(post(&mut pipe, &url, JSON, b"{\"resourceLogs\":[".to_vec()).0, 400);
    assert_eq!(post(&mut pipe, &url, JSON, "[".repeat(100_000).into_bytes()).0, 400);
    assert_eq!(post(&mut pipe, &url, ("Content-Type", "text/plain"), Vec::new()).0, 400);
    // One record that cannot be read hides no other.
    let deep = format!("{}{}", "{\"arrayValue\":{\"values\":[".repeat(200), "]}}".repeat(200));
    let body = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{deep}}},{{"body":{{"stringValue":"good"}}}}]}}]}}]}}"#
    );
    let (status, answer) = post(&mut pipe, &url, JSON, body.into_bytes());
    assert_eq!(status, 200);
    assert!(answer.contains("\"rejectedLogRecords\":\"1\""), "{answer}");
    assert_eq!(post(&mut pipe, &url, JSON, b"{}".to_vec()), (200, "{}".to_owned()));
    assert_eq!(pipe.stop().texts(), ["good"]);
}
