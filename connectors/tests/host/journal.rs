//! The journal, from files that `systemd-journal-remote` makes of the export format.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use connectors::health::State;
use connectors::journalctl::{Config, Journalctl};
use connectors::metric::Reason;

use crate::service::{Service, Store};
use crate::writer::Draw;

const REMOTE: &str = "/lib/systemd/systemd-journal-remote";
const BASE: u64 = 1_795_708_800_000_000;

fn is_here() -> bool {
    let here =
        Path::new(REMOTE).exists() && Command::new("journalctl").arg("--version").output().is_ok();
    if !here {
        eprintln!("skipped: no systemd-journal-remote or journalctl here");
    }
    here
}

/// Appends entries to a journal file.
fn write(file: &Path, numbers: std::ops::Range<u64>) {
    let mut remote = Command::new(REMOTE)
        .arg("--split-mode=none")
        .arg(format!("--output={}", file.display()))
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = remote.stdin.take().unwrap();
    for number in numbers {
        let message = message(number);
        let boot = "0".repeat(31) + "1";
        write!(
            input,
            "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={boot}\n_HOSTNAME=web1\n\
             SYSLOG_IDENTIFIER=app\n_PID={}\n_SYSTEMD_UNIT=app{}.service\nMESSAGE\n",
            BASE + number * 1000,
            number * 1000,
            number + 1,
            number % 2,
        )
        .unwrap();
        input.write_all(&(message.len() as u64).to_le_bytes()).unwrap();
        input.write_all(&message).unwrap();
        input.write_all(b"\n\n").unwrap();
    }
    drop(input);
    assert!(remote.wait().unwrap().success());
}

fn message(number: u64) -> Vec<u8> {
    match number % 50 {
        7 => format!("message {number}\nsecond line").into_bytes(),
        9 => [b"message \xff ", number.to_string().as_bytes()].concat(),
        _ => format!("message {number}").into_bytes(),
    }
}

fn line(number: u64) -> String {
    let (second, milli) = (number / 1000, number % 1000);
    let fraction = if milli == 0 { String::new() } else { format!(".{milli:03}") };
    let text = String::from_utf8_lossy(&message(number)).into_owned();
    format!("2026-11-26T16:00:{second:02}{fraction}Z web1 app[{}]: {text}", number + 1)
}

fn config(file: &Path) -> Config {
    Config { files: vec![file.to_path_buf()], from_beginning: true, ..Config::default() }
}

fn journal() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("test.journal");
    (root, file)
}

#[test]
fn entries_are_read_with_their_times_and_new_ones_follow() {
    if !is_here() {
        return;
    }
    let (_root, file) = journal();
    write(&file, 0..200);
    let mut service = Service::start(Journalctl::new(config(&file)), Store::new());
    service.until(|now| now.count("journal") == 200 && now.store["journal"].caught_up);
    let kept = &service.store["journal"];
    let expected: Vec<(u64, String)> = (0..200).map(|number| (number, line(number))).collect();
    assert_eq!(kept.lines, expected);
    assert_eq!(kept.times[3], i64::try_from((BASE + 3000) * 1000).unwrap());
    assert_eq!(&*kept.origins[0], "journalctl-");
    assert_eq!(service.health.state(), State::Reading);
    write(&file, 200..210);
    service.until(|now| now.count("journal") == 210);
}

#[test]
fn after_a_crash_reading_goes_on_behind_the_last_entry_that_was_kept() {
    if !is_here() {
        return;
    }
    let (_root, file) = journal();
    let (mut draw, mut store, mut written) = (Draw::new(5), Store::new(), 0);
    for _ in 0..6 {
        let more = 50 + draw.below(100);
        write(&file, written..written + more);
        written += more;
        let mut service = Service::start(Journalctl::new(config(&file)), store);
        let kept = service.count("journal");
        service.until(|now| now.count("journal") > kept);
        service.take_lines(usize::try_from(draw.below(40)).unwrap());
        store = service.crash();
    }
    let mut service = Service::start(Journalctl::new(config(&file)), store);
    service.until(|now| now.count("journal") as u64 >= written);
    let expected: Vec<(u64, String)> = (0..written).map(|number| (number, line(number))).collect();
    assert_eq!(service.store["journal"].lines, expected);
}

#[test]
fn filters_are_those_of_journalctl_and_a_directory_is_read_once_if_asked_for() {
    if !is_here() {
        return;
    }
    let (root, file) = journal();
    write(&file, 0..100);
    let once = Config {
        filter: vec!["_SYSTEMD_UNIT=app1.service".to_owned()],
        files: Vec::new(),
        directory: Some(root.path().to_path_buf()),
        follow: false,
        max_line: 15,
        ..Config::default()
    };
    let mut service = Service::start(Journalctl::new(once), Store::new());
    service.finish().unwrap();
    let expected: Vec<String> =
        (1..100).step_by(2).filter(|number| message(*number).len() <= 15).map(line).collect();
    assert_eq!(service.lines("journal"), expected);
    assert_eq!(service.meter.rejected(Reason::TooLong), 2);
    assert_eq!(&*service.store["journal"].origins[0], "journalctl-_SYSTEMD_UNIT=app1.service");
    assert_eq!(service.health.state(), State::Ended);
}

#[test]
fn at_a_first_start_old_entries_are_passed_over_and_those_of_a_pause_are_read() {
    if !is_here() {
        return;
    }
    let (_root, file) = journal();
    write(&file, 0..20);
    // These lie in the future of any clock that runs this.
    let late = Config { from_beginning: false, ..config(&file) };
    let mut service = Service::start(Journalctl::new(late.clone()), Store::new());
    service.until(|now| now.store.get("journal").is_some_and(|kept| kept.position.is_some()));
    let store = service.crash();
    assert!(store["journal"].position.as_ref().unwrap().as_str().contains("since"));
    let mut service = Service::start(Journalctl::new(late), store);
    service.until(|now| now.store["journal"].caught_up);
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let expected = if clock.as_micros() > u128::from(BASE) { 0 } else { 20 };
    assert_eq!(service.count("journal"), expected);
}

#[test]
fn a_program_that_is_not_there_or_fails_is_told() {
    let missing = Config { program: "/nonexistent/journalctl".into(), ..Config::default() };
    let mut service = Service::start(Journalctl::new(missing), Store::new());
    let error = service.finish().unwrap_err().to_string();
    assert!(error.contains("is not here"), "{error}");
    if !is_here() {
        return;
    }
    let failing = Config { filter: vec!["--no-such-option".to_owned()], ..Config::default() };
    let mut service = Service::start(Journalctl::new(failing), Store::new());
    service.until(|now| now.health.state().to_string().contains("no-such-option"));
    assert_eq!(service.health.state().name(), "retrying");
}
