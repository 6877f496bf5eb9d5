//! The starter rules load without an error, each on its own and all together.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pipeline::compile::{Options, compile};
use pipeline::content::CONTENT;
use pipeline::hub::data::Place;
use pipeline::hub::{RuleSet, RuleSource, Selection, load};
use pipeline::report::Report;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("content")
}

fn files(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let relative = path.strip_prefix(folder()).unwrap();
            found.insert(relative.to_str().unwrap().replace('\\', "/"));
        }
    }
}

#[track_caller]
fn assert_sound(rules: &RuleSet) {
    let compiled = compile(rules, Options::default());
    let errors: Vec<_> = rules.errors.iter().chain(&compiled.errors).cloned().collect();
    let warnings: Vec<_> = rules.warnings.iter().chain(&compiled.warnings).cloned().collect();
    let report = Report::new(false).all(&errors, &warnings);
    assert!(errors.is_empty() && warnings.is_empty(), "{report}");
}

#[test]
fn every_file_is_in_the_binary() {
    let mut there = BTreeSet::new();
    for kind in ["collections", "contexts", "data", "parsers", "postoverflows", "scenarios"] {
        files(&folder().join(kind), &mut there);
    }
    let listed: BTreeSet<_> = CONTENT.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(listed, there, "list them in pipeline/src/content.rs");
    assert_eq!(listed.len(), CONTENT.len(), "a file is listed twice");
}

#[test]
fn the_starter_rules_load_without_a_word() {
    let rules = load(&[RuleSource::Embedded(CONTENT)], &Selection::All);
    assert_sound(&rules);
    assert!(rules.parsers.len() > 10 && rules.scenarios.len() > 10);
    let missing = rules.data_files().into_iter().filter(|f| matches!(f.place, Place::Missing));
    assert_eq!(missing.map(|file| file.name).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn every_collection_is_complete() {
    let collections = CONTENT.iter().filter_map(|(path, _)| path.strip_prefix("collections/"));
    let mut count = 0;
    for name in collections.filter_map(|path| path.strip_suffix(".yaml")) {
        let selection = Selection::Named(vec![name.to_owned()]);
        let rules = load(&[RuleSource::Embedded(CONTENT)], &selection);
        assert_sound(&rules);
        assert!(!rules.parsers.is_empty(), "{name}");
        count += 1;
    }
    assert!(count > 2);
}

#[test]
fn the_optional_rules_load() {
    let optional = RuleSource::Directory(folder().join("optional"));
    assert_sound(&load(&[optional, RuleSource::Embedded(CONTENT)], &Selection::All));
}

fn spillway(arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    let output = command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn every_case_passes() {
    let cases = fs::read_dir(folder().join(".tests")).unwrap().count();
    let (passed, out, err) = spillway(&["hubtest", "run", "--all", "--hub", "content"]);
    assert!(passed && out.contains(&format!("{cases} passed")), "{out}{err}");
}

#[test]
fn every_scenario_has_a_case_that_raises_it() {
    let mut raised = String::new();
    for case in fs::read_dir(folder().join(".tests")).unwrap() {
        let path = case.unwrap().path().join("scenario.assert");
        raised.push_str(&fs::read_to_string(path).unwrap_or_default());
    }
    let rules = load(&[RuleSource::Embedded(CONTENT)], &Selection::All);
    let names = rules.scenarios.iter().map(|scenario| &scenario.spec.name.value);
    let silent: Vec<_> =
        names.filter(|name| !raised.contains(&format!("GetScenario() == \"{name}\""))).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn the_sample_logs_raise_what_is_hidden_in_them() {
    let (done, out, err) = spillway(&["replay", "sample/auth.log", "sample/access.log"]);
    assert!(done, "{err}");
    for hidden in [
        "203.0.113.66  spillway/ssh-bruteforce ",
        "192.0.2.199  spillway/ssh-slow-bruteforce ",
        "192.0.2.45  spillway/ssh-bruteforce-success ",
        "203.0.113.140  spillway/ssh-user-enumeration ",
        "203.0.113.7  spillway/ssh-scan ",
        "203.0.113.30  spillway/http-probing ",
        "203.0.113.31  spillway/http-sensitive-files ",
        "203.0.113.32  spillway/http-path-traversal ",
        "203.0.113.33  spillway/http-bad-user-agent ",
        "203.0.113.35  spillway/http-form-bruteforce ",
        "203.0.113.36  spillway/http-crawl ",
    ] {
        assert!(out.contains(hidden), "{hidden}\n{out}");
    }
    // Only ordinary visitors are of these networks.
    for ordinary in ["198.51.100.", "2001:db8:"] {
        assert!(!out.contains(ordinary), "{ordinary}\n{out}");
    }
}

/// Scenarios and sources of the alerts that the starter rules make of a log.
fn alerts(kind: &str, lines: &[String]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    fs::write(&log, lines.concat()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_spillway"))
        .args(["replay", "-q", "-o", "raw", "--type", kind])
        .arg(&log)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_journal_message_of_bytes_is_read_like_text() {
    let message =
        |n: u64| format!("Failed password for invalid user u{n} from 192.0.2.7 port 50022 ssh2");
    let entry = |n: u64, message: &str| {
        format!(
            "{{\"__REALTIME_TIMESTAMP\":\"{}\",\"_HOSTNAME\":\"gate\",\"MESSAGE\":{message},\
             \"_PID\":\"4711\",\"SYSLOG_IDENTIFIER\":\"sshd\"}}\n",
            1_773_480_413_589_793 + n * 1_000_000
        )
    };
    let texts: Vec<_> = (0..12).map(|n| entry(n, &format!("{:?}", message(n)))).collect();
    let bytes: Vec<_> =
        (0..12).map(|n| entry(n, &format!("{:?}", message(n).as_bytes()))).collect();
    let found = alerts("journald", &texts);
    assert!(found.iter().any(|line| line.contains("192.0.2.7")), "{found:?}");
    assert_eq!(alerts("journald", &bytes), found);
}

#[test]
fn a_header_that_haproxy_captured_may_be_a_user_agent() {
    let line = |n: u32, headers: &str| {
        format!(
            "Mar 14 09:26:{n:02} gate haproxy[7]: 192.0.2.7:4022 [14/Mar/2026:09:26:{n:02}.589] \
             www~ app/s1 0/0/1/12/13 200 512 - - ---- 3/3/0/0/0 0/0 {headers} \"GET /a{n} \
             HTTP/1.1\"\n"
        )
    };
    for (headers, bad) in [
        ("{Nikto} {}", true),
        ("{www.example.org|Mozilla/5.00 (Nikto/2.1.6)}", true),
        ("{nikto.example.org} {nginx}", false),
        ("{https://nikto/}", false),
    ] {
        let lines: Vec<_> = (0..12).map(|n| line(n, headers)).collect();
        let found = alerts("syslog", &lines);
        let there = found.iter().any(|line| line.contains("http-bad-user-agent"));
        assert_eq!(there, bad, "{headers}: {found:?}");
    }
}

#[test]
fn a_failed_login_at_a_terminal_needs_no_reason() {
    let lines: Vec<_> = (0..12)
        .map(|n| {
            format!(
                "Mar 14 09:26:{n:02} gate login[12]: FAILED LOGIN (1) on '/dev/tty1' FOR 'root'\n"
            )
        })
        .collect();
    let found = alerts("syslog", &lines);
    assert!(found.iter().any(|line| line.contains("Username,root@gate")), "{found:?}");
}
