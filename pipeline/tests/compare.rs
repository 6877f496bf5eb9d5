//! `replay --compare`: two rule sets over one log, and what the second one would change.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PARSER: &str = "\
name: t/lines
filter: evt.Line.Labels.type == 'lines'
onsuccess: next_stage
grok:
  pattern: '^%{TIMESTAMP_ISO8601:when} %{WORD:what} %{IP:ip}'
  apply_on: Line.Raw
statics:
  - meta: source_ip
    expression: evt.Parsed.ip
  - meta: what
    expression: evt.Parsed.what
  - method: ParseDate
    expression: evt.Parsed.when
  - target: MarshaledTime
    expression: evt.Enriched.MarshaledTime
";

fn rules(at: &Path, scenarios: &[(&str, u32)]) -> PathBuf {
    let parsers = at.join("parsers/s01-parse/t");
    let own = at.join("scenarios/t");
    fs::create_dir_all(&parsers).unwrap();
    fs::create_dir_all(&own).unwrap();
    fs::write(parsers.join("lines.yaml"), PARSER).unwrap();
    for (name, capacity) in scenarios {
        let text = format!(
            "type: leaky\nname: t/{name}\ndescription: d\nfilter: evt.Meta.what == '{name}'\n\
             groupby: evt.Meta.source_ip\ncapacity: {capacity}\nleakspeed: 10s\n\
             labels:\n  remediation: true\n"
        );
        fs::write(own.join(format!("{name}.yaml")), text).unwrap();
    }
    at.to_owned()
}

fn log() -> String {
    let line =
        |second: u32, what: &str, ip: &str| format!("2026-03-02T06:00:{second:02}Z {what} {ip}\n");
    let logins = (0..4).map(|second| line(second, "login", "192.0.2.1"));
    let scans = (10..13).map(|second| line(second, "scan", "192.0.2.2"));
    let probes = (20..23).map(|second| line(second, "probe", "192.0.2.3"));
    let equals = (30..34).map(|second| line(second, "same", "192.0.2.4"));
    logins.chain(scans).chain(probes).chain(equals).collect()
}

fn compare(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let first = rules(&folder.path().join("a"), &[("login", 3), ("scan", 2), ("same", 3)]);
    let second = rules(&folder.path().join("b"), &[("login", 1), ("probe", 2), ("same", 3)]);
    fs::write(folder.path().join("log"), log()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    command.arg("replay").arg("--rules").arg(first).arg("--compare").arg(second);
    command.args(["--type", "lines", "--quiet"]).args(arguments);
    command.current_dir(folder.path()).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn another_rule_set_adds_removes_and_changes() {
    let shown = text(&compare(&["log"]));
    let expected = "\
~ t/login  Ip 192.0.2.1  2026-03-02T06:00:00Z 4 events, ban for 4h  →  2026-03-02T06:00:00Z 2 events, ban for 4h
+ t/login  Ip 192.0.2.1  2026-03-02T06:00:02Z 2 events, ban for 4h
+ t/probe  Ip 192.0.2.3  2026-03-02T06:00:20Z 3 events, ban for 4h
- t/scan  Ip 192.0.2.2  2026-03-02T06:00:10Z 3 events, ban for 4h

by scenario
       1 added        0 removed        1 changed  t/login
       1 added        0 removed        0 changed  t/probe
       0 added        1 removed        0 changed  t/scan
by source
       1 added        0 removed        1 changed  Ip 192.0.2.1
       0 added        1 removed        0 changed  Ip 192.0.2.2
       1 added        0 removed        0 changed  Ip 192.0.2.3
       2 added        1 removed        1 changed  in all
";
    assert_eq!(shown, expected);
}

#[test]
fn machines_read_the_same_changes() {
    let json = text(&compare(&["log", "-o", "json"]));
    let kinds: Vec<_> = json
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["change"].clone())
        .collect();
    assert_eq!(kinds, ["changed", "added", "added", "removed"]);
    assert_eq!(text(&compare(&["log", "-o", "raw"])).lines().count(), 5);
}

#[test]
fn standard_input_is_refused_as_it_is_read_twice() {
    let output = compare(&["-"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("give files"));
}
