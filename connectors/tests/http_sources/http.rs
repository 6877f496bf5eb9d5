//! CrowdSec's `http` source and the audit webhook: what its documentation and its tests promise.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use connectors::http::{Config, Format, Http};
use connectors::k8s_audit::{self, K8sAudit};
use connectors::listener::{Access, Listening};
use connectors::metric::{Counter, Reason};

use crate::pipe::{Kept, Pipe, SOON};
use crate::ports::free_port;
use crate::sender::gzip;
use crate::service::client;

fn listening() -> (Listening, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let listening = Listening { address: Some(address.clone()), ..Listening::default() };
    (listening, format!("http://{address}"))
}

fn listens(pipe: &mut Pipe, url: &str) {
    let address = url.trim_start_matches("http://").to_owned();
    pipe.until(SOON, |_| std::net::TcpStream::connect(&address).is_ok());
}

/// Posts while the pipe keeps.
#[track_caller]
fn post(
    pipe: &mut Pipe,
    url: &str,
    headers: &[(&'static str, &'static str)],
    body: &[u8],
) -> (u16, String) {
    let (url, headers, body) = (url.to_owned(), headers.to_vec(), body.to_vec());
    let sent = std::thread::spawn(move || client().post(&url, &headers, body).unwrap());
    pipe.until(SOON, |_| sent.is_finished());
    sent.join().unwrap()
}

#[test]
fn json_values_are_lines_and_answers_are_as_configured() {
    let (mut listening, url) = listening();
    listening.access = Access::Headers([("Key".to_owned(), "secret".to_owned())].into());
    let format = Format::Json {
        path: "/test".to_owned(),
        status: 201,
        headers: [("Success".to_owned(), "true".to_owned())].into(),
    };
    let mut pipe = Pipe::start(Http::new(Config { listening, format }), Kept::default());
    listens(&mut pipe, &url);
    let key = ("key", "secret");
    let url = format!("{url}/test");
    assert_eq!(post(&mut pipe, &url, &[key], b"{\"a\" : 1}{\"b\":2}\n"), (201, "OK".to_owned()));
    assert_eq!(
        post(&mut pipe, &url, &[key, ("content-encoding", "gzip")], &gzip(b"{\"c\":3}")).0,
        201
    );
    assert_eq!(post(&mut pipe, &url, &[key], b"{\"d\":4} rubbish {\"e\":5}").0, 400);
    assert_eq!(post(&mut pipe, &url, &[key, ("content-encoding", "gzip")], b"no gzip").0, 400);
    assert_eq!(post(&mut pipe, &url, &[], b"{\"f\":6}"), (401, "Unauthorized".to_owned()));
    assert_eq!(post(&mut pipe, &url, &[("key", "wrong")], b"{\"f\":6}").0, 401);
    assert_eq!(post(&mut pipe, &format!("{url}/below"), &[key], b"{\"f\":6}").0, 404);
    assert_eq!(client().get(&url).unwrap().0, 401);
    // What reads the same is no repeat once it was answered.
    assert_eq!(post(&mut pipe, &url, &[key], b"{\"a\" : 1}{\"b\":2}\n").0, 201);
    let kept = pipe.stop();
    let expected =
        ["{\"a\" : 1}", "{\"b\":2}", "{\"c\":3}", "{\"d\":4}", "{\"a\" : 1}", "{\"b\":2}"];
    assert_eq!(kept.texts(), expected);
    assert!(kept.lines.iter().all(|line| line.source == "127.0.0.1" && line.time.is_none()));
}

#[test]
fn bombs_and_depths_are_refused_and_the_rest_is_read() {
    let (mut listening, url) = listening();
    listening.limits.max_body = 1_000_000;
    let format = Format::Json { path: "/".to_owned(), status: 200, headers: [].into() };
    let mut pipe = Pipe::start(Http::new(Config { listening, format }), Kept::default());
    listens(&mut pipe, &url);
    let bomb = gzip(&vec![b' '; 50_000_000]);
    assert!(bomb.len() < 100_000);
    assert_eq!(post(&mut pipe, &url, &[("content-encoding", "gzip")], &bomb).0, 413);
    assert_eq!(post(&mut pipe, &url, &[], "[".repeat(100_000).as_bytes()).0, 400);
    assert_eq!(post(&mut pipe, &url, &[], "{\"a\":".repeat(100_000).as_bytes()).0, 400);
    assert_eq!(post(&mut pipe, &url, &[], b"{\"good\":1}").0, 200);
    assert!(pipe.meter.rejected(Reason::Payload) >= 2);
    assert_eq!(pipe.stop().texts(), ["{\"good\":1}"]);
}

#[test]
fn a_body_without_an_answer_is_a_repeat_when_it_comes_again() {
    let (mut listening, url) = listening();
    listening.limits.answer = Duration::from_millis(500);
    let mut pipe =
        Pipe::start(Http::new(Config { listening, format: Format::json() }), Kept::default());
    listens(&mut pipe, &url);
    assert_eq!(client().post(&url, &[], b"{\"a\":1}".to_vec()).unwrap().0, 503);
    assert_eq!(post(&mut pipe, &url, &[], b"{\"a\":1}").0, 200);
    assert_eq!(pipe.count(Counter::Duplicates), 1);
    assert_eq!(post(&mut pipe, &url, &[], b"{\"a\":1}").0, 200);
    assert_eq!(pipe.stop().lines.len(), 2);
}

#[test]
fn a_unix_socket_is_listened_on_and_a_stale_one_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.sock");
    let mut kept = Kept::default();
    for round in 0..2 {
        let listening = Listening { socket: Some(path.clone()), ..Listening::default() };
        let mut pipe = Pipe::start(Http::new(Config { listening, format: Format::json() }), kept);
        pipe.until(SOON, |_| UnixStream::connect(&path).is_ok());
        let to = path.clone();
        let sent = std::thread::spawn(move || {
            let mut stream = UnixStream::connect(to).unwrap();
            let body = format!("{{\"round\":{round}}}");
            let length = body.len();
            let request = format!(
                "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        pipe.until(SOON, |_| sent.is_finished());
        assert!(sent.join().unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
        kept = pipe.stop();
    }
    assert_eq!(kept.texts(), ["{\"round\":0}", "{\"round\":1}"]);
    assert_eq!(kept.lines[0].source, "127.0.0.1");
}

#[test]
fn audit_events_are_lines_as_crowdsec_writes_them() {
    let (listening, url) = listening();
    let config = k8s_audit::Config { listening, webhook_path: "audit".to_owned() };
    let mut pipe = Pipe::start(K8sAudit::new(config), Kept::default());
    listens(&mut pipe, &url);
    let list = include_bytes!("../fixtures/k8s_audit/events.json");
    let url = format!("{url}/audit");
    assert_eq!(post(&mut pipe, &url, &[], list).0, 200);
    assert_eq!(post(&mut pipe, &url, &[], list).0, 200, "the API server tries again");
    assert_eq!(post(&mut pipe, &url, &[], b"{\"items\":[1,{}]}").0, 200);
    assert_eq!(pipe.meter.rejected(Reason::Payload), 1);
    assert_eq!(post(&mut pipe, &url, &[], b"{\"items\":").0, 400);
    assert_eq!(client().get(&url).unwrap().0, 405);
    let kept = pipe.stop();
    let lines = include_str!("../fixtures/k8s_audit/lines.jsonl");
    assert_eq!(kept.lines.len(), lines.lines().count() + 1);
    assert_eq!(kept.lines[0].time, Some(1_664_205_892_322_575_000));
}

#[test]
fn a_taken_port_is_waited_for() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let listening = Listening { address: Some(address.clone()), ..Listening::default() };
    let mut pipe =
        Pipe::start(Http::new(Config { listening, format: Format::json() }), Kept::default());
    pipe.until(SOON, |pipe| pipe.health.state().to_string().contains(&address));
    drop(holder);
    pipe.until(SOON, |pipe| pipe.health.state().name() == "reading");
    pipe.stop();
}

#[test]
fn what_cannot_listen_says_what_to_change() {
    let check = |listening: Listening, word: &str| {
        let source = Http::new(Config { listening, format: Format::json() });
        let (_, ended) = Pipe::start(source, Kept::default()).ended();
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    check(Listening::default(), "address or a socket");
    check(Listening { address: Some("nonsense".into()), ..Listening::default() }, "nonsense");
    check(
        Listening { socket: Some("/nonexistent/x.sock".into()), ..Listening::default() },
        "/nonexistent/x.sock",
    );
}
