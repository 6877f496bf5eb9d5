//! `spillway run` from outside: the binary of this build with real sources, sockets and signals.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::time::Duration;

#[path = "../lapi/http.rs"]
mod http;
mod process;

use process::{Service, failures, free_port, refused};

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
