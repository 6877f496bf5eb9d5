//! Very many files: few are open, little is held, each is read. `SPILLWAY_TEST_FILES` says how many;
//! `make soak` has 100,000.

use std::fs;
use std::path::Path;
use std::time::Duration;

use connectors::file::Config;
use connectors::metric::Gauge;

use crate::files::{config, start};
use crate::service::Store;
use crate::writer::append;

/// One in a hundred may be open.
fn files() -> usize {
    std::env::var("SPILLWAY_TEST_FILES").map_or(3000, |number| number.parse().unwrap())
}

/// Files of this process that are open below a directory.
fn open_below(root: &Path) -> usize {
    let all = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let paths = all.filter_map(|entry| fs::read_link(entry.path()).ok());
    paths.filter(|path| path.starts_with(root)).count()
}

#[test]
fn many_files_are_followed_with_few_open() {
    let files = files();
    let open = files / 100;
    let root = tempfile::tempdir().unwrap();
    let path = |number: usize| root.path().join(format!("{}/{number}.log", number % 100));
    for directory in 0..100 {
        fs::create_dir(root.path().join(directory.to_string())).unwrap();
    }
    for number in 0..files {
        fs::write(path(number), format!("first of {number}\nhalf")).unwrap();
    }
    let pattern = format!("{}/*/*.log", root.path().display());
    let config = Config {
        max_open: open,
        discovery_interval: Duration::from_secs(5),
        ..config(&[&pattern])
    };
    let mut service = start(config.clone(), Store::new());
    service.until(|now| {
        assert!(now.meter.gauge(Gauge::Open) <= i64::try_from(open).unwrap());
        now.store.len() == files && now.deliveries >= 2 * files
    });
    assert!((1..=open).contains(&open_below(root.path())));
    for number in (0..files).step_by(10) {
        append(&path(number), " and half\nsecond\n");
    }
    let grown = files / 10;
    service.until(|now| {
        now.meter.count(connectors::metric::Counter::Lines) >= (files + 2 * grown) as u64
    });
    while service.take() {}
    assert!(open_below(root.path()) <= open);
    assert!(service.meter.gauge(Gauge::Open) <= i64::try_from(open).unwrap());
    for number in [0, 10, 11, files - 10, files - 1] {
        let name = path(number).display().to_string();
        let expected =
            [format!("first of {number}"), "half and half".to_owned(), "second".to_owned()];
        let expected = if number % 10 == 0 { &expected[..] } else { &expected[..1] };
        assert_eq!(service.lines(&name), expected, "{name}");
    }
    let store = service.crash();

    append(&path(files - 1), " more\n");
    let mut service = start(config, store);
    let name = path(files - 1).display().to_string();
    service.until(|now| now.count(&name) == 2);
    assert_eq!(service.meter.count(connectors::metric::Counter::Lines), 1);
}
