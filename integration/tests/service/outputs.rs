//! Each kind of output from outside: what it hears, what it is spared, and that it waits in the store
//! while nobody listens.

use std::time::Duration;

use integration::ports::free_port;
use integration::services::Kafka;
use integration::services::kafka::{Listener, PASSWORD, USER};
use integration::topic::{Record, Topics};
use serde_json::Value;

use crate::hook;
use crate::process::{Service, failures, spillway, whole_lines};
use crate::pushed;

fn value(record: &Record) -> Option<Value> {
    record.payload.as_deref().map(|payload| serde_json::from_slice(payload).unwrap())
}

fn told(service: &Service, file: &str) -> Vec<Value> {
    let text = whole_lines(&service.folder().join(file));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Values of records about an address, in the order of the topic.
fn about(topics: &Topics, address: &str) -> Vec<Option<Value>> {
    let records = topics.read("bans");
    let key = |record: &&Record| String::from_utf8_lossy(&record.key).contains(address);
    records.iter().filter(key).map(value).collect()
}

pub(crate) fn decisions(service: &Service, arguments: &[&str]) {
    let socket = service.data().join("spillway.sock");
    let done = spillway().arg("decisions").args(arguments).arg("--socket").arg(socket).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_topic_hears_of_ends_and_a_file_does_not() {
    let Some(kafka) = Kafka::start("a_topic_hears_of_ends") else { return };
    let (port, brokers) = (free_port(), kafka.addresses(Listener::SaslSsl));
    let ca = kafka.certificates().ca.display().to_string();
    let configuration = format!(
        "{}outputs:\n- output: file\n  path: told.jsonl\n  streams: [decisions]\n\
         - output: kafka\n  brokers: ['{brokers}']\n  tombstones: true\n  \
         decisions: {{topic: bans, partitions: 3, compact: true}}\n  tls: {{ca_cert: {ca}}}\n  \
         sasl: {{mechanism: scram-sha-256, username: {USER}, password: {PASSWORD}}}\n",
        pushed(port)
    );
    let service = Service::start(&configuration, &[]);
    let topics = Topics::new(&kafka.bootstrap());
    let add = |address: &str, time: &str| {
        decisions(&service, &["add", "--ip", address, "--duration", time]);
    };
    add("203.0.113.40", "3s");
    add("203.0.113.41", "4h");
    service.push(port, &failures("203.0.113.42", 12));
    let (expires, deleted, stays) = ("203.0.113.40", "203.0.113.41", "203.0.113.42");
    service.wait("the decisions", || (told(&service, "told.jsonl").len() == 4).then_some(()));
    decisions(&service, &["delete", "--ip", deleted]);
    for address in [expires, deleted] {
        service.wait("its end", || (about(&topics, address).len() == 2).then_some(()));
        let told = about(&topics, address);
        assert_eq!(told[0].as_ref().unwrap()["value"], address);
        assert_eq!(told[1], None);
    }
    assert!(about(&topics, stays).iter().all(Option::is_some));
    let values: Vec<_> =
        told(&service, "told.jsonl").iter().map(|one| one["value"].clone()).collect();
    assert_eq!(values.len(), 4, "{values:?}");
}

#[test]
fn what_an_output_that_is_down_misses_waits_for_it() {
    let (port, port_of_hook) = (free_port(), free_port());
    let configuration = format!(
        "{}outputs:\n- output: webhook\n  name: hook\n  url: http://127.0.0.1:{port_of_hook}/\n  \
         streams: [decisions]\n- output: file\n  path: told.jsonl\n  streams: [decisions]\n",
        pushed(port)
    );
    let mut service = Service::start(&configuration, &[]);
    let addresses: Vec<_> = (50..60).map(|number| format!("203.0.113.{number}")).collect();
    // Two scenarios find each of them.
    for address in &addresses[..5] {
        service.push(port, &failures(address, 12));
    }
    service.wait("the file", || (told(&service, "told.jsonl").len() == 10).then_some(()));
    let page = service.page("/metrics").body;
    assert!(!page.contains("\nspillway_outbox_messages 0\n"), "{page}");
    let (_, status, _) = service.command(&["status"]);
    assert!(status.contains("hook") && status.contains("retrying"), "{status}");
    service.kill();
    service.again(&[]);
    for address in &addresses[5..] {
        service.push(port, &failures(address, 12));
    }
    service.wait("the file", || (told(&service, "told.jsonl").len() == 20).then_some(()));
    let bodies = hook::answering(port_of_hook, "204 No Content");
    let mut values = Vec::new();
    while values.len() < 2 * addresses.len() {
        let body = bodies.recv_timeout(Duration::from_secs(60)).unwrap();
        let decisions: Vec<Value> = serde_json::from_str(&body).unwrap();
        values.extend(decisions.iter().map(|one| one["value"].as_str().unwrap().to_owned()));
    }
    let twice: Vec<_> = addresses.iter().flat_map(|address| [address, address]).collect();
    assert_eq!(values.iter().collect::<Vec<_>>(), twice);
    service.wait("an empty outbox", || {
        service.page("/metrics").body.contains("\nspillway_outbox_messages 0\n").then_some(())
    });
}

#[test]
fn standard_output_has_lines_for_machines_where_that_is_asked_for() {
    let port = free_port();
    let configuration = format!("{}outputs:\n- output: stdout\n", pushed(port));
    let service = Service::start(&configuration, &[]);
    service.push(port, &failures("203.0.113.70", 12));
    service.wait_for_output("203.0.113.70", "\"type\":\"ban\"");
    service.wait("both streams", || (service.output().lines().count() > 1).then_some(()));
    for line in service.output().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}

#[test]
fn findings_of_ocsf_are_told_in_its_words() {
    let port = free_port();
    let configuration =
        format!("{}outputs:\n- output: file\n  path: told.jsonl\n  format: ocsf\n", pushed(port));
    let service = Service::start(&configuration, &[]);
    service.push(port, &failures("203.0.113.71", 12));
    service.wait("the findings", || (told(&service, "told.jsonl").len() > 1).then_some(()));
    for finding in told(&service, "told.jsonl") {
        assert_eq!(finding["class_uid"], 2004, "{finding}");
        assert_eq!(finding["category_uid"], 2, "{finding}");
        let activity = finding["activity_id"].as_u64().unwrap();
        assert_eq!(finding["type_uid"], 200_400 + activity, "{finding}");
        assert!(finding["metadata"]["version"].is_string(), "{finding}");
        assert!(finding["finding_info"]["uid"].is_string(), "{finding}");
        assert!(finding["time"].is_i64() && finding["severity_id"].is_u64(), "{finding}");
        assert!(finding.to_string().contains("203.0.113.71"), "{finding}");
    }
}
