//! `spillway run` from outside: the binary of this build with real sources, sockets and signals.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::time::Duration;

mod hook;
#[path = "../lapi/http.rs"]
mod http;
mod messages;
mod observability;
mod outputs;
mod process;
mod reload;
mod sources;
mod state;
mod traces;
mod trouble;
mod unparsed;
mod watched;

use integration::ports::free_port;
use process::{Service, failures, refused, whole_lines};

/// A service that is sent lines by Loki's protocol.
fn pushed(port: u16) -> String {
    format!(
        "sources:\n- source: loki\n  listen_addr: 127.0.0.1:{port}\n  labels: {{type: syslog}}\n"
    )
}

#[test]
fn what_is_decided_is_printed_and_outlives_the_process() {
    let port = free_port();
    let mut service = Service::start(&pushed(port), &[]);
    let lines = failures("203.0.113.7", 12);
    service.push(port, &lines);
    service.wait_for_output("203.0.113.7", "ban for 4h");
    service.wait_for_decision("203.0.113.7");
    let (code, took) = service.terminate();
    assert_eq!(code, Some(0), "{}", service.errors());
    assert!(took < Duration::from_secs(10), "{took:?}");
    service.again(&[]);
    service.wait_for_decision("203.0.113.7");
}

#[test]
fn a_bucket_goes_on_after_a_restart() {
    let port = free_port();
    let mut service = Service::start(&pushed(port), &[]);
    // the embedded scenario holds five.
    service.push(port, &failures("203.0.113.8", 4));
    service.terminate();
    assert!(!service.output().contains("203.0.113.8"), "{}", service.output());
    service.again(&[]);
    service.push(port, &failures("203.0.113.8", 4));
    service.wait_for_output("203.0.113.8", "ban for 4h");
}

#[test]
fn files_are_followed_through_crashes() {
    let configuration =
        "sources:\n- source: file\n  filenames: ['*.log']\n  labels: {type: syslog}\n";
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("auth.log");
    write(&log, &failures("203.0.113.40", 12));
    let mut service = Service::start_in(folder, configuration, &[], &[]);
    service.wait("the file", || {
        let (_, status, _) = service.command(&["status"]);
        status.contains("reading").then_some(())
    });
    // What was there before the first start is not read.
    write(&log, &failures("203.0.113.41", 12));
    service.wait_for_output("203.0.113.41", "ban for 4h");
    assert!(!service.output().contains("203.0.113.40"), "{}", service.output());
    service.kill();
    write(&log, &failures("203.0.113.42", 12));
    std::fs::rename(&log, log.with_extension("log.1")).unwrap();
    write(&log, &failures("203.0.113.43", 12));
    service.again(&[]);
    service.wait_for_output("203.0.113.42", "ban for 4h");
    service.wait_for_output("203.0.113.43", "ban for 4h");
}

#[test]
fn an_explanation_shows_file_lines_and_rule() {
    let configuration =
        "sources:\n- source: file\n  filenames: ['*.log']\n  labels: {type: syslog}\n";
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("auth.log");
    write(&log, &["nothing to see".to_owned()]);
    let service = Service::start_in(folder, configuration, &[], &[]);
    service.wait("the file", || {
        let (_, status, _) = service.command(&["status"]);
        status.contains("reading").then_some(())
    });
    let lines = failures("203.0.113.44", 12);
    write(&log, &lines);
    service.wait_for_decision("203.0.113.44");
    let (method, target) = ("GET".into(), "/v1/decisions/1/explain".into());
    let request = http::Request { method, target, ..http::Request::default() };
    // The position of the lane is kept with the next commit.
    let told = service.wait("the line", || {
        let told: serde_json::Value = serde_json::from_str(&service.admin(&request).body).unwrap();
        told["coordinates"][0]["line"].is_string().then_some(told)
    });
    let coordinates = told["coordinates"].as_array().unwrap();
    assert!(coordinates.len() >= 5, "{told}");
    for place in coordinates {
        assert_eq!(place["lane"], log.display().to_string(), "{told}");
        assert!(place["source"].as_str().unwrap().starts_with("file:"), "{told}");
        assert!(lines.iter().any(|line| place["line"] == line.as_str()), "{told}");
    }
    // Embedded rules have no index of versions: their hash tells them apart.
    assert_eq!(told["rule"]["version"], told["rule"]["hash"]);
    assert_eq!(told["rule"]["version"].as_str().unwrap().len(), 64, "{told}");
}

fn write(path: &std::path::Path, lines: &[String]) {
    use std::io::Write;
    let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    file.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
}

#[test]
fn an_output_has_each_decision_once() {
    let port = free_port();
    let configuration = format!(
        "{}outputs:\n- output: file\n  path: decisions.jsonl\n  streams: [decisions]\n",
        pushed(port)
    );
    let mut service = Service::start(&configuration, &[]);
    let file = service.folder().join("decisions.jsonl");
    let told = || whole_lines(&file);
    service.push(port, &failures("203.0.113.30", 12));
    service.wait("the decision", || told().contains("203.0.113.30").then_some(()));
    service.terminate();
    let before = told();
    service.again(&[]);
    service.push(port, &failures("203.0.113.31", 12));
    service.wait("the other decision", || told().contains("203.0.113.31").then_some(()));
    service.terminate();
    assert!(told().starts_with(&before));
    let mut ids: Vec<_> = told().lines().map(str::to_owned).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "{}", told());
}

/// Nobody who waits for an answer waits for a date that does not come.
#[test]
fn a_line_without_a_date_is_answered() {
    let address = format!("127.0.0.1:{}", free_port());
    let configuration = format!(
        "sources:\n- source: http\n  listen_addr: {address}\n  auth_type: none\n  labels: {{type: x}}\n"
    );
    let service = Service::start(&configuration, &[]);
    service.wait("the listener", || std::net::TcpStream::connect(&address).ok());
    let (method, target, body) = ("POST".into(), "/".into(), "{\"a\":1}".into());
    let request = http::Request { method, target, body, ..http::Request::default() };
    assert_eq!(http::send(&address, &request).status, 200);
}

#[test]
fn a_taken_port_names_its_holder() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let errors = refused(&pushed(free_port()), &["--listen", &address]);
    assert!(errors.contains(&format!("cannot listen on {address} for the API")), "{errors}");
    assert!(errors.contains(&format!("(process {})", std::process::id())), "{errors}");
}

#[test]
fn a_wrong_configuration_stops_the_start_with_its_places() {
    let errors = refused("hold: 200ms\nsourcs: []\napi: {listen: nowhere}\n", &[]);
    assert!(errors.contains("unknown key `sourcs`"), "{errors}");
    assert!(errors.contains("spillway.yaml:2:1"), "{errors}");
    assert!(errors.contains("did you mean `sources`?"), "{errors}");
    assert!(errors.contains("spillway.yaml:3:15"), "{errors}");
}

#[test]
fn a_second_service_leaves_the_store_alone() {
    let service = Service::start(&pushed(free_port()), &[]);
    let errors = refused(&pushed(free_port()), &["--data", service.data().to_str().unwrap()]);
    assert!(errors.contains("belongs to a service that runs"), "{errors}");
}
