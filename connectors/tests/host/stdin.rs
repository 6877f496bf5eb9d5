//! Standard input as a source: a pipe of our own stands in for it.

use std::io::Write;
use std::time::Duration;

use connectors::health::State;
use connectors::stdin::{Config, Stdin};

use crate::service::{Service, Store};

#[test]
fn lines_of_a_pipe_come_at_once_and_its_end_ends_the_source() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut service = Service::start(Stdin::of(reader.into(), Config::default()), Store::new());
    writer.write_all(b"one\ntwo\nthr").unwrap();
    service.until(|now| now.count("-") == 2 && now.store["-"].caught_up);
    writer.write_all(b"ee\n\xff").unwrap();
    service.until(|now| now.count("-") == 3);
    drop(writer);
    service.finish().unwrap();
    assert_eq!(service.lines("-"), ["one", "two", "three", "\u{fffd}"]);
    assert!(service.store["-"].closed);
    assert_eq!(service.health.state(), State::Ended);
}

#[test]
fn a_silent_pipe_holds_up_no_stop_and_offsets_go_on() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut service = Service::start(Stdin::of(reader.into(), Config::default()), Store::new());
    writer.write_all(b"one\nhalf").unwrap();
    service.until(|now| now.count("-") == 1);
    let store = service.crash();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut service = Service::start(Stdin::of(reader.into(), Config::default()), store);
    writer.write_all(b"two\n").unwrap();
    service.until(|now| now.count("-") == 2);
    assert_eq!(service.store["-"].lines, [(0, "one".to_owned()), (4, "two".to_owned())]);
}

#[test]
fn a_busy_service_makes_the_writer_wait() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let small = Config { window_bytes: 1 << 20, ..Config::default() };
    let mut service = Service::start(Stdin::of(reader.into(), small), Store::new());
    let writing = std::thread::spawn(move || {
        for number in 0..500_000 {
            writeln!(writer, "line {number}").unwrap();
        }
    });
    std::thread::sleep(Duration::from_millis(300));
    assert!(!writing.is_finished());
    service.finish().unwrap();
    assert_eq!(service.count("-"), 500_000);
}
