//! The webhook output against an HTTP server that keeps what it takes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "http_sources/server.rs"]
#[expect(dead_code, reason = "the tests of sources use more of it")]
mod server;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use connectors::metric::{OutputCounter, OutputMeter};
use connectors::output::{Message, Output, OutputContext, OutputError, Webhook, WebhookConfig};
use connectors::{Health, Stop};
use server::{Request, answer, serve};
use tokio::runtime::Runtime;

/// What a server was sent, in order.
type Sent = Arc<Mutex<Vec<Request>>>;

/// A server that remembers each request and answers by `respond`, which is told how many there were
/// before.
fn server(respond: impl Fn(usize, &Request) -> Vec<u8> + Send + Sync + 'static) -> (String, Sent) {
    let sent = Sent::default();
    let seen = Arc::clone(&sent);
    let address = serve(move |request| {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        respond(seen.len() - 1, &request)
    });
    (format!("http://{address}/hook"), sent)
}

fn taken() -> Vec<u8> {
    answer("204 No Content", "", b"")
}

/// An output that runs.
struct Run {
    output: Webhook,
    context: OutputContext,
    _runtime: Runtime,
}

fn run(url: &str) -> Run {
    let runtime = Runtime::new().unwrap();
    let context = OutputContext {
        name: "test".into(),
        outbox: "outbox".into(),
        stop: Stop::new(),
        health: Health::default(),
        meter: OutputMeter::default(),
        runtime: runtime.handle().clone(),
    };
    let mut config = WebhookConfig::new(url);
    config.headers.insert("Authorization".to_owned(), "Bearer s3cret".to_owned());
    let mut output = Webhook::new(config, context.clone());
    assert_eq!(output.resume().unwrap(), None);
    Run { output, context, _runtime: runtime }
}

fn messages(sequences: std::ops::RangeInclusive<u64>) -> Vec<Message> {
    let message = |sequence| Message {
        sequence,
        stream: "decisions",
        partition_key: "Ip:192.0.2.1".into(),
        key: format!("Ip:192.0.2.1:{sequence}").into(),
        headers: Arc::default(),
        payload: Some(format!("{{\"n\":{sequence}}}").into()),
    };
    sequences.map(message).collect()
}

/// The numbers of the messages in a request.
fn numbers(request: &Request) -> Vec<u64> {
    let values: Vec<serde_json::Value> = serde_json::from_slice(&request.body).unwrap();
    values.iter().map(|value| value["n"].as_u64().unwrap()).collect()
}

#[test]
fn messages_are_posted_in_order_with_their_numbers() {
    let (url, sent) = server(|_, _| taken());
    let mut run = run(&url);
    assert_eq!(run.output.deliver(&messages(1..=250)).unwrap(), []);
    let sent = sent.lock().unwrap();
    let all: Vec<u64> = sent.iter().flat_map(numbers).collect();
    assert_eq!(all, (1..=250).collect::<Vec<u64>>());
    let named: Vec<_> = sent.iter().map(|one| one.header("Spillway-Sequence").unwrap()).collect();
    assert_eq!(named, ["1-100", "101-200", "201-250"]);
    assert_eq!(sent[2].header("Idempotency-Key"), Some("outbox/201-250"));
    assert_eq!(sent[0].header("Authorization"), Some("Bearer s3cret"));
    assert_eq!(sent[0].header("Content-Type"), Some("application/json"));
    assert_eq!(run.context.meter.count(OutputCounter::Messages), 250);
}

#[test]
fn what_is_not_taken_is_sent_again_as_it_was() {
    let (url, sent) = server(|before, _| match before {
        0 => answer("503 Service Unavailable", "", b""),
        1 => answer("429 Too Many Requests", "Retry-After: 1\r\n", b""),
        // Half an answer.
        2 => b"HTTP/1.1 20".to_vec(),
        _ => taken(),
    });
    let mut run = run(&url);
    let begun = Instant::now();
    assert_eq!(run.output.deliver(&messages(1..=5)).unwrap(), []);
    assert!(begun.elapsed() >= Duration::from_secs(1), "it waits as it is told to");
    let sent = sent.lock().unwrap();
    assert_eq!(sent.len(), 4);
    for one in &*sent {
        assert_eq!(numbers(one), [1, 2, 3, 4, 5]);
        assert_eq!(one.header("Idempotency-Key"), Some("outbox/1-5"));
    }
    assert_eq!(run.context.meter.count(OutputCounter::Retries), 3);
    assert_eq!(run.context.health.state().name(), "reading");
}

#[test]
fn one_message_that_is_refused_takes_no_other_with_it() {
    let (url, sent) = server(|_, request| {
        if numbers(request).contains(&37) { answer("400 Bad Request", "", b"") } else { taken() }
    });
    let mut run = run(&url);
    let refused = run.output.deliver(&messages(1..=150)).unwrap();
    assert_eq!(refused.iter().map(|one| one.sequence).collect::<Vec<_>>(), [37]);
    assert!(refused[0].reason.contains("400"), "{}", refused[0].reason);
    let sent = sent.lock().unwrap();
    let all = sent.iter().map(numbers).filter(|numbers| !numbers.contains(&37)).flatten();
    let expected: Vec<u64> = (1..=150).filter(|number| *number != 37).collect();
    assert_eq!(all.collect::<Vec<u64>>(), expected);
    assert_eq!(run.context.meter.count(OutputCounter::Messages), 149);
    assert_eq!(run.context.meter.count(OutputCounter::Refused), 1);
}

#[test]
fn it_stops_in_time_whatever_the_server_does() {
    let (url, sent) = server(|_, _| {
        std::thread::sleep(Duration::from_secs(20));
        taken()
    });
    let mut run = run(&url);
    let stop = run.context.stop.clone();
    let stopping = std::thread::spawn(move || {
        let deadline = Instant::now() + Duration::from_secs(20);
        while sent.try_lock().is_ok_and(|sent| sent.is_empty()) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        stop.now();
        Instant::now()
    });
    let error = run.output.deliver(&messages(1..=1)).unwrap_err();
    assert!(matches!(error, OutputError::Stopped), "{error}");
    assert!(stopping.join().unwrap().elapsed() < Duration::from_secs(10));
}

#[test]
fn what_cannot_work_is_said_at_the_start() {
    let mut config = WebhookConfig::new("localhost/hook");
    let context = run(&server(|_, _| taken()).0).context;
    let error = |config: &WebhookConfig| {
        Webhook::new(config.clone(), context.clone()).resume().unwrap_err().to_string()
    };
    assert!(error(&config).contains("localhost/hook"), "{}", error(&config));
    config.url = "http://localhost/hook".to_owned();
    config.tls.ca = Some("/nonexistent.pem".into());
    assert!(error(&config).contains("/nonexistent.pem"), "{}", error(&config));
}
