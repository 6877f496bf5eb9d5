//! Traces as a collector gets them: what the service sends to a receiver of OTLP over HTTP.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use integration::ports::free_port;

use crate::process::{Service, failures};
use crate::pushed;

/// What reached the collector.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

impl Collector {
    /// A collector and its port.
    fn start() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let collector = Self::default();
        let kept = collector.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let kept = kept.clone();
                std::thread::spawn(move || kept.serve(stream.unwrap()));
            }
        });
        (collector, port)
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head).unwrap_or(0) == 0 {
                    return;
                }
            }
            let head = head.to_ascii_lowercase();
            assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
            assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
            assert!(head.contains("x-token: secret\r\n"), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            self.0.lock().unwrap().push(ExportTraceServiceRequest::decode(&*body).unwrap());
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            reader.get_mut().write_all(answer).unwrap();
        }
    }

    fn spans(&self) -> Vec<Span> {
        let all = self.0.lock().unwrap();
        let of = all.iter().flat_map(|request| &request.resource_spans);
        of.flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans).cloned().collect()
    }
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        other => format!("{other:?}"),
    };
    let pairs = span.attributes.iter().filter_map(|pair| {
        let value = pair.value.as_ref()?.value.as_ref()?;
        Some((pair.key.clone(), text(value)))
    });
    pairs.collect()
}

#[test]
fn a_collector_is_sent_what_the_service_does() {
    let (collector, port) = Collector::start();
    let push = free_port();
    let configuration = format!(
        "{}tracing:\n  endpoint: http://127.0.0.1:{port}\n  headers: {{x-token: secret}}\n",
        pushed(push)
    );
    let mut service = Service::start(&configuration, &[]);
    service.push(push, &failures("203.0.113.80", 12));
    service.wait_for_decision("203.0.113.80");
    let (done, _, errors) = service.command(&["reload"]);
    assert!(done, "{errors}");
    service.terminate();
    assert!(!service.errors().contains("epoch{"), "traces are no log: {}", service.errors());

    let spans = collector.spans();
    let named = |name: &str| {
        let one = spans.iter().find(|span| span.name == name);
        one.unwrap_or_else(|| panic!("no {name} of {} spans", spans.len()))
    };
    let request = attributes(named("GET /v1/decisions"));
    assert_eq!(request["http.response.status_code"], "200", "{request:?}");
    assert_eq!(request["http.route"], "/v1/decisions");
    assert_eq!(attributes(named("delivery"))["lines"], "12");
    assert_eq!(attributes(named("reload"))["taken"], "true");
    let found = spans.iter().filter(|span| span.name == "epoch");
    let mut found = found.filter(|span| attributes(span)["alerts"] != "0");
    let epoch = found.next().unwrap();
    assert!(epoch.end_time_unix_nano > epoch.start_time_unix_nano);
    let commit = spans.iter().find(|span| span.parent_span_id == epoch.span_id).unwrap();
    assert_eq!((&*commit.name, &commit.trace_id), ("commit", &epoch.trace_id));
    let all = collector.0.lock().unwrap();
    let resource = all[0].resource_spans[0].resource.as_ref().unwrap();
    assert!(resource.attributes.iter().any(|pair| pair.key == "service.name"), "{resource:?}");
}

#[test]
fn of_the_traces_a_share_is_kept_and_none_without_a_collector() {
    let (collector, port) = Collector::start();
    let push = free_port();
    let configuration = format!(
        "{}tracing:\n  endpoint: http://127.0.0.1:{port}/v1/traces\n  ratio: 0\n  \
         headers: {{x-token: secret}}\n",
        pushed(push)
    );
    let mut service = Service::start(&configuration, &[]);
    service.push(push, &failures("203.0.113.81", 12));
    service.wait_for_decision("203.0.113.81");
    service.terminate();
    assert_eq!(collector.spans(), []);
}

#[test]
fn a_collector_that_is_away_is_said_and_hurts_nothing() {
    let push = free_port();
    let configuration =
        format!("{}tracing: {{endpoint: 'http://127.0.0.1:{}'}}\n", pushed(push), free_port());
    let mut service = Service::start(&configuration, &[]);
    service.push(push, &failures("203.0.113.82", 12));
    service.wait_for_output("203.0.113.82", "ban for 4h");
    service.terminate();
    let errors = service.errors();
    assert!(errors.contains("the collector takes no traces"), "{errors}");
}
