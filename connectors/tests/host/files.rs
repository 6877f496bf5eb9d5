//! Files that are followed: what is read of them, and when.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use connectors::Meter;
use connectors::file::{Config, File, Mode, Start, Watching};
use connectors::health::State;
use connectors::metric::{Counter, Gauge, Reason};

use crate::service::{Service, Store};
use crate::writer::{append, gzip, line, text};

/// Quick to notice things, for tests.
pub(crate) fn config(patterns: &[&str]) -> Config {
    Config {
        patterns: patterns.iter().map(ToString::to_string).collect(),
        start: Start::Beginning,
        discovery_interval: Duration::from_millis(300),
        rotation_grace: Duration::from_millis(100),
        ..Config::default()
    }
}

pub(crate) fn start(config: Config, store: Store) -> Service {
    Service::start(File::new(config).unwrap(), store)
}

/// The pattern of all logs of a directory.
fn logs(root: &Path) -> String {
    format!("{}/*.log", root.display())
}

fn count(meter: &Meter, counter: Counter) -> u64 {
    meter.count(counter)
}

#[test]
fn lines_come_with_their_offsets_and_the_end_is_told() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.log");
    fs::write(&path, "one\n\ntwo\r\nthree").unwrap();
    let name = path.to_str().unwrap();
    let mut service = start(config(&[name]), Store::new());
    service.until(|now| now.store.get(name).is_some_and(|kept| kept.caught_up));
    assert!(service.ready);
    assert_eq!(service.store[name].lines, [(0, "one".to_owned()), (5, "two".to_owned())]);
    append(&path, " and more\n");
    service.until(|now| now.count(name) == 3);
    assert_eq!(service.store[name].lines[2], (10, "three and more".to_owned()));
    assert_eq!(&*service.store[name].origins[0], name);
    assert_eq!(count(&service.meter, Counter::Lines), 3);
    assert_eq!(count(&service.meter, Counter::Bytes), 3 + 3 + 14);
    assert_eq!(service.meter.gauge(Gauge::LagBytes), 0);
    assert_eq!(service.meter.gauge(Gauge::Open), 1);
    assert_eq!(service.health.state(), State::Reading);
}

#[test]
fn at_a_first_start_old_lines_are_passed_over_and_later_files_are_read_whole() {
    let root = tempfile::tempdir().unwrap();
    let (old, new) = (root.path().join("old.log"), root.path().join("new.log"));
    fs::write(&old, "before\nhalf").unwrap();
    let config = Config { start: Start::End, ..config(&[&logs(root.path())]) };
    let mut service = start(config.clone(), Store::new());
    let name = old.to_str().unwrap();
    service.until(|now| now.store.get(name).is_some_and(|kept| kept.caught_up));
    append(&old, " a line\n");
    fs::write(&new, "first\n").unwrap();
    let later = new.to_str().unwrap();
    service.until(|now| now.count(name) == 1 && now.count(later) == 1);
    assert_eq!(service.lines(name), ["half a line"], "the line that was being written is whole");
    assert_eq!(service.lines(later), ["first"]);
    let store = service.crash();

    let third = root.path().join("third.log");
    fs::write(&third, "while it was away\n").unwrap();
    append(&old, "too\n");
    let mut service = start(config, store);
    service.until(|now| now.count(third.to_str().unwrap()) == 1 && now.count(name) == 2);
    assert_eq!(service.lines(third.to_str().unwrap()), ["while it was away"]);
}

#[test]
fn a_pattern_that_is_new_begins_at_the_end_though_others_are_known() {
    let root = tempfile::tempdir().unwrap();
    let (first, second) = (root.path().join("a.log"), root.path().join("b.txt"));
    fs::write(&first, "").unwrap();
    let patterns = [logs(root.path()), format!("{}/*.txt", root.path().display())];
    let one = Config { start: Start::End, ..config(&[&patterns[0]]) };
    let mut service = start(one.clone(), Store::new());
    service.until(|now| now.store.values().any(|kept| kept.position.is_some()));
    let store = service.crash();
    fs::write(&second, "old\n").unwrap();
    let mut service = start(Config { patterns: patterns.to_vec(), ..one }, store);
    let name = second.to_str().unwrap();
    service.until(|now| now.store.get(name).is_some_and(|kept| kept.caught_up));
    append(&second, "new\n");
    service.until(|now| now.count(name) == 1);
    assert_eq!(service.lines(name), ["new"]);
}

#[test]
fn files_in_new_directories_are_found() {
    let root = tempfile::tempdir().unwrap();
    let pattern = format!("{}/**/*.log", root.path().display());
    let waiting = Config { discovery_interval: Duration::from_secs(600), ..config(&[&pattern]) };
    let mut service = start(waiting, Store::new());
    service.until(|now| now.ready);
    let path = root.path().join("x/y/z.log");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    append(&path, "one\n");
    service.until(|now| now.count(path.to_str().unwrap()) == 1);
}

#[test]
fn excluded_files_are_not_read() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a.log", "b.log"] {
        fs::write(root.path().join(name), "x\n").unwrap();
    }
    let config = Config { exclude: vec![r"b\.log$".to_owned()], ..config(&[&logs(root.path())]) };
    let mut service = start(config, Store::new());
    service.until(|now| now.ready && now.store.values().all(|kept| kept.caught_up));
    assert_eq!(service.store.len(), 1);
    fs::write(root.path().join("sub.b.log"), "x\n").unwrap();
    service.during(Duration::from_millis(500));
    assert_eq!(service.store.len(), 1);
}

#[test]
fn bad_bytes_and_long_lines_are_counted_and_the_rest_is_read() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.log");
    fs::write(&path, b"a\0b\n\xff\xfe\nok\n").unwrap();
    let name = path.to_str().unwrap();
    let small = Config { max_line: 100, ..config(&[name]) };
    let mut service = start(small, Store::new());
    service.until(|now| now.count(name) == 3);
    for _ in 0..50 {
        append(&path, [b'x'; 77]);
        service.during(Duration::from_millis(5));
    }
    append(&path, "\nafter\n");
    service.until(|now| now.count(name) == 4);
    assert_eq!(service.lines(name), ["a\0b", "\u{fffd}\u{fffd}", "ok", "after"]);
    assert_eq!(service.store[name].rejects, [10]);
    assert_eq!(count(&service.meter, Counter::Repaired), 1);
    assert_eq!(service.meter.rejected(Reason::TooLong), 1);
}

#[test]
fn a_line_without_its_end_waits_for_it_or_for_the_time_that_was_set() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.log");
    fs::write(&path, "begun").unwrap();
    let name = path.to_str().unwrap();
    let mut service = start(config(&[name]), Store::new());
    service.during(Duration::from_millis(500));
    assert_eq!(service.count(name), 0);
    assert!(service.store[name].caught_up);
    let store = service.crash();
    let idle = Config { idle: Some(Duration::from_millis(50)), ..config(&[name]) };
    let mut service = start(idle, store);
    service.until(|now| now.count(name) == 1);
    append(&path, " and ended\n");
    service.until(|now| now.count(name) == 2);
    assert_eq!(service.store[name].lines, [(0, "begun".to_owned()), (5, " and ended".to_owned())]);
}

#[test]
fn files_that_the_kernel_tells_nothing_of_are_looked_at() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a.log");
    fs::write(&path, text(0, 10)).unwrap();
    let name = path.to_str().unwrap();
    let slow = Config {
        watching: Watching::Poll,
        poll_interval: Duration::from_millis(20),
        discovery_interval: Duration::from_secs(600),
        ..config(&[name])
    };
    let mut service = start(slow, Store::new());
    service.until(|now| now.count(name) == 10);
    append(&path, text(10, 10));
    service.until(|now| now.count(name) == 20);
    fs::rename(&path, root.path().join("a.log.1")).unwrap();
    fs::write(&path, text(20, 1)).unwrap();
    service.until(|now| now.count(name) == 21);
    assert_eq!(service.lines(name)[20], line(20));
}

#[test]
fn a_link_is_followed_to_where_it_leads_and_when_it_changes() {
    let root = tempfile::tempdir().unwrap();
    let (first, second) = (root.path().join("real/1"), root.path().join("real/2"));
    fs::create_dir(root.path().join("real")).unwrap();
    fs::write(&first, "one\n").unwrap();
    fs::write(&second, "three\n").unwrap();
    let link = root.path().join("a.log");
    symlink(&first, &link).unwrap();
    let slow =
        Config { discovery_interval: Duration::from_secs(600), ..config(&[&logs(root.path())]) };
    let mut service = start(slow, Store::new());
    let name = link.to_str().unwrap();
    service.until(|now| now.count(name) == 1);
    append(&first, "two\n");
    service.until(|now| now.count(name) == 2);
    symlink(&second, root.path().join("new")).unwrap();
    fs::rename(root.path().join("new"), &link).unwrap();
    service.until(|now| now.count(name) == 3);
    assert_eq!(service.lines(name), ["one", "two", "three"]);
}

#[test]
fn a_file_is_read_once_though_it_has_two_names() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("b.log");
    fs::write(&path, "one\n").unwrap();
    symlink(&path, root.path().join("a.log")).unwrap();
    fs::hard_link(&path, root.path().join("c.log")).unwrap();
    let mut service = start(config(&[&logs(root.path())]), Store::new());
    service.until(|now| now.ready && now.store.values().all(|kept| kept.caught_up));
    service.during(Duration::from_millis(500));
    let lines: usize = service.store.values().map(|kept| kept.lines.len()).sum();
    assert_eq!(lines, 1, "{:?}", service.summary());
}

#[test]
fn what_cannot_be_read_is_tried_again_and_the_others_go_on() {
    let root = tempfile::tempdir().unwrap();
    let (bad, good) = (root.path().join("bad.log"), root.path().join("good.log"));
    fs::write(&bad, "one\n").unwrap();
    fs::write(&good, "one\n").unwrap();
    let mut service = start(config(&[&logs(root.path())]), Store::new());
    service.until(|now| now.count(bad.to_str().unwrap()) == 1);
    // Root may read whatever it likes, but no directory.
    fs::remove_file(&bad).unwrap();
    fs::create_dir(&bad).unwrap();
    service.until(|now| matches!(now.health.state(), State::Retrying { .. }));
    append(&good, "two\n");
    service.until(|now| now.count(good.to_str().unwrap()) == 2);
    fs::remove_dir(&bad).unwrap();
    fs::write(&bad, "two\n").unwrap();
    service.until(|now| now.count(bad.to_str().unwrap()) == 2);
    service.until(|now| now.health.state() == State::Reading);
}

#[test]
fn files_are_read_once_where_that_is_asked_for_archives_too() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a.log", "b.log", "b.log.1"] {
        fs::write(root.path().join(name), text(0, 3000)).unwrap();
    }
    gzip(&root.path().join("b.log.1"));
    append(&root.path().join("a.log"), "no end");
    let pattern = format!("{}/*", root.path().display());
    let once = Config { mode: Mode::Cat, start: Start::End, ..config(&[&pattern]) };
    let mut service = start(once.clone(), Store::new());
    service.finish().unwrap();
    assert_eq!(service.health.state(), State::Ended);
    let counts: Vec<usize> = service.store.values().map(|kept| kept.lines.len()).collect();
    assert_eq!(counts, [3001, 3000, 3000]);
    assert!(service.store.values().all(|kept| kept.closed && kept.caught_up));
    let store = service.crash();
    let mut service = start(once, store);
    service.finish().unwrap();
    assert!(service.store.values().all(|kept| kept.lines.len() <= 3001), "nothing comes twice");
    assert_eq!(service.meter.count(Counter::Lines), 0);
}

#[test]
fn patterns_that_are_none_stop_the_start() {
    let wrong = |config: Config| File::new(config).unwrap_err().to_string();
    assert!(wrong(Config::default()).contains("at least one"));
    assert!(wrong(config(&["/var/log/[a"])).contains("without `]`"));
    let exclude = Config { exclude: vec!["(".to_owned()], ..config(&["/a"]) };
    assert!(wrong(exclude).contains("no regular expression"));
}
