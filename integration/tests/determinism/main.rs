//! The order of law 1, as properties. `differential_*`: the dataflow says what its slow twin says,
//! byte for byte; a lost or doubled pour, a wrong order of pours, a filter that an index hides, a
//! field that buckets forget, a bucket that a sweep takes too early. `sharding_*`: the number of
//! workers changes nothing; state that belongs to a worker, a missing exchange. `batching_*`: how
//! much is read at once changes nothing; output before its time, order within an epoch alone.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod run;
mod storm;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use benchmarks::generator::arguments::Arguments;
use benchmarks::generator::generate;
use clap::Parser;
use run::{Case, Way};

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/storm")
}

/// `lines` lines in each of some files, in a storm.
fn storm(seed: u64, files: u64, lines: u64) -> Case {
    let files = storm::files(seed, files, lines).into_iter().map(String::into_bytes);
    Case::new(&[&rules()], "storm", files.collect())
}

/// The same, under rules whose overflows are matched again at any depth.
fn deep_storm(seed: u64, files: u64, lines: u64) -> Case {
    let files = storm::files(seed, files, lines).into_iter().map(String::into_bytes);
    let deep = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/deep");
    Case::new(&[&rules(), &deep], "storm", files.collect())
}

/// Says where two outputs part.
#[track_caller]
fn assert_same(ours: &[String], wanted: &[String], what: &str) {
    for (at, (ours, wanted)) in ours.iter().zip(wanted).enumerate() {
        assert_eq!(ours, wanted, "{what}: alert {at}");
    }
    assert_eq!(ours.len(), wanted.len(), "{what}: number of alerts");
}

const WAYS: [Way; 5] = [
    Way { workers: 1, chunk: 1 << 16, first_chunk: 1 << 14 },
    Way { workers: 2, chunk: 700, first_chunk: 100 },
    Way { workers: 3, chunk: 4096, first_chunk: 64 },
    Way { workers: 7, chunk: 300, first_chunk: 300 },
    Way { workers: 1, chunk: 1, first_chunk: 1 },
];

#[test]
fn differential_storms_are_what_the_twin_says() {
    for seed in 0..8 {
        let case = storm(seed, 1 + seed % 5, 400);
        let wanted = case.reference();
        assert!(wanted.len() > 20, "seed {seed}: {} alerts", wanted.len());
        for way in [WAYS[0], WAYS[1]] {
            assert_same(&case.replay(way), &wanted, &format!("seed {seed} {way:?}"));
        }
    }
}

#[test]
fn differential_transformed_lines_are_what_the_twin_says() {
    // Some lines come twice, some thrice, some not at all.
    let some = "len(evt.Line.Raw) % 5";
    let expression = format!(
        "{some} == 0 ? [evt.Line.Raw, evt.Line.Raw, 7] : {some} == 1 ? [] : \
         {some} == 2 ? [evt.Line.Raw, evt.Line.Raw] : evt.Line.Raw"
    );
    for seed in 400..402 {
        let case = storm(seed, 3, 400).transformed(&expression);
        let wanted = case.reference();
        assert!(wanted.len() > 20, "seed {seed}: {} alerts", wanted.len());
        for way in WAYS {
            assert_same(&case.replay(way), &wanted, &format!("seed {seed} {way:?}"));
        }
    }
}

#[test]
fn every_rule_of_the_storm_is_hit() {
    let alerts = storm(1, 4, 1500).reference();
    let names: BTreeSet<_> = alerts.iter().map(|alert| field(alert, "scenario")).collect();
    let all = [
        "again",
        "again-counter",
        "again-each",
        "bayesian",
        "bf",
        "conditional",
        "counter",
        "deadline",
        "either",
        "given-up",
        "mail",
        "marked",
        "marked-again",
        "marked-too",
        "no-overflow",
        "paths",
        "shared",
        "sifted",
        "slow",
        "users",
    ];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), all.map(|name| format!("t/{name}")));
    for sign in ["\"type\":\"captcha\"", "\"type\":\"ban\"", "\"duration\":\"35m\"", "+0200"] {
        assert!(alerts.iter().any(|alert| alert.contains(sign)), "{sign}");
    }
}

#[test]
fn differential_overflows_of_overflows_are_what_the_twin_says() {
    let mut names = BTreeSet::new();
    for seed in 500..503 {
        let case = deep_storm(seed, 1 + seed % 4, 250);
        let wanted = case.reference();
        names.extend(wanted.iter().map(|alert| field(alert, "scenario")));
        for way in WAYS {
            assert_same(&case.replay(way), &wanted, &format!("seed {seed} {way:?}"));
        }
    }
    for name in ["second", "third", "fourth", "second-counter", "both", "endless"] {
        assert!(names.contains(&format!("t/{name}")), "{name}");
    }
}

#[test]
fn a_decision_at_any_depth_has_its_own_id() {
    let alerts = deep_storm(510, 2, 250).reference();
    let ids = alerts.iter().map(|alert| {
        let alert: serde_json::Value = serde_json::from_str(alert).unwrap();
        alert["uuid"].as_str().unwrap().to_owned()
    });
    assert_eq!(ids.collect::<BTreeSet<_>>().len(), alerts.len());
}

fn field(alert: &str, name: &str) -> String {
    let alert: serde_json::Value = serde_json::from_str(alert).unwrap();
    alert[name].as_str().unwrap().to_owned()
}

#[test]
fn sharding_changes_nothing() {
    for seed in 100..102 {
        let case = storm(seed, 3, 700);
        let alone = case.replay(Way::default());
        for workers in [1, 2, 3, 7] {
            let way = Way { workers, ..Way::default() };
            assert_same(&case.replay(way), &alone, &format!("seed {seed} {way:?}"));
        }
    }
}

#[test]
fn batching_changes_nothing() {
    for seed in 200..202 {
        let case = storm(seed, 4, 400);
        let whole = case.replay(Way { workers: 1, chunk: 1 << 20, first_chunk: 1 << 20 });
        for way in WAYS {
            assert_same(&case.replay(way), &whole, &format!("seed {seed} {way:?}"));
        }
    }
}

#[test]
fn runs_repeat_themselves() {
    let case = storm(300, 4, 400);
    let way = Way { workers: 3, ..Way::default() };
    let first = case.replay(way);
    for _ in 0..3 {
        assert_same(&case.replay(way), &first, "again");
    }
}

#[test]
fn differential_hub_is_what_the_twin_says() {
    let corpus = std::env::var_os("SPILLWAY_CONFORMANCE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"),
        PathBuf::from,
    );
    if !corpus.join("hub").is_dir() {
        eprintln!("skipped: no hub in {}", corpus.display());
        return;
    }
    let logs = ["mixed --seed 3 --late 30 --doubled 20 --damaged 20", "ssh --seed 4 --late 80"];
    let logs = logs.map(|words| {
        let words = format!("generate {words} --lines 400");
        let mut log = Vec::new();
        generate(&Arguments::parse_from(words.split(' ')).plan(), &mut log).unwrap();
        log
    });
    let case = Case::new(&[&corpus.join("hub")], "syslog", logs.into());
    let wanted = case.reference();
    assert!(wanted.len() > 20, "{} alerts", wanted.len());
    for way in [WAYS[0], WAYS[3]] {
        assert_same(&case.replay(way), &wanted, &format!("{way:?}"));
    }
}
