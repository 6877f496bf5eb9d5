//! `spillway state` at work: what a service kept, listed, shown, checked, and carried elsewhere.

use std::fs;

use integration::ports::free_port;
use serde_json::Value;

use crate::process::{Service, failures, spillway};
use crate::pushed;

fn rows(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn buckets_are_listed_shown_and_carried_elsewhere() {
    let port = free_port();
    let mut service = Service::start(&pushed(port), &[]);
    service.push(port, &failures("203.0.113.80", 4));
    service.push(port, &failures("203.0.113.81", 2));
    service.terminate();
    let (done, list, errors) =
        service.command(&["state", "list", "--scenario", "ssh-bruteforce", "-o", "json"]);
    assert!(done, "{errors}");
    let rows = rows(&list);
    let of = |address: &str| {
        let mut row = rows.iter().filter(|row| row["scenario"] == "spillway/ssh-bruteforce");
        row.find(|row| row["key"] == address).unwrap_or_else(|| panic!("{list}")).clone()
    };
    assert_eq!((&of("203.0.113.80")["held"], &of("203.0.113.81")["held"]), (&4.into(), &2.into()));
    let (_, people, _) = service.command(&["state", "list", "--limit", "1"]);
    assert!(
        people.starts_with("SCENARIO") && people.ends_with(" live buckets, 1 shown\n"),
        "{people}"
    );

    let (done, shown, errors) = service.command(&["state", "show", "203.0.113.80"]);
    assert!(done, "{errors}");
    assert!(shown.contains("Meta.target_user: u1003"), "{shown}");
    assert!(shown.contains("Meta.datasource_path: 127.0.0.1"), "{shown}");
    let place = shown.lines().find(|line| line.contains(" at offset ")).unwrap();
    assert!(place.ends_with(" of loki"), "{place}");
    let (done, _, errors) = service.command(&["state", "show", "203.0.113.99"]);
    assert!(!done && errors.contains("state list"), "{errors}");

    let (done, verified, errors) = service.command(&["state", "verify"]);
    assert!(done && verified.contains("buckets"), "{verified}{errors}");
    let export = service.folder().join("export.jsonl");
    let (done, _, errors) = service.command(&["state", "export", export.to_str().unwrap()]);
    assert!(done, "{errors}");
    let (done, _, errors) = service.command(&["state", "import", export.to_str().unwrap()]);
    assert!(!done && errors.contains("not empty"), "{errors}");
    fs::remove_dir_all(service.data()).unwrap();
    let (done, imported, errors) = service.command(&["state", "import", export.to_str().unwrap()]);
    assert!(done && imported.contains("imported"), "{imported}{errors}");
    let (_, again, _) =
        service.command(&["state", "list", "--scenario", "ssh-bruteforce", "-o", "json"]);
    assert_eq!(again, list);
    // Buckets go on where they were.
    service.again(&[]);
    service.push(port, &failures("203.0.113.80", 2));
    service.wait_for_output("203.0.113.80", "ssh-bruteforce");
    assert!(!service.output().contains("203.0.113.81"), "{}", service.output());
}

#[test]
fn where_no_store_is_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let done = spillway().args(["state", "list", "--data"]).arg(folder.path()).output().unwrap();
    let errors = String::from_utf8(done.stderr).unwrap();
    assert!(!done.status.success() && errors.contains("holds no store"), "{errors}");
}
