//! Live runs from inside: the whole engine over a source of known lines and a real store.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

mod source;
mod stored;
#[path = "../determinism/storm.rs"]
mod storm;
mod world;

use world::{Under, Way, check_same, logs, outbox, replayed, run, told, unparsed, without_places};

#[test]
fn a_live_run_finds_what_a_replay_finds() {
    let logs = logs(3, 2000);
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &logs, Way::default(), None);
    let (live, replay) = (outbox(folder.path(), &logs), replayed(&logs, Under::Embedded));
    assert!(replay.len() > 50, "{}", replay.len());
    check_same(&without_places(&live), &without_places(&replay));
}

#[test]
fn workers_and_deliveries_change_nothing() {
    let logs = logs(3, 2000);
    let whole = |way| {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &logs, way, None);
        outbox(folder.path(), &logs)
    };
    let one = whole(Way::default());
    for (workers, chunk) in [(2, 7), (3, 1000)] {
        check_same(&whole(Way { workers, chunk, ..Way::default() }), &one);
    }
}

#[test]
fn a_rate_holds_lines_back_and_changes_nothing() {
    let logs = logs(3, 1000);
    let timed = |rate| {
        let (folder, begun) = (tempfile::tempdir().unwrap(), Instant::now());
        run(folder.path(), &logs, Way { rate, ..Way::default() }, None);
        (outbox(folder.path(), &logs), begun.elapsed())
    };
    let (all, _) = timed(None);
    let (limited, took) = timed(Some(1500));
    check_same(&limited, &all);
    // The last block is paid off by nobody.
    assert!(took > Duration::from_millis(1800), "{took:?}");
}

#[test]
fn a_run_that_begins_again_goes_on() {
    let logs = logs(3, 2000);
    let results = |folder: &Path| (outbox(folder, &logs), told(folder));
    let whole = {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &logs, Way::default(), None);
        results(folder.path())
    };
    let folder = tempfile::tempdir().unwrap();
    for stop in [1, 2, 3, 5, 8, 2, 1] {
        let workers = 1 + usize::try_from(stop % 3).unwrap();
        run(folder.path(), &logs, Way { workers, ..Way::default() }, Some(stop));
    }
    run(folder.path(), &logs, Way::default(), None);
    let (alerts, told) = results(folder.path());
    check_same(&alerts, &whole.0);
    check_same(&told, &whole.1);
    assert!(told.len() > alerts.len(), "decisions are told, too");
}

#[test]
fn overflows_of_overflows_go_on_where_they_were() {
    let logs = world::storm(21, 3, 250);
    let deep = Way { under: Under::Deep, memory: 1 << 18, ..Way::default() };
    // So many that those that were told are no longer in the outbox.
    let whole = {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &logs, Way { under: Under::Deep, ..Way::default() }, None);
        told(folder.path())
    };
    let folder = tempfile::tempdir().unwrap();
    for stop in [1, 2, 3, 5, 2, 1] {
        let workers = 1 + usize::try_from(stop % 3).unwrap();
        run(folder.path(), &logs, Way { workers, ..deep }, Some(stop));
    }
    run(folder.path(), &logs, Way { workers: 2, ..deep }, None);
    for name in ["t/third", "t/fourth", "t/both", "t/second-counter"] {
        assert!(whole.iter().any(|told| told.contains(&format!("\"{name}\""))), "{name}");
    }
    check_same(&told(folder.path()), &whole);
}

/// Lines that no parser takes, between the others.
fn with_strangers(logs: &[(String, Arc<Vec<String>>)]) -> Vec<(String, Arc<Vec<String>>)> {
    let strange = |(name, lines): &(String, Arc<Vec<String>>)| {
        let mut mixed = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            mixed.push(line.clone());
            if number % 7 == 0 {
                mixed.push(format!("stranger {number} of {name}"));
            }
        }
        (name.clone(), Arc::new(mixed))
    };
    logs.iter().map(strange).collect()
}

#[test]
fn lines_that_no_parser_takes_are_told_once() {
    let logs = with_strangers(&logs(3, 2000));
    let folder = tempfile::tempdir().unwrap();
    for stop in [1, 2, 3, 5, 8, 2, 1] {
        let workers = 1 + usize::try_from(stop % 3).unwrap();
        run(folder.path(), &logs, Way { workers, ..Way::default() }, Some(stop));
    }
    run(folder.path(), &logs, Way::default(), None);
    let told = unparsed(folder.path());
    for (name, lines) in &logs {
        let of_lane = told.iter().filter(|told| told["lane"] == name.as_str());
        let told: Vec<(u64, &str)> = of_lane
            .map(|told| (told["offset"].as_u64().unwrap(), told["line"].as_str().unwrap()))
            .collect();
        assert!(told.is_sorted_by_key(|told| told.0), "{told:?}");
        let strangers: Vec<_> = told.iter().filter(|told| told.1.starts_with("stranger")).collect();
        let expected = lines.iter().filter(|line| line.starts_with("stranger"));
        check_same(&strangers.iter().map(|told| told.1).collect::<Vec<_>>(), &{
            expected.map(String::as_str).collect::<Vec<_>>()
        });
        for (offset, line) in &told {
            assert_eq!(lines[usize::try_from(*offset).unwrap()], *line);
        }
    }
    let first = &told[0];
    assert_eq!((&first["reason"], &first["source"]), (&"unparsed".into(), &"listed".into()));
    assert_eq!(first["labels"]["type"], "syslog", "{first}");
}

/// To the transport all of them are new, and some say nothing else.
#[test]
fn old_lines_that_are_sent_again_are_merged_by_their_dates() {
    let logs = with_strangers(&logs(3, 2000));
    let folder = tempfile::tempdir().unwrap();
    let again = Way { sent_again: true, ..Way::default() };
    for stop in [1, 2, 5] {
        run(folder.path(), &logs, again, Some(stop));
    }
    run(folder.path(), &logs, again, None);
    let (live, replay) = (outbox(folder.path(), &logs), replayed(&logs, Under::Embedded));
    check_same(&without_places(&live), &without_places(&replay));
}

#[test]
fn a_run_that_is_told_to_end_before_it_begins_ends() {
    let logs = logs(1, 2000);
    let folder = tempfile::tempdir().unwrap();
    let slow = Way { pause: Duration::from_millis(20), ..Way::default() };
    run(folder.path(), &logs, slow, Some(0));
    let all = replayed(&logs, Under::Embedded);
    // What came before it looked is through.
    assert!(outbox(folder.path(), &logs).len() < all.len());
    run(folder.path(), &logs, Way::default(), None);
    check_same(&without_places(&outbox(folder.path(), &logs)), &without_places(&all));
}

#[test]
fn parts_of_a_record_that_no_parser_takes_are_told_apart() {
    let logs = with_strangers(&logs(1, 700));
    let joined = logs.iter().map(|(name, lines)| {
        let threes = lines.chunks(3).map(|three| three.join("\u{1}")).collect();
        (name.clone(), Arc::new(threes))
    });
    let joined = joined.collect::<Vec<_>>();
    let folder = tempfile::tempdir().unwrap();
    let way = Way { transform: Some("Split(evt.Line.Raw, \"\\u0001\")"), ..Way::default() };
    for stop in [1, 2, 3] {
        run(folder.path(), &joined, way, Some(stop));
    }
    run(folder.path(), &joined, way, None);
    let strangers: Vec<_> = unparsed(folder.path())
        .iter()
        .filter(|told| told["line"].as_str().unwrap().starts_with("stranger"))
        .map(|told| (told["offset"].as_u64().unwrap(), told["part"].as_u64().unwrap_or(0)))
        .collect();
    let places = (0..).zip(logs[0].1.iter());
    let expected = places.filter(|(_, line)| line.starts_with("stranger"));
    check_same(&strangers, &expected.map(|(at, _)| (at / 3, at % 3)).collect::<Vec<_>>());
}

#[test]
fn transformed_lines_are_taken_whole() {
    let logs = logs(1, 2000);
    let lines = |folder: &Path| without_places(&outbox(folder, &logs));
    let plain = {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &logs, Way::default(), None);
        lines(folder.path())
    };
    // Two lines in one, and taken apart again: what is found is the same.
    let joined = logs.iter().map(|(name, lines)| {
        let pairs = lines.chunks(2).map(|pair| pair.join("\u{1}")).collect();
        (name.clone(), Arc::new(pairs))
    });
    let joined = joined.collect::<Vec<_>>();
    let folder = tempfile::tempdir().unwrap();
    let way = Way { transform: Some("Split(evt.Line.Raw, \"\\u0001\")"), ..Way::default() };
    for stop in [1, 2, 3] {
        run(folder.path(), &joined, way, Some(stop));
    }
    run(folder.path(), &joined, way, None);
    check_same(&lines(folder.path()), &plain);
}

#[test]
fn buckets_that_memory_has_no_room_for_are_found_again() {
    let logs = logs(1, 12000);
    let whole = |memory| {
        let folder = tempfile::tempdir().unwrap();
        // Many small commits, so that buckets are left alone for some of them.
        let (pause, epoch) = (Duration::from_millis(3), Duration::ZERO);
        let way = Way { memory, chunk: 10, pause, epoch, ..Way::default() };
        run(folder.path(), &logs, way, None);
        outbox(folder.path(), &logs)
    };
    check_same(&whole(0), &whole(1 << 30));
}
