//! Files that are rotated while they are read, and while nobody reads: no line is lost, none comes
//! twice, and offsets go on.

use std::fs;
use std::path::Path;
use std::time::Duration;

use connectors::file::Config;
use connectors::metric::Counter;

use crate::files::{config, start};
use crate::service::{Service, Store};
use crate::writer::{Draw, Log, append, gzip, line, run, text};

/// What was read is what was written; `how` tells the case.
#[track_caller]
fn is_as_written(service: &mut Service, log: &Log, how: &str) {
    let (name, expected) = (log.path.to_str().unwrap(), log.expected());
    let last = expected.last().unwrap();
    let text = last.1.as_str();
    service.until(|now| now.lines(name).last() == Some(&text));
    let got = &service.store[name].lines;
    let same = got.iter().zip(&expected).take_while(|(got, expected)| got == expected).count();
    if same < got.len().max(expected.len()) {
        let (got, expected) = (got.get(same), expected.get(same));
        let files: Vec<_> = fs::read_dir(log.path.parent().unwrap()).unwrap().flatten().collect();
        panic!("{how}: line {same} is {got:?}, not {expected:?}, of {files:?}");
    }
}

/// The file was seen: what it was before that is nobody's matter.
fn is_known(service: &mut Service, log: &Log) {
    let name = log.path.to_str().unwrap();
    service.until(|now| now.store.get(name).is_some_and(|kept| kept.position.is_some()));
}

/// Writes and rotates while the source runs, which crashes now and then and loses what was not kept.
fn storm(seed: u64, copies: bool, packs: bool) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("app.log");
    let mut draw = Draw::new(seed);
    let mut log = Log::new(&path, copies, packs);
    let pattern = format!("{}/*", root.path().display());
    let config = Config { max_open: 1, ..config(&[&pattern]) };
    let mut service = start(config.clone(), Store::new());
    is_known(&mut service, &log);
    for _ in 0..60 {
        log.write(&mut draw);
        let choice = draw.below(12);
        if choice < 3 {
            log.rotate();
        } else if choice < 6 {
            for _ in 0..draw.below(6) {
                service.take();
            }
            service.take_lines(usize::try_from(draw.below(50)).unwrap());
            let store = service.crash();
            for _ in 0..draw.below(3) {
                log.write(&mut draw);
                if draw.below(2) == 0 {
                    log.rotate();
                }
            }
            service = start(config.clone(), store);
        } else {
            service.during(Duration::from_millis(draw.below(40)));
        }
    }
    log.write_line("the last one");
    is_as_written(&mut service, &log, &format!("seed {seed}"));
    assert_eq!(service.store.len(), 1, "{:?}", service.summary());
    assert_eq!(service.meter.count(Counter::Missed), 0);
}

#[test]
fn renamed_files_are_read_to_their_end_whenever_the_service_stops() {
    for seed in 1..=4 {
        storm(seed, false, false);
    }
}

#[test]
fn renamed_and_compressed_files_too() {
    for seed in 11..=14 {
        storm(seed, false, true);
    }
}

#[test]
fn copied_and_cut_files_are_read_to_their_end_whenever_the_service_stops() {
    for seed in 21..=24 {
        storm(seed, true, false);
    }
}

#[test]
fn copied_cut_and_compressed_files_too() {
    for seed in 31..=34 {
        storm(seed, true, true);
    }
}

/// Rotates a log of two lines a turn to these names; all that is read of it.
fn rotated_to(names: &[&str], pattern: &str) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.log");
    let name = path.to_str().unwrap();
    let pattern = format!("{}/{pattern}", root.path().display());
    append(&path, "begin\n");
    let mut service = start(config(&[&pattern]), Store::new());
    service.until(|now| now.count(name) == 1);
    let mut expected = vec!["begin".to_owned()];
    for (turn, to) in names.iter().enumerate() {
        fs::rename(&path, root.path().join(to)).unwrap();
        append(&path, format!("first of {turn}\nsecond of {turn}\n"));
        expected.extend([format!("first of {turn}"), format!("second of {turn}")]);
        service.until(|now| now.lines(name).last() == expected.last().map(String::as_str).as_ref());
        service.during(Duration::from_millis(50));
    }
    service.during(Duration::from_millis(700));
    assert_eq!(service.lines(name), expected);
    assert_eq!(service.store.len(), 1, "{:?}", service.summary());
    assert_eq!(service.meter.count(Counter::Missed), 0);
}

#[test]
fn parts_whose_numbers_rise_are_read_once() {
    rotated_to(&["a.log.1", "a.log.2", "a.log.3", "a.log.4", "a.log.5", "a.log.6"], "a.log");
}

#[test]
fn numbers_behind_a_date_are_numbers() {
    let part = |number: usize| format!("a.log.2026-11-28.{number}");
    let names: Vec<String> = (8..14).map(part).collect();
    rotated_to(&names.iter().map(String::as_str).collect::<Vec<_>>(), "a.log");
    let part = |number: usize| format!("a-2026-11-28.{number}.log");
    let names: Vec<String> = (8..14).map(part).collect();
    rotated_to(&names.iter().map(String::as_str).collect::<Vec<_>>(), "*.log");
}

#[test]
fn dates_that_begin_with_the_day_are_told_by_time() {
    let names = ["28", "29", "30"].map(|day| format!("a.log.{day}-11-2026"));
    let next = ["01", "02"].map(|day| format!("a.log.{day}-12-2026"));
    let names: Vec<&str> = names.iter().chain(&next).map(String::as_str).collect();
    rotated_to(&names, "a.log");
}

#[test]
fn parts_whose_numbers_rise_are_caught_up_in_their_order() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.log");
    let name = path.to_str().unwrap();
    let rotate = |number: usize| {
        fs::rename(&path, root.path().join(format!("a.log.{number}"))).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        append(&path, text(10 * number, 10));
    };
    append(&path, text(0, 10));
    (1..8).for_each(rotate);
    let mut service = start(config(&[name]), Store::new());
    service.until(|now| now.count(name) == 10);
    let store = service.crash();
    (8..12).for_each(rotate);
    gzip(&root.path().join("a.log.9"));
    let mut service = start(config(&[name]), store);
    service.until(|now| now.count(name) == 50);
    service.during(Duration::from_millis(300));
    assert_eq!(service.lines(name).join("\n") + "\n", text(70, 50));
}

#[test]
fn archives_of_every_kind_are_caught_up_after_a_time_away() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("app.log");
    let name = path.to_str().unwrap();
    let part = |number: usize| root.path().join(format!("app.log-2026112{number}"));
    append(&path, text(0, 500));
    let mut service = start(config(&[name]), Store::new());
    service.until(|now| now.count(name) == 500);
    let store = service.crash();
    let mut all = text(0, 500);
    for number in 0..5 {
        let more = text(500 + 300 * number, 300);
        append(&path, &more);
        all.push_str(&more);
        fs::rename(&path, part(number)).unwrap();
    }
    let programs = ["gzip", "bzip2", "xz", "zstd"];
    for (number, program) in programs.iter().enumerate() {
        match std::process::Command::new(program).arg("-q").arg(part(number)).status() {
            Ok(status) => assert!(status.success(), "{program}"),
            Err(error) => eprintln!("without {program}: {error}"),
        }
    }
    append(&path, line(2000) + "\n");
    all.push_str(&(line(2000) + "\n"));
    let mut service = start(config(&[name]), store);
    service.until(|now| now.count(name) == 2001);
    assert_eq!(service.lines(name).join("\n") + "\n", all);
    assert_eq!(service.store[name].lines[2000].0, (all.len() - line(2000).len() - 1) as u64);
}

#[test]
fn what_is_written_to_the_old_file_for_a_while_comes_before_the_new_one() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("app.log");
    let name = path.to_str().unwrap();
    append(&path, "1\n");
    let mut service = start(config(&[name]), Store::new());
    service.until(|now| now.count(name) == 1);
    let old = root.path().join("app.log.1");
    fs::rename(&path, &old).unwrap();
    service.during(Duration::from_millis(300));
    append(&old, "2\n");
    append(&path, "");
    service.during(Duration::from_millis(300));
    append(&old, "3\n");
    append(&path, "4\n");
    service.during(Duration::from_millis(20));
    append(&old, "no end");
    service.until(|now| now.count(name) == 5);
    assert_eq!(service.lines(name), ["1", "2", "3", "no end", "4"]);
    assert_eq!(service.store[name].lines[4].0, 6 + 6);
}

#[test]
fn a_file_that_is_cut_without_a_copy_begins_anew() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("app.log");
    let name = path.to_str().unwrap();
    append(&path, text(0, 100));
    let size = text(0, 100).len() as u64;
    let mut service = start(config(&[name]), Store::new());
    service.until(|now| now.count(name) == 100);
    fs::write(&path, "new\n").unwrap();
    service.until(|now| now.count(name) == 101);
    assert_eq!(service.store[name].lines[100], (size, "new".to_owned()));
    // Longer than before at once: only its beginning tells that it is another text.
    service.during(Duration::from_millis(1100));
    fs::write(&path, text(500, 200)).unwrap();
    service.until(|now| now.count(name) == 301);
    assert_eq!(service.store[name].lines[101], (size + 4, line(500)));
}

#[test]
fn a_file_that_is_gone_is_counted_and_the_next_one_is_read() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("app.log");
    let name = path.to_str().unwrap();
    append(&path, text(0, 100));
    let mut service = start(config(&[name]), Store::new());
    service.until(|now| now.count(name) == 100);
    let store = service.crash();
    append(&path, text(100, 100));
    let parts = ["app.log.3", "app.log.2", "app.log.1"].map(|name| root.path().join(name));
    fs::rename(&path, &parts[0]).unwrap();
    for (number, part) in parts.iter().enumerate().skip(1) {
        append(part, text(100 * (number + 1), 100));
    }
    append(&path, text(400, 1));
    fs::remove_file(&parts[0]).unwrap();
    let mut service = start(config(&[name]), store);
    service.until(|now| now.count(name) == 301);
    let expected: Vec<String> = (0..100).chain(200..401).map(line).collect();
    assert_eq!(service.lines(name), expected);
    assert_eq!(service.meter.count(Counter::Missed), 1);
}

#[test]
fn a_file_that_comes_back_goes_on_in_its_lane() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("app.log");
    let name = path.to_str().unwrap();
    append(&path, "1\n");
    let mut service = start(config(&[name]), Store::new());
    service.until(|now| now.count(name) == 1);
    fs::remove_file(&path).unwrap();
    service.during(Duration::from_millis(500));
    append(&path, "2\n");
    service.until(|now| now.count(name) == 2);
    fs::remove_file(&path).unwrap();
    service.during(Duration::from_millis(500));
    let store = service.crash();
    let mut service = start(config(&[name]), store);
    service.during(Duration::from_millis(200));
    append(&path, "3\n");
    service.until(|now| now.count(name) == 3);
    let offsets: Vec<u64> = service.store[name].lines.iter().map(|line| line.0).collect();
    assert_eq!(offsets, [0, 2, 4]);
}

#[test]
fn a_rotated_file_in_another_directory_is_found_where_that_is_named() {
    let root = tempfile::tempdir().unwrap();
    let (path, old) = (root.path().join("app.log"), root.path().join("old"));
    fs::create_dir(&old).unwrap();
    let name = path.to_str().unwrap();
    append(&path, text(0, 10));
    let elsewhere = Config { rotated_in: vec![old.clone()], ..config(&[name]) };
    let mut service = start(elsewhere.clone(), Store::new());
    service.until(|now| now.count(name) == 10);
    let store = service.crash();
    append(&path, text(10, 10));
    fs::rename(&path, old.join("app.log.1")).unwrap();
    gzip(&old.join("app.log.1"));
    append(&path, text(20, 10));
    let mut service = start(elsewhere, store);
    service.until(|now| now.count(name) == 30);
    assert_eq!(service.lines(name).join("\n") + "\n", text(0, 30));
}

/// Debian's logrotate, in each of its ways.
#[test]
fn logrotate_loses_nothing() {
    let Some(logrotate) = logrotate() else {
        eprintln!("skipped: no logrotate here");
        return;
    };
    for (seed, way) in [
        "create",
        "copytruncate",
        "create\ncompress\ndelaycompress",
        "copytruncate\ncompress",
        "create\ndateext\ndateformat -%Y%m%d-%s\ncompress",
        "nocreate\nextension .log",
    ]
    .iter()
    .enumerate()
    {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("app.log");
        let rules = root.path().join("rules.conf");
        let state = root.path().join("state");
        let text = format!("{} {{\nrotate 50\nmissingok\n{way}\n}}\n", path.display());
        fs::write(&rules, text).unwrap();
        let rotate = || {
            run(&logrotate, &[Path::new("-f"), Path::new("-s"), &state, &rules]);
        };
        let mut draw = Draw::new(seed as u64 + 1);
        let mut log = Log::new(&path, way.starts_with("copy"), false);
        let pattern = format!("{}/app*", root.path().display());
        let mut service = start(config(&[&pattern]), Store::new());
        is_known(&mut service, &log);
        for round in 0..12 {
            log.write(&mut draw);
            log.write_line(&format!("round {round}"));
            if way.starts_with("copy") {
                // What is written between the copy and the cut is lost by copytruncate itself.
                service.during(Duration::from_millis(draw.below(50)));
            }
            rotate();
            if !way.starts_with("copy") {
                log.reopen();
            }
            if round % 3 == 2 {
                let store = service.crash();
                log.write(&mut draw);
                service = start(config(&[&pattern]), store);
            }
            // Names by date have one for each second.
            if way.contains("dateext") {
                service.during(Duration::from_millis(1050));
            }
        }
        log.write_line("the last one");
        is_as_written(&mut service, &log, way);
    }
}

fn logrotate() -> Option<String> {
    let known = ["/usr/sbin/logrotate", "/usr/bin/logrotate"];
    known.into_iter().find(|path| Path::new(path).exists()).map(ToOwned::to_owned)
}
