//! Spillway against the recorded answers of the reference engine (`recorded/*.json`): every overflow
//! that all its replays agreed on is there, and none that no replay of it ever had, but for what
//! `recorded/differences.tsv` lists with a reason, all of which are there. `reference/record.sh` renews
//! the records.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use benchmarks::generator::arguments::Arguments;
use benchmarks::generator::generate;
use clap::Parser;
use serde_json::Value;

/// How often each overflow came; the key is what is compared.
type Overflows = BTreeMap<Overflow, usize>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Overflow {
    scenario: String,
    scope: String,
    value: String,
    events: u64,
    start: String,
    stop: String,
}

struct Case {
    name: String,
    arguments: Vec<String>,
    checksum: u64,
    log_type: String,
    now: String,
    items: Vec<String>,
    agreed: Overflows,
    in_question: Overflows,
}

struct Differences {
    missing: Vec<Overflow>,
    surplus: Vec<Overflow>,
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cases() -> Vec<Case> {
    let mut files: Vec<PathBuf> = fs::read_dir(here().join("recorded"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no recorded case");
    files.iter().map(|path| case(path)).collect()
}

fn case(path: &Path) -> Case {
    let json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let words =
        |key: &str| -> Vec<String> { json[key].as_array().unwrap().iter().map(text).collect() };
    let overflows = |key: &str| {
        count(json[key].as_array().unwrap().iter().map(|overflow| Overflow {
            scenario: text(&overflow["scenario"]),
            scope: text(&overflow["source_scope"]),
            value: text(&overflow["source_value"]),
            events: overflow["events_count"].as_u64().unwrap(),
            start: text(&overflow["start_at"]),
            stop: text(&overflow["stop_at"]),
        }))
    };
    Case {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        arguments: words("generator"),
        checksum: json["log_cksum"].as_u64().unwrap(),
        log_type: text(&json["type"]),
        now: text(&json["now"]),
        items: words("items"),
        agreed: overflows("agreed"),
        in_question: overflows("in_question"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

fn count(overflows: impl Iterator<Item = Overflow>) -> Overflows {
    let mut counted = Overflows::new();
    for overflow in overflows {
        *counted.entry(overflow).or_default() += 1;
    }
    counted
}

fn log_of(case: &Case) -> Vec<u8> {
    let words = ["generate".to_owned()].into_iter().chain(case.arguments.iter().cloned());
    let mut log = Vec::new();
    generate(&Arguments::try_parse_from(words).unwrap().plan(), &mut log).unwrap();
    log
}

/// POSIX `cksum`, which `record.sh` wrote down.
fn cksum(bytes: &[u8]) -> u64 {
    let length: Vec<u8> =
        bytes.len().to_le_bytes().into_iter().rev().skip_while(|byte| *byte == 0).collect();
    let crc = bytes.iter().chain(length.iter().rev()).fold(0u32, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| {
            if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 }
        })
    });
    u64::from(!crc)
}

fn differences(case: &Case, ours: &Overflows) -> Differences {
    let times = |of: &Overflows, overflow| of.get(overflow).copied().unwrap_or_default();
    let missing = case.agreed.iter().filter(|(o, n)| times(ours, o) < **n);
    let surplus =
        ours.iter().filter(|(o, n)| **n > times(&case.agreed, o) + times(&case.in_question, o));
    Differences {
        missing: missing.map(|(o, _)| o.clone()).collect(),
        surplus: surplus.map(|(o, _)| o.clone()).collect(),
    }
}

/// The binary that the workspace's build put beside the tests, if it can replay.
fn binary() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok()?.parent()?.parent()?.join("spillway");
    let help = Command::new(&beside).args(["replay", "--help"]).output().ok()?;
    (help.status.success() && !help.stdout.is_empty()).then_some(beside)
}

fn replay(spillway: &Path, corpus: &Path, case: &Case) -> Overflows {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, log_of(case)).unwrap();
    let mut command = Command::new(spillway);
    command.arg("replay").arg("--rules").arg(corpus.join("hub"));
    command.arg("--patterns").arg(corpus.join("patterns"));
    command.arg("--data").arg(corpus.join("data"));
    for item in case.items.iter().filter(|item| *item != "all") {
        command.args(["--item", item]);
    }
    command.args(["--type", &case.log_type, "--now", &case.now, "-o", "json"]).arg(&log);
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {complaint}", case.name);
    let alerts = String::from_utf8(output.stdout).unwrap();
    count(alerts.lines().map(|line| {
        let alert: Value = serde_json::from_str(line).unwrap();
        Overflow {
            scenario: text(&alert["scenario"]),
            scope: text(&alert["source"]["scope"]),
            value: text(&alert["source"]["value"]),
            events: alert["events_count"].as_u64().unwrap(),
            start: text(&alert["start_at"]),
            stop: text(&alert["stop_at"]),
        }
    }))
}

#[test]
fn recorded_logs_are_still_generated() {
    for case in cases() {
        assert_eq!(cksum(&log_of(&case)), case.checksum, "{}: another log", case.name);
    }
}

#[test]
fn a_lost_and_an_invented_overflow_are_both_reported() {
    let case = cases().remove(0);
    let mut ours = case.agreed.clone();
    let (lost, _) = ours.pop_first().unwrap();
    let invented = Overflow { events: 99, ..lost.clone() };
    ours.insert(invented.clone(), 1);
    let found = differences(&case, &ours);
    assert_eq!((found.missing, found.surplus), (vec![lost], vec![invented]));
}

#[test]
fn crowdsec_replays_agree_with_ours() {
    let corpus = std::env::var_os("SPILLWAY_CONFORMANCE")
        .map_or_else(|| here().join("../../shared/conformance"), PathBuf::from);
    if !corpus.join("hub").is_dir() {
        eprintln!("skipped: no hub in {}", corpus.display());
        return;
    }
    let Some(spillway) = binary() else {
        eprintln!("skipped: the spillway binary is not built or cannot replay");
        return;
    };
    let listed = fs::read_to_string(here().join("recorded/differences.tsv")).unwrap();
    let mut unseen: BTreeSet<&str> = listed.lines().filter(|row| !row.starts_with('#')).collect();
    let mut complaints = Vec::new();
    for case in cases() {
        let found = differences(&case, &replay(&spillway, &corpus, &case));
        let kinds = [("missing", found.missing), ("surplus", found.surplus)];
        for (kind, overflow) in kinds.iter().flat_map(|(k, all)| all.iter().map(move |o| (k, o))) {
            let row = format!("{}\t{}\t{}\t", case.name, overflow.scenario, overflow.value);
            if !listed.lines().any(|line| line.starts_with(&row)) {
                complaints.push(format!("{}: {kind} {overflow:?}", case.name));
            }
            unseen.retain(|line| !line.starts_with(&row));
        }
    }
    complaints
        .extend(unseen.iter().map(|row| format!("listed, but there is no such difference: {row}")));
    assert!(complaints.is_empty(), "{} differences:\n{}", complaints.len(), complaints.join("\n"));
}
