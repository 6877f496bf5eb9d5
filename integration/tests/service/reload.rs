//! Rules that change while the service runs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use integration::ports::free_port;

use crate::process::{Service, failures};
use crate::pushed;

/// A service with rules of its own in a directory.
fn with_rules(port: u16, more: &str) -> Service {
    let folder = tempfile::tempdir().unwrap();
    let content = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipeline/content");
    copy(&content, &folder.path().join("rules"));
    let configuration = format!("{}rules: {{directories: [rules]}}\n{more}", pushed(port));
    Service::start_in(folder, &configuration, &[], &[])
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A scenario that bans whoever fails once.
const STRICT: &str = "type: trigger\nname: test/strict\ndescription: once is enough\n\
    filter: \"evt.Meta.log_type startsWith 'ssh_failed-auth'\"\n\
    groupby: evt.Meta.source_ip\nlabels: {remediation: true}\n";

#[test]
fn other_rules_are_taken_up_and_buckets_go_on() {
    let port = free_port();
    let service = with_rules(port, "");
    // The scenario for this holds five.
    service.push(port, &failures("203.0.113.9", 4));
    fs::write(service.folder().join("rules/scenarios/spillway/strict.yaml"), STRICT).unwrap();
    let (done, output, errors) = service.command(&["reload"]);
    assert!(done, "{errors}");
    assert!(output.contains("scenarios run"), "{output}");
    service.push(port, &failures("203.0.113.10", 1));
    service.wait_for_output("203.0.113.10", "test/strict");
    service.push(port, &failures("203.0.113.9", 4));
    service.wait_for_output("203.0.113.9", "ssh-bruteforce");
}

#[test]
fn buckets_of_scenarios_that_change_are_dropped_and_counted() {
    let port = free_port();
    let service = with_rules(port, "");
    let counted = |count: u64| {
        let line = format!("\nspillway_dropped_buckets_total {count}\n");
        service.page("/metrics").body.contains(&line).then_some(())
    };
    let of_ssh = service.folder().join("rules/scenarios/spillway/ssh-bruteforce.yaml");
    let content = fs::read_to_string(&of_ssh).unwrap();
    let buckets = content.matches("\nname: ").count() as u64;
    service.push(port, &failures("203.0.113.20", 4));
    assert!(counted(0).is_some() && !service.errors().contains("are dropped"));
    let other = content.replace("leakspeed: ", "leakspeed: 1");
    assert_ne!(content, other);
    fs::write(&of_ssh, other).unwrap();
    let (done, _, errors) = service.command(&["reload"]);
    assert!(done, "{errors}");
    service.wait("dropped buckets", || counted(buckets));
    service.wait("what was dropped", || service.errors().contains("are dropped").then_some(()));
    // What was dropped counts for nothing; what comes counts.
    service.push(port, &failures("203.0.113.20", 4));
    service.push(port, &failures("203.0.113.21", 12));
    service.wait_for_output("203.0.113.21", "ssh-bruteforce");
    assert!(!service.output().contains("203.0.113.20"), "{}", service.output());
    // It is told once, also after the service has looked at its counts again.
    std::thread::sleep(Duration::from_secs(2));
    let errors = service.errors();
    let told: Vec<_> = errors.lines().filter(|line| line.contains("are dropped")).collect();
    let names = "are dropped: spillway/ssh-bruteforce (1), spillway/ssh-bruteforce-success (1), \
                 spillway/ssh-slow-bruteforce (1)";
    assert!(told.len() == 1 && told[0].contains(names), "{told:?}");
}

#[test]
fn what_people_read_alone_keeps_buckets_and_each_scenario_stands_for_itself() {
    let port = free_port();
    let service = with_rules(port, "");
    let dropped = || {
        let page = service.page("/metrics").body;
        let mut lines = page.lines();
        lines
            .find_map(|line| line.strip_prefix("spillway_dropped_buckets_total "))
            .map(str::to_owned)
    };
    let of_ssh = service.folder().join("rules/scenarios/spillway/ssh-bruteforce.yaml");
    let content = fs::read_to_string(&of_ssh).unwrap();
    service.push(port, &failures("203.0.113.23", 4));
    let said = format!("# on top\n{content}# hello\n")
        .replace("in a short time", "soon")
        .replace("confidence: 3", "confidence: 2");
    fs::write(&of_ssh, &said).unwrap();
    let (done, _, errors) = service.command(&["reload"]);
    assert!(done, "{errors}");
    // Another document of the same file.
    fs::write(&of_ssh, said.replace("capacity: 12\n", "capacity: 13\n")).unwrap();
    let (done, _, errors) = service.command(&["reload"]);
    assert!(done, "{errors}");
    service.wait("the other scenario's bucket", || (dropped()? == "1").then_some(()));
    service.push(port, &failures("203.0.113.23", 2));
    service.wait_for_output("203.0.113.23", "ssh-bruteforce");
    assert_eq!(dropped().as_deref(), Some("1"));
    let told = "are dropped: spillway/ssh-slow-bruteforce (1)";
    assert!(service.errors().contains(told), "{}", service.errors());
}

#[test]
fn a_restart_with_other_rules_keeps_what_did_not_change() {
    let port = free_port();
    let mut service = with_rules(port, "");
    let rules = service.folder().join("rules/scenarios/spillway");
    service.push(port, &failures("203.0.113.22", 4));
    service.terminate();
    fs::write(rules.join("strict.yaml"), STRICT.replace("test/strict", "test/new")).unwrap();
    let of_users = rules.join("ssh-user-enumeration.yaml");
    let content = fs::read_to_string(&of_users).unwrap();
    fs::write(&of_users, content.replace("leakspeed: ", "leakspeed: 1")).unwrap();
    service.again(&[]);
    service.push(port, &failures("203.0.113.22", 2));
    service.wait_for_output("203.0.113.22", "ssh-bruteforce");
    service.wait_for_output("203.0.113.22", "test/new");
    service.wait("a dropped bucket", || {
        let page = service.page("/metrics").body;
        let line = page.lines().find(|line| line.starts_with("spillway_dropped_buckets_total "));
        line.is_some_and(|line| !line.ends_with(" 0")).then_some(())
    });
}

#[test]
fn what_a_restart_takes_up_is_said() {
    let port = free_port();
    let service = with_rules(port, "hold: 100ms\n");
    let configuration = fs::read_to_string(service.configuration()).unwrap();
    let commented = format!("# moved\n\n{configuration}");
    fs::write(service.configuration(), &commented).unwrap();
    let (done, _, errors) = service.command(&["reload"]);
    assert!(done && errors.is_empty(), "{errors}");
    let other = commented.replace("hold: 100ms", "hold: 200ms").replace("type: syslog", "type: x");
    fs::write(service.configuration(), other).unwrap();
    let (done, _, errors) = service.command(&["reload"]);
    assert!(done);
    assert!(errors.contains("by a restart: sources, hold"), "{errors}");
    assert!(service.errors().contains("what a restart takes up"), "{}", service.errors());
}

#[test]
fn broken_rules_are_refused_and_the_old_ones_go_on() {
    let port = free_port();
    let service = with_rules(port, "");
    let file = service.folder().join("rules/scenarios/spillway/strict.yaml");
    fs::write(&file, STRICT.replace("filter", "fliter")).unwrap();
    let (done, _, errors) = service.command(&["reload"]);
    assert!(!done);
    assert!(errors.contains("unknown key `fliter`"), "{errors}");
    assert!(errors.contains("strict.yaml:4:1"), "{errors}");
    let (_, status, _) = service.command(&["status"]);
    assert!(status.contains("newer rules were refused"), "{status}");
    service.push(port, &failures("203.0.113.11", 12));
    service.wait_for_output("203.0.113.11", "ssh-bruteforce");
    assert!(!service.output().contains("test/strict"), "{}", service.output());
    fs::write(&file, STRICT).unwrap();
    service.signal("HUP");
    service.wait("other rules", || {
        service.errors().contains("other rules run from now on").then_some(())
    });
    service.push(port, &failures("203.0.113.12", 1));
    service.wait_for_output("203.0.113.12", "test/strict");
}

#[test]
fn rules_that_are_watched_are_taken_up_when_they_change() {
    let port = free_port();
    let service = with_rules(port, "watch: true\n");
    fs::write(service.folder().join("rules/scenarios/spillway/strict.yaml"), STRICT).unwrap();
    service.wait("other rules", || {
        service.errors().contains("other rules run from now on").then_some(())
    });
    service.push(port, &failures("203.0.113.13", 1));
    service.wait_for_output("203.0.113.13", "test/strict");
}
