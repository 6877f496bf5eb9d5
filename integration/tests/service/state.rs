//! `spillway state` at work: what a service kept, listed, shown, checked, and carried elsewhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What stands in the store and may be used by others than its owner, by these permissions.
fn open_to(data: &Path, permissions: u32) -> Vec<String> {
    let files = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.is_file()).collect();
    assert!(files.len() > 3, "{files:?}");
    let open = files.iter().filter(|path| mode(path) & permissions != 0);
    open.map(|path| format!("{} {:o}", path.display(), mode(path))).collect()
}

#[test]
fn the_store_and_what_is_exported_are_for_their_owner_alone() {
    let port = free_port();
    let more = "outputs:\n- output: file\n  path: found.jsonl\n";
    let mut service = Service::start(&format!("{}{more}", pushed(port)), &[]);
    service.push(port, &failures("203.0.113.83", 12));
    service.wait_for_decision("203.0.113.83");
    let found = service.folder().join("found.jsonl");
    service.wait("an output", || found.is_file().then_some(()));
    assert_eq!(mode(&service.data()), 0o700);
    assert_eq!(open_to(&service.data(), 0o077), [""; 0]);
    // What is made for others has the permissions that this test gives, too.
    let usual = service.folder().join("usual");
    fs::write(&usual, "").unwrap();
    assert_eq!(mode(&found), mode(&usual));
    service.terminate();
    let export = service.folder().join("export.jsonl");
    let (done, _, errors) = service.command(&["state", "export", export.to_str().unwrap()]);
    assert!(done, "{errors}");
    assert_eq!(mode(&export), 0o600);
    fs::remove_dir_all(service.data()).unwrap();
    let (done, _, errors) = service.command(&["state", "import", export.to_str().unwrap()]);
    assert!(done, "{errors}");
    assert_eq!((mode(&service.data()), open_to(&service.data(), 0o077)), (0o700, Vec::new()));
}

#[test]
fn a_directory_that_is_there_keeps_its_permissions() {
    for (given, shut_out, warned) in [(0o750, 0o007, false), (0o755, 0o077, true)] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(given)).unwrap();
        let service = Service::start_in(folder, &pushed(free_port()), &[], &[]);
        assert_eq!(mode(&data), given);
        assert_eq!(open_to(&data, shut_out), [""; 0]);
        let errors = service.errors();
        assert_eq!(errors.contains("chmod -R o= "), warned, "{errors}");
    }
}

#[test]
fn the_store_is_found_as_the_service_finds_it() {
    let port = free_port();
    let configuration = format!("data: kept\n{}", pushed(port));
    let mut service = Service::start(&configuration, &[]);
    service.terminate();
    // The service was told by its command line; the configuration names another directory.
    fs::rename(service.data(), service.folder().join("kept")).unwrap();
    let state = |arguments: &[&str]| {
        let done = spillway().arg("state").args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.success(), text(done.stdout) + &text(done.stderr))
    };
    let file = service.configuration();
    let (done, said) = state(&["list", "-c", file.to_str().unwrap()]);
    assert!(done && said.contains("live buckets"), "{said}");
    let (done, said) = state(&["-c", file.to_str().unwrap(), "verify"]);
    assert!(done && said.contains("buckets"), "{said}");
    let (done, said) = state(&["list", "-c", "missing.yaml"]);
    assert!(!done && said.contains("no configuration at missing.yaml"), "{said}");
    // What is said on the command line counts more.
    let elsewhere = service.folder().join("elsewhere");
    let elsewhere = elsewhere.to_str().unwrap();
    let (done, said) = state(&["list", "-c", file.to_str().unwrap(), "--data", elsewhere]);
    assert!(!done && said.contains("elsewhere"), "{said}");
}
