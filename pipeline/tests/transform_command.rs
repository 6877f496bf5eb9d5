//! `--acquisition`: labels, transforms and zones of the files that it names.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Rules that take `TIME ADDRESS` of type t, and one scenario that holds two of an address.
fn rules() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        "rules/parsers/s00-raw/p.yaml",
        "name: t/p\nfilter: evt.Line.Labels.type == 't'\ngrok:\n  apply_on: Line.Raw\n  \
         pattern: '^%{NOTSPACE:time} %{IP:ip}$'\nstatics:\n  - meta: source_ip\n    \
         expression: evt.Parsed.ip\n  - method: ParseDate\n    expression: evt.Parsed.time\n  \
         - target: evt.MarshaledTime\n    expression: evt.Enriched.MarshaledTime\n",
    );
    write(
        root.path(),
        "rules/scenarios/s.yaml",
        "name: t/s\ndescription: d\ntype: leaky\ncapacity: 1\nleakspeed: 1h\nfilter: \"true\"\n\
         groupby: evt.Meta.source_ip\nlabels: {remediation: true}\n---\nname: t/each\n\
         description: d\ntype: trigger\nfilter: evt.Meta.source_ip == '192.0.2.9'\nlabels: {}\n",
    );
    root
}

const BATCHES: &str = "[\"2026-01-01T00:00:00Z 192.0.2.7\",\"2026-01-01T00:00:01Z 192.0.2.7\"]\n\
    2026-01-01T00:00:02Z 192.0.2.8\n\
    [\"2026-01-01T00:00:03Z 192.0.2.9\",\"2026-01-01T00:00:03Z 192.0.2.9\",7]\n";

const SPLIT: &str = "filename: /var/log/batches.log\nlabels: {type: t}\n\
    transform: fromJSON(evt.Line.Raw)\n";

fn run(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spillway"))
        .args(["replay", "-o", "json", "--rules", "rules"])
        .args(arguments)
        .current_dir(root)
        .output()
        .unwrap()
}

#[test]
fn derived_lines_are_lines_at_the_place_of_theirs() {
    let root = rules();
    write(root.path(), "batches.log", BATCHES);
    write(root.path(), "acquis.yaml", SPLIT);
    let replay = |more: &[&str]| {
        let arguments = ["--acquisition", "acquis.yaml", "--summary", "sum.json", "batches.log"];
        let output = run(root.path(), &[&arguments, more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let whole = replay(&[]);
    let alerts: Vec<Value> =
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<_> = alerts
        .iter()
        .map(|alert| {
            let at = alert["coordinates"].as_array().unwrap().iter().map(|at| &at["offset"]);
            let at: Vec<_> = at.map(ToString::to_string).collect();
            format!("{} {} {}", alert["scenario"], alert["source"]["value"], at.join(","))
        })
        .collect();
    let (first, third) = (0, BATCHES.match_indices('\n').nth(1).unwrap().0 + 1);
    assert_eq!(
        shown,
        [
            format!("\"t/s\" \"192.0.2.7\" {first}"),
            format!("\"t/each\" \"192.0.2.9\" {third}"),
            format!("\"t/each\" \"192.0.2.9\" {third}"),
            format!("\"t/s\" \"192.0.2.9\" {third}"),
        ]
    );
    assert_ne!(alerts[1]["uuid"], alerts[2]["uuid"]);
    for more in [["--workers", "3"], ["--batch", "1"], ["--batch", "40"]] {
        assert_eq!(replay(&more), whole, "{more:?}");
    }
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(root.path().join("sum.json")).unwrap()).unwrap();
    assert_eq!(summary["lines"], 6);
    let failures: Vec<_> = summary["failures"].as_array().unwrap().iter().collect();
    let of =
        |failure: &Value| format!("{} {} {}", failure["kind"], failure["part"], failure["count"]);
    assert_eq!(failures.iter().map(|f| of(f)).collect::<Vec<_>>(), ["\"input\" \"transform\" 2"]);
    assert!(failures[0]["offset"].as_u64() > Some(0));
}

#[test]
fn mistakes_in_a_transform_stop_the_start_at_their_place() {
    let root = rules();
    write(root.path(), "batches.log", BATCHES);
    let text = SPLIT.replace("evt.Line.Raw", "evt.Line.Rew");
    write(root.path(), "acquis.yaml", &text);
    let output = run(root.path(), &["--acquisition", "acquis.yaml", "batches.log"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(errors.contains("acquis.yaml:3:"), "{errors}");
    assert!(errors.contains("transform: fromJSON(evt.Line.Rew)"), "{errors}");
    assert!(errors.contains("did you mean `Raw`?"), "{errors}");
}

#[test]
fn a_directory_of_acquisition_files_is_read_in_order() {
    let root = rules();
    let line = "2026-01-01T00:00:03Z 192.0.2.9\n";
    write(root.path(), "web.log", line);
    write(root.path(), "auth.log", line);
    let one = |name: &str, kind: &str| format!("filename: /l/{name}\nlabels: {{type: {kind}}}\n");
    let several = format!("# nothing\n---\n{}---\n{}", one("web.log", "x"), one("auth.log", "t"));
    write(root.path(), "acquis.d/20-more.yaml", &several);
    write(root.path(), "acquis.d/10-first.yml", &one("web.log", "never"));
    write(root.path(), "acquis.d/notes.txt", "not: [yaml");
    write(root.path(), "acquis.d/deep/x.yaml", "not: [yaml");
    let arguments = ["--acquisition", "acquis.d", "--summary", "sum.json", "web.log", "auth.log"];
    let output = run(root.path(), &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(root.path().join("sum.json")).unwrap()).unwrap();
    let kinds: Vec<_> = summary["inputs"].as_array().unwrap().iter().map(|i| &i["type"]).collect();
    assert_eq!(kinds, ["x", "t"], "*.yaml before *.yml, as with CrowdSec");
}

#[test]
fn dates_without_a_zone_are_of_the_file_or_of_the_flag() {
    let root = rules();
    write(root.path(), "dated.log", "2026-01-01T00:00:00 192.0.2.9\n");
    let acquisition = "filename: dated.log\nlabels: {type: t}\n";
    write(root.path(), "acquis.yaml", acquisition);
    write(root.path(), "zoned.yaml", &format!("{acquisition}timezone: America/New_York\n"));
    write(root.path(), "wrong.yaml", &format!("{acquisition}timezone: CEST\n"));
    let start = |arguments: &[&str]| {
        let output = run(root.path(), &[arguments, &["dated.log"]].concat());
        let alert: Value = serde_json::from_slice(&output.stdout).unwrap();
        alert["start_at"].as_str().unwrap().to_owned()
    };
    let of = ["--acquisition", "acquis.yaml"];
    assert_eq!(start(&of), "2026-01-01T00:00:00Z");
    assert_eq!(start(&[&of[..], &["--timezone", "Asia/Tokyo"]].concat()), "2025-12-31T15:00:00Z");
    let own = ["--acquisition", "zoned.yaml", "--timezone", "Asia/Tokyo"];
    assert_eq!(start(&own), "2026-01-01T05:00:00Z");
    let wrong = run(root.path(), &["--acquisition", "wrong.yaml", "dated.log"]);
    let errors = String::from_utf8(wrong.stderr).unwrap();
    assert!(!wrong.status.success(), "{errors}");
    assert!(errors.contains("wrong.yaml:3:11") && errors.contains("\"CEST\""), "{errors}");
    let explained = Command::new(env!("CARGO_BIN_EXE_spillway"))
        .args(["explain", "-o", "json", "--rules", "rules", "--type", "t"])
        .args(["--timezone", "Asia/Tokyo", "dated.log"])
        .current_dir(root.path())
        .output()
        .unwrap();
    let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(explained["time"], "2025-12-31T15:00:00Z", "{explained}");
}
