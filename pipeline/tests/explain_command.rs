//! `spillway explain`, as people and programs run it, on rules of its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/explain")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    command.arg("explain").arg("--rules").arg(fixtures().join("rules"));
    command.args(["--now", "2026-03-02T00:00:00Z"]).args(arguments);
    if !arguments.contains(&"--type") {
        command.args(["--type", "app"]);
    }
    command.current_dir(fixtures());
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["-o", "json"], arguments].concat();
    text(&arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn golden(name: &str, got: &str) {
    let path = fixtures().join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, got).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(got, expected, "{name}: UPDATE_EXPECT=1 accepts what is there");
}

const FAILED: &str = "2026-03-01T10:00:00Z 203.0.113.7 login failed for anna";

#[test]
fn the_tree_of_a_file_is_as_expected() {
    golden("app.tree", &text(&["app.log"]));
}

#[test]
fn the_verbose_tree_shows_what_was_not_wanted() {
    golden("verbose.tree", &text(&["-v", "--log", FAILED]));
}

#[test]
fn rows_for_scripts_are_as_expected() {
    golden("app.csv", &text(&["-o", "raw", "app.log"]));
}

#[test]
fn a_grok_shows_where_it_stopped() {
    let line = "2026-03-01T10:00:07Z 203.0.113.8 login filed for anna";
    let story = &json(&["--log", line])[0];
    assert_eq!(story["parsed"], false);
    let grok = &story["stages"][1]["nodes"][0]["nodes"][0]["grok"];
    let offset = usize::try_from(grok["text_offset"].as_u64().unwrap()).unwrap();
    assert_eq!(line.get(..offset).unwrap(), "2026-03-01T10:00:07Z 203.0.113.8 login f");
    let pattern = grok["pattern"].as_str().unwrap();
    let offset = usize::try_from(grok["pattern_offset"].as_u64().unwrap()).unwrap();
    assert!(pattern.get(offset..).unwrap().starts_with("ailed for"), "{grok}");
}

#[test]
fn a_filter_shows_its_values() {
    let story = &json(&["--log", FAILED, "--type", "nothing"]).remove(0);
    let filter = &story["stages"][0]["nodes"][0]["filter"];
    assert_eq!(filter["values"][0]["name"], "evt.Line.Labels.type");
    assert_eq!(filter["values"][0]["value"], "nothing");
}

#[test]
fn the_part_of_a_filter_that_failed_is_named() {
    let story = &json(&["--log", FAILED]).remove(0);
    let other = &story["stages"][1]["nodes"];
    // `me/app` ends the stage, so that `me/other` is not asked.
    assert_eq!(other.as_array().unwrap().len(), 1);
    let line = "2026-03-01T10:00:00Z 203.0.113.7 opened /index.html";
    let story = &json(&["-v", "--log", line]).remove(0);
    let unwanted = story["unwanted"].as_array().unwrap();
    let secret = unwanted.iter().find(|entry| entry["scenario"] == "me/secret").unwrap();
    assert_eq!(secret["filter"]["failed"], "evt.Parsed.page in ['/.env', '/.git']");
    assert_eq!(secret["filter"]["values"][0]["value"], "/index.html");
}

/// What `--why-not` answers for the last line.
fn why_not(scenario: &str, arguments: &[&str]) -> (String, String) {
    let stories = json(&[&["--why-not", scenario], arguments].concat());
    let answer = &stories.last().unwrap()["why_not"];
    assert_eq!(answer["scenario"], scenario);
    let field = |name: &str| answer[name].as_str().unwrap().to_owned();
    (field("failed"), field("reason"))
}

#[test]
fn why_not_names_the_first_condition_that_failed() {
    let page = "2026-03-01T10:00:00Z 203.0.113.7 opened /x";
    let ours = "2026-03-01T10:00:00Z 192.168.3.4 login failed for anna";
    let cases = [
        ("me/guess", "nonsense", "parsed", "no node of s01-parse took it"),
        ("me/guess", ours, "whitelisted", "one of ours"),
        ("me/guess", page, "filter", "filter"),
        ("me/guess", FAILED, "capacity", "1 of 1"),
        ("me/again", FAILED, "overflow", "looks at overflows"),
    ];
    for (scenario, line, failed, reason) in cases {
        let got = why_not(scenario, &["--log", line]);
        assert_eq!(got.0, failed, "{scenario} {line}");
        assert!(got.1.contains(reason), "{scenario} {line}: {}", got.1);
    }
}

#[test]
fn why_not_follows_a_bucket_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let ask = |scenario: &str, users: &[&str], address: &str| {
        let path = dir.path().join("some.log");
        let lines = users.iter().enumerate().map(|(second, user)| {
            format!("2026-03-01T10:00:0{second}Z {address} login failed for {user}\n")
        });
        std::fs::write(&path, lines.collect::<String>()).unwrap();
        why_not(scenario, &[path.to_str().unwrap()])
    };
    assert_eq!(ask("me/guess", &["a", "a"], "203.0.113.7").0, "distinct");
    assert_eq!(ask("me/guess", &["a", "b"], "203.0.113.7").0, "none");
    assert_eq!(ask("me/guess", &["a", "b"], "203.0.113.99").0, "postoverflow");
    assert_eq!(ask("me/again", &["a", "b"], "203.0.113.7").0, "capacity");
    assert_eq!(ask("me/again", &["a", "b"], "203.0.113.99").0, "overflow");
}

#[test]
fn a_scenario_that_is_not_there_suggests_the_nearest() {
    let output = run(&["--why-not", "me/gues", "--log", "x"]);
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("did you mean `me/guess`?"), "{error}");
}

#[test]
fn only_failures_and_only_successes_are_shown_on_request() {
    let stories = json(&["--failures", "app.log"]);
    assert_eq!(stories.iter().map(|story| &story["line"]).collect::<Vec<_>>(), [8]);
    let stories = json(&["--only-successful-parsers", "app.log"]);
    assert_eq!(stories.len(), 8);
    let all = serde_json::to_string(&stories.iter().map(|s| &s["stages"]).collect::<Vec<_>>());
    let all = all.unwrap().replace("\"success\":true", "");
    // A stage may fail, a node that is shown may not.
    assert_eq!(all.matches("\"success\":false,\"nodes\":[]").count(), 1, "{all}");
    assert_eq!(all.matches("\"success\":false").count(), 1, "{all}");
}

#[test]
fn standard_input_is_read() {
    let mut command = command(&["-o", "json", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(FAILED.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let story: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(story["scenarios"][0]["bucket"]["capacity"], 1);
    assert_eq!(story["scenarios"][0]["bucket"]["poured"], 1);
}

#[test]
fn the_type_is_guessed_without_one() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    command.arg("explain").arg("--rules").arg(fixtures().join("rules"));
    let line = "Mar  1 10:00:00 host sshd[1]: Invalid user x from 203.0.113.7 port 2";
    let output = command.args(["--log", line]).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("type: syslog ("));
}

#[test]
fn control_characters_of_a_log_do_not_reach_the_terminal() {
    let line = "2026-03-01T10:00:00Z 203.0.113.7 opened /\u{1b}]0;x\u{7}\u{9b}2J\u{202e}";
    for form in ["human", "raw"] {
        let text = text(&["-v", "-o", form, "--why-not", "me/secret", "--log", line]);
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(bad), "{text:?}");
    }
}

/// The alerts of a replay of `app.log` under these rules besides the others.
fn replayed(more: &[&str]) -> Vec<Value> {
    let mut replay = Command::new(env!("CARGO_BIN_EXE_spillway"));
    replay.arg("replay").arg("--rules").arg(fixtures().join("rules")).args(more);
    replay.args(["--now", "2026-03-02T00:00:00Z", "--type", "app", "-o", "json", "-q"]);
    let output = replay.arg("app.log").current_dir(fixtures()).output().unwrap();
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// The alerts of overflows, at any depth.
fn alerts(overflows: &Value, depth: usize, all: &mut Vec<(usize, Value)>) {
    for overflow in overflows.as_array().into_iter().flatten() {
        let own = overflow["alerts"].as_array().unwrap();
        all.extend(own.iter().map(|alert| (depth, alert["alert"].clone())));
        alerts(&overflow["overflows"], depth + 1, all);
    }
}

#[test]
fn what_is_told_is_what_a_replay_does() {
    let mut told = Vec::new();
    for story in json(&["app.log"]) {
        alerts(&story["overflows"], 1, &mut told);
    }
    assert!(!told.is_empty());
    assert_eq!(told.into_iter().map(|(_, alert)| alert).collect::<Vec<_>>(), replayed(&[]));
}

#[test]
fn overflows_of_overflows_are_told_within_them() {
    let deep = ["--rules", "deep"];
    let mut told = Vec::new();
    for story in json(&[&deep[..], &["app.log"]].concat()) {
        alerts(&story["overflows"], 1, &mut told);
        alerts(&story["at_end"], 1, &mut told);
    }
    assert!(told.iter().any(|(depth, alert)| *depth == 3 && alert["scenario"] == "me/either"));
    assert!(told.iter().any(|(depth, alert)| *depth == 2 && alert["scenario"] == "me/last"));
    let sorted = |alerts: Vec<Value>| {
        let mut texts: Vec<_> = alerts.iter().map(Value::to_string).collect();
        texts.sort();
        texts
    };
    let told = told.into_iter().map(|(_, alert)| alert).collect();
    assert_eq!(sorted(told), sorted(replayed(&deep)));
}

#[test]
fn lines_come_from_one_place() {
    for arguments in [&["--log", "x", "app.log"][..], &[][..]] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let output = run(&["no-such-file.log"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no-such-file.log"));
}
