//! `--at-end keep`: what is half full at the end of a replay, for people and for machines.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const RULES: &[(&str, &str)] = &[
    (
        "rules/parsers/s00-raw/line.yaml",
        "name: t/line\ngrok:\n  apply_on: Line.Raw\n  pattern: '^%{TIMESTAMP_ISO8601:at} %{IP:from}$'\n\
         statics:\n- {target: evt.StrTime, expression: evt.Parsed.at}\n\
         - {method: ParseDate, expression: evt.Parsed.at}\n\
         - {target: evt.MarshaledTime, expression: evt.Enriched.MarshaledTime}\n\
         - {meta: source_ip, expression: evt.Parsed.from}\n",
    ),
    (
        "rules/scenarios/knocks.yaml",
        "name: t/knocks\ntype: leaky\ndescription: d\nfilter: \"true\"\ngroupby: evt.Meta.source_ip\n\
         capacity: 3\nleakspeed: 10s\n",
    ),
];

/// Standard error and the summary of a replay of three lines; the last of one source is 5 s behind
/// its first.
fn replay(dir: &Path, arguments: &[&str]) -> (String, Value) {
    for (path, text) in RULES {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let lines = "2026-01-02T03:04:00Z 192.0.2.1\n2026-01-02T03:04:02.500Z 192.0.2.2\n\
                 2026-01-02T03:04:05Z 192.0.2.1\n";
    fs::write(dir.join("in.log"), lines).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_spillway"))
        .current_dir(dir)
        .args(["replay", "-q", "--type", "t", "--rules", "rules", "--summary", "summary.json"])
        .args(arguments)
        .arg("in.log")
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    let summary = fs::read_to_string(dir.join("summary.json")).unwrap();
    (errors, serde_json::from_str(&summary).unwrap())
}

#[test]
fn half_full_buckets_stand_in_the_summary() {
    let dir = tempfile::tempdir().unwrap();
    let (errors, summary) = replay(dir.path(), &["--at-end", "keep"]);
    assert_eq!(
        errors,
        "buckets at the end: 2\n  \
         t/knocks  192.0.2.1  1.5 of 3, 2 events since 2026-01-02T03:04:00Z\n  \
         t/knocks  192.0.2.2  0.8 of 3, 1 events since 2026-01-02T03:04:02Z\n"
    );
    let bucket = |key: &str, level: f64, events: u32, first: &str, last: &str| {
        json!({
            "scenario": "t/knocks", "key": key, "level": level, "capacity": 3,
            "events_count": events, "first": first, "last": last,
        })
    };
    assert_eq!(
        summary["buckets"],
        json!([
            bucket("192.0.2.1", 1.5, 2, "2026-01-02T03:04:00Z", "2026-01-02T03:04:05Z"),
            bucket("192.0.2.2", 0.75, 1, "2026-01-02T03:04:02.5Z", "2026-01-02T03:04:02.5Z"),
        ])
    );
}

#[test]
fn nobody_is_told_who_did_not_ask() {
    let dir = tempfile::tempdir().unwrap();
    let (errors, summary) = replay(dir.path(), &[]);
    assert_eq!(errors, "");
    assert!(summary.get("buckets").is_none(), "{summary}");
}
