//! Very many files: few are open, little is held, each is read.

use std::fs;
use std::time::Duration;

use connectors::file::Config;
use connectors::metric::Gauge;

use crate::files::{config, start};
use crate::service::Store;
use crate::writer::append;

const FILES: usize = 100_000;
const OPEN: usize = 1000;

#[test]
fn a_hundred_thousand_files_are_followed_with_a_thousand_open() {
    let root = tempfile::tempdir().unwrap();
    let path = |number: usize| root.path().join(format!("{}/{number}.log", number % 100));
    for directory in 0..100 {
        fs::create_dir(root.path().join(directory.to_string())).unwrap();
    }
    for number in 0..FILES {
        fs::write(path(number), format!("first of {number}\nhalf")).unwrap();
    }
    let pattern = format!("{}/*/*.log", root.path().display());
    let config = Config { max_open: OPEN, discovery_interval: Duration::from_secs(5), ..config(&[&pattern]) };
    let mut service = start(config.clone(), Store::new());
    service.until(|now| {
        assert!(now.meter.gauge(Gauge::Open) <= OPEN as i64);
        now.store.len() == FILES && now.deliveries >= 2 * FILES
    });
    for number in (0..FILES).step_by(10) {
        append(&path(number), " and half\nsecond\n");
    }
    let grown = FILES / 10;
    service.until(|now| now.meter.count(connectors::metric::Counter::Lines) >= (FILES + 2 * grown) as u64);
    while service.take() {}
    assert!(service.meter.gauge(Gauge::Open) <= OPEN as i64);
    for number in [0, 10, 11, 99_990, 99_999] {
        let name = path(number).display().to_string();
        let expected = [format!("first of {number}"), "half and half".to_owned(), "second".to_owned()];
        let expected = if number % 10 == 0 { &expected[..] } else { &expected[..1] };
        assert_eq!(service.lines(&name), expected, "{name}");
    }
    let store = service.crash();

    append(&path(99_999), " more\n");
    let mut service = start(config, store);
    let name = path(99_999).display().to_string();
    service.until(|now| now.count(&name) == 2);
    assert_eq!(service.meter.count(connectors::metric::Counter::Lines), 1);
}
