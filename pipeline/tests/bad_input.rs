//! Input that is broken, hostile or not there: a clear error or a counted reject, the rest is still
//! processed, and memory and time stay bounded.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Address space of a run. Unit: KiB.
const MEMORY: u32 = 1 << 20;

/// A run that takes longer is stuck: most take some milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/explain")
}

/// Eight lines that lead to one alert.
fn sound() -> Vec<u8> {
    fs::read(fixtures().join("app.log")).unwrap()
}

/// Runs the binary within [`MEMORY`] and [`PATIENCE`].
fn run(arguments: &[&str]) -> Output {
    let start = Instant::now();
    let mut command = Command::new("sh");
    let limited = format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\"");
    command.args(["-c", &limited, env!("CARGO_BIN_EXE_spillway")]).args(arguments);
    let output = command.output().unwrap();
    assert!(start.elapsed() < PATIENCE, "{arguments:?} took {:?}", start.elapsed());
    assert!(output.status.code().is_some_and(|code| code <= 2), "{arguments:?}: {output:?}");
    output
}

struct Replayed {
    code: i32,
    alerts: usize,
    summary: Value,
    errors: String,
}

fn replay_with(rules: &Path, inputs: &[&Path]) -> Replayed {
    let dir = tempfile::tempdir().unwrap();
    let summary = dir.path().join("summary.json");
    let mut arguments = vec!["replay", "--type", "app", "--workers", "2", "-o", "json"];
    arguments.extend(["--rules", rules.to_str().unwrap()]);
    arguments.extend(["--now", "2026-03-02T00:00:00Z", "--summary", summary.to_str().unwrap()]);
    arguments.extend(inputs.iter().map(|input| input.to_str().unwrap()));
    let output = run(&arguments);
    let summary = fs::read(&summary).ok();
    let summary = summary.map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap());
    Replayed {
        code: output.status.code().unwrap(),
        alerts: output.stdout.iter().filter(|byte| **byte == b'\n').count(),
        summary,
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

fn replay(inputs: &[&Path]) -> Replayed {
    replay_with(&fixtures().join("rules"), inputs)
}

/// A file of `bad` bytes and then [`sound`] lines.
fn before_sound(dir: &TempDir, bad: &[u8]) -> PathBuf {
    let path = dir.path().join("some.log");
    fs::write(&path, [bad, b"\n", &sound()].concat()).unwrap();
    path
}

/// Bytes that look random and are the same every time.
fn garbage(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes
}

#[test]
fn garbage_hides_no_line_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let replayed = replay(&[&before_sound(&dir, &garbage(2 << 20))]);
    assert_eq!((replayed.code, replayed.alerts), (0, 1), "{}", replayed.errors);
    assert!(replayed.summary["repaired"].as_u64().unwrap() > 1000, "{}", replayed.summary);
    let bad = |c: char| c.is_control() && c != '\n';
    assert!(!replayed.errors.contains(bad), "samples are harmless for a terminal");
}

#[test]
fn a_line_of_ten_megabytes_is_a_counted_reject() {
    let dir = tempfile::tempdir().unwrap();
    let replayed = replay(&[&before_sound(&dir, &vec![b'a'; 10 << 20])]);
    assert_eq!((replayed.code, replayed.alerts), (0, 1), "{}", replayed.errors);
    assert_eq!(replayed.summary["rejected"]["line too long"], 1, "{}", replayed.summary);
    assert_eq!(replayed.summary["lines"], 8);
}

#[test]
fn invalid_utf8_and_nuls_are_lines_as_others() {
    let dir = tempfile::tempdir().unwrap();
    let replayed = replay(&[&before_sound(&dir, b"\xff\xfe\xc3\x28\na\0b\n\0\0\0")]);
    assert_eq!((replayed.code, replayed.alerts), (0, 1), "{}", replayed.errors);
    assert_eq!(replayed.summary["lines"], 11);
    assert_eq!(replayed.summary["repaired"], 1);
}

#[test]
fn a_truncated_archive_gives_what_it_has_and_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, cut) = (dir.path().join("whole.log"), dir.path().join("cut.log.gz"));
    fs::write(&whole, sound()).unwrap();
    // Stored blocks: what is before the cut can be read.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    (0..100).for_each(|_| encoder.write_all(&sound()).unwrap());
    let archive = encoder.finish().unwrap();
    fs::write(&cut, &archive[..archive.len() / 2]).unwrap();
    let replayed = replay(&[&cut, &whole]);
    assert_eq!(replayed.code, 2);
    assert!(replayed.errors.contains("damaged or incomplete gzip archive"), "{}", replayed.errors);
    assert!(replayed.alerts > 10 && replayed.summary["lines"].as_u64().unwrap() > 300);
}

#[test]
fn an_empty_file_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.log");
    fs::write(&path, "").unwrap();
    let replayed = replay(&[&path]);
    assert_eq!((replayed.code, replayed.alerts), (0, 0), "{}", replayed.errors);
    let explained = run(&["explain", "--type", "app", path.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&explained.stderr).contains("no line to explain"));
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_does_not_hide_the_rest() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let (locked, whole) = (dir.path().join("locked"), dir.path().join("whole.log"));
    fs::create_dir(&locked).unwrap();
    fs::write(locked.join("x.log"), sound()).unwrap();
    fs::write(&whole, sound()).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let allowed = fs::read_dir(&locked).is_ok();
    let replayed = replay(&[&locked, &whole]);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
    if allowed {
        eprintln!("skipped: this user may read everything");
        return;
    }
    assert_eq!((replayed.code, replayed.alerts), (2, 1), "{}", replayed.errors);
    assert!(replayed.errors.contains("locked"), "{}", replayed.errors);
}

#[test]
fn a_file_that_is_not_there_does_not_hide_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let whole = before_sound(&dir, b"x");
    let missing = dir.path().join("missing.log");
    let replayed = replay(&[&missing, &whole]);
    assert_eq!((replayed.code, replayed.alerts), (2, 1), "{}", replayed.errors);
    assert!(replayed.errors.contains("missing.log does not exist"), "{}", replayed.errors);
    assert_eq!(replay(&[&missing]).code, 1);
    let [missing, whole] = [&missing, &whole].map(|path| path.to_str().unwrap());
    let quiet = run(&["replay", "-q", "-o", "json", "--type", "syslog", missing, whole]);
    let said = String::from_utf8(quiet.stderr).unwrap();
    assert!(said.contains("missing.log does not exist"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

fn with_filter(filter: &str) -> String {
    format!(
        "type: trigger\nname: me/bad\ndescription: bad\nfilter: \"{filter}\"\n\
         labels:\n  remediation: true\n"
    )
}

fn with_pattern(pattern: &str) -> String {
    format!("name: me/bad\nfilter: 'true'\ngrok:\n  pattern: '{pattern}'\n  apply_on: Line.Raw\n")
}

/// Every alias stands for nine of the one before.
fn yaml_bomb() -> String {
    let mut text = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
    for letter in b'b'..=b'n' {
        let (own, last) = (char::from(letter), char::from(letter - 1));
        let list = vec![format!("*{last}"); 9].join(",");
        text.push_str(&format!("{own}: &{own} [{list}]\n"));
    }
    text
}

/// A rule set that is sound but for one file.
fn rules_with(path: &str, text: &[u8]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixtures().join("rules"), dir.path());
    let path = dir.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    dir
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_broken_rule_file_stops_the_start_and_can_be_skipped() {
    let scenario = "scenarios/bad.yaml";
    let parser = "parsers/s01-parse/bad.yaml";
    let alternatives: Vec<_> = (0..20_000).map(|n| format!("w{n}[a-z]{{1,30}}")).collect();
    let chain = vec!["evt.Meta.a == 'x'"; 5000].join(" || ");
    let nested = format!("{}true{}", "(".repeat(5000), ")".repeat(5000));
    let cases: [(&str, &str, Vec<u8>, &str); 12] = [
        ("bomb", scenario, yaml_bomb().into(), "more than 200000 values"),
        ("brackets", scenario, format!("a: {}", "[".repeat(100_000)).into(), "recursion limit"),
        ("garbage", scenario, garbage(1 << 16), "not UTF-8"),
        ("nul", scenario, b"name: \"a\0b\"\n".to_vec(), "control character U+0000"),
        ("huge", scenario, vec![b'#'; 20 << 20], "too large for a rule file"),
        ("parentheses", scenario, with_filter(&nested).into(), "nested too deeply"),
        ("not", scenario, with_filter(&"!".repeat(5000)).into(), "nested too deeply"),
        ("chain", scenario, with_filter(&chain).into(), "maximum allowed nodes"),
        ("repeat", parser, with_pattern("(a{1000}){1000}").into(), "nested repeats exceed 1000"),
        ("count", parser, with_pattern("a{100000}").into(), "1000 is the most"),
        ("regex", parser, with_pattern(&alternatives.join("|")).into(), "needs more than 32 MiB"),
        ("name", parser, with_pattern("%{GREEDYDTA:x}").into(), "did you mean `GREEDYDATA`?"),
    ];
    let log = fixtures().join("app.log");
    for (name, path, text, error) in cases {
        let dir = rules_with(path, &text);
        let replayed = replay_with(dir.path(), &[&log]);
        assert_eq!((replayed.code, replayed.alerts), (1, 0), "{name}: {}", replayed.errors);
        assert!(replayed.errors.contains(error), "{name}: {}", replayed.errors);
        assert!(replayed.errors.contains("bad.yaml"), "{name}: {}", replayed.errors);
        assert!(replayed.errors.len() < 10_000, "{name}: errors are short");
        let rules = dir.path().to_str().unwrap();
        let arguments = ["replay", "--rules", rules, "--skip-broken", "-o", "json", "-q"];
        let output = run(&[&arguments[..], &["--type", "app", log.to_str().unwrap()]].concat());
        assert!(output.status.success(), "{name}");
        assert!(!output.stdout.is_empty(), "{name}: the other rules run");
    }
}

#[test]
fn an_expression_that_wants_too_much_is_false() {
    let log = fixtures().join("app.log");
    let numbers = "len(map(1..1000, map(1..1000, map(1..1000, #)))) > 0";
    for filter in ["len(1..1000000000) > 1", "repeat('a', 1000000000) != ''", numbers] {
        let dir = rules_with("scenarios/bad.yaml", with_filter(filter).as_bytes());
        let replayed = replay_with(dir.path(), &[&log]);
        assert_eq!((replayed.code, replayed.alerts), (0, 1), "{filter}: {}", replayed.errors);
    }
}

#[test]
fn a_missing_data_file_is_named() {
    let text = with_filter("evt.Meta.user in File('none.txt')")
        + "data:\n  - source_url: https://example.com/none.txt\n    dest_file: none.txt\n    type: string\n";
    let dir = rules_with("scenarios/bad.yaml", text.as_bytes());
    let replayed = replay_with(dir.path(), &[&fixtures().join("app.log")]);
    assert_eq!((replayed.code, replayed.alerts), (0, 1), "{}", replayed.errors);
    assert!(replayed.errors.contains("data file is missing"), "{}", replayed.errors);
    assert!(replayed.errors.contains("none.txt"), "{}", replayed.errors);
}

#[test]
fn rules_without_items_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    for rules in [dir.path(), &missing] {
        let replayed = replay_with(rules, &[&fixtures().join("app.log")]);
        assert_eq!(replayed.code, 1);
        let shown = rules.to_str().unwrap();
        assert!(replayed.errors.contains(shown), "{}", replayed.errors);
    }
}

#[test]
fn an_unknown_item_suggests_the_nearest() {
    let rules = fixtures().join("rules");
    let log = fixtures().join("app.log");
    let (rules, log) = (rules.to_str().unwrap(), log.to_str().unwrap());
    let output = run(&["replay", "--rules", rules, "--item", "me/gues", log]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("item `me/gues` is not here"), "{errors}");
    assert!(errors.contains("did you mean `me/guess`?"), "{errors}");
}

#[test]
fn a_mistake_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let (profiles, allowlist) = (dir.path().join("p.yaml"), dir.path().join("allow.txt"));
    let profile = "name: a\nfilters: ['true']\ndecisions: [{type: ban, duration: 4z}]\n";
    fs::write(&profiles, profile).unwrap();
    fs::write(&allowlist, "192.0.2.7\nno entry\n").unwrap();
    let [profiles, allowlist] = [&profiles, &allowlist].map(|path| path.to_str().unwrap());
    let output = run(&["check", "--profiles", profiles, "--allowlist", allowlist]);
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    for place in ["p.yaml:3:35", "allow.txt:2:1", "2 errors in 2 files"] {
        assert_eq!(errors.matches(place).count(), 1, "{place} in {errors}");
    }
}

#[test]
fn hostile_lines_can_be_explained() {
    let dir = tempfile::tempdir().unwrap();
    let bad = [&garbage(1 << 14)[..], b"\n\xff\0\n", &vec![b'x'; 2 << 20]].concat();
    let path = before_sound(&dir, &bad);
    let rules = fixtures().join("rules");
    let rules = ["--rules", rules.to_str().unwrap(), "--type", "app"];
    let output = run(&[&["explain", "-o", "json"], &rules[..], &[path.to_str().unwrap()]].concat());
    assert!(output.status.success());
    let last = output.stdout.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap();
    let last: Value = serde_json::from_slice(last).unwrap();
    assert!(last["text"].as_str().unwrap().ends_with("login filed for anna"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("line too long"));
}
