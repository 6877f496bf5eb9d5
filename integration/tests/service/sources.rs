//! Settings of sources from outside: which clock counts, which files are read, how a sender is answered.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use integration::ports::free_port;
use integration::services::Kafka;
use integration::topic::Topics;
use operators::time::{EventTime, Stamp, layout};

use crate::http::{Request, send, send_unix};
use crate::process::{Service, failures, refused, unix_nanos};
use crate::write;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;

/// Failed logins from an address, one for each of the hours before now.
fn hourly(from: &str, count: i64) -> Vec<String> {
    let line = |hour| {
        let at = Stamp::utc_at(EventTime(unix_nanos() - hour * HOUR)).rfc3339();
        format!("{at} host sshd[7]: Failed password for root from {from} port {hour} ssh2")
    };
    (0..count).rev().map(line).collect()
}

/// A source that reads a file of syslog from its beginning, with more keys.
fn source(path: &Path, more: &str) -> String {
    let path = path.display();
    format!(
        "- source: file\n  filename: {path}\n  start: beginning\n  labels: {{type: syslog}}\n{more}"
    )
}

fn of_files(folder: &Path, more: &str) -> Service {
    let folder = tempfile::TempDir::new_in(folder).unwrap();
    Service::start_in(folder, more, &[], &[])
}

/// Failures that are hours apart are no brute force; with the clock of their arrival they are one.
#[test]
fn lines_count_by_their_dates_or_by_their_arrival() {
    let logs = tempfile::tempdir().unwrap();
    let of = |name: &str| logs.path().join(name);
    let (dated, arrived, machine) = (of("dated.log"), of("arrived.log"), of("machine.log"));
    write(&dated, &hourly("203.0.113.100", 12));
    write(&arrived, &hourly("203.0.113.101", 12));
    write(&machine, &hourly("203.0.113.102", 12));
    let configuration = format!(
        "sources:\n{}{}{}",
        source(&dated, ""),
        source(&arrived, "  clock: arrival\n"),
        source(&machine, "  use_time_machine: true\n")
    );
    let service = of_files(logs.path(), &configuration);
    service.wait_for_output("203.0.113.101", "ssh-bruteforce");
    for (path, last) in [(&dated, "203.0.113.103"), (&machine, "203.0.113.104")] {
        write(path, &failures(last, 12));
        service.wait_for_output(last, "ssh-bruteforce");
    }
    for hours_apart in ["203.0.113.100", "203.0.113.102"] {
        assert!(!service.output().contains(hours_apart), "{}", service.output());
    }
}

/// Failed logins, dated so many seconds from now.
fn dated(from: &str, count: usize, seconds: i64) -> Vec<String> {
    let at = Stamp::utc_at(EventTime(unix_nanos() + seconds * SECOND)).rfc3339();
    let line = |number| {
        format!("{at} host sshd[{number}]: Failed password for root from {from} port 4242 ssh2")
    };
    (0..count).map(line).collect()
}

/// A log that was quiet is no backlog: a line whose date cannot be is as old as it looks, and does not
/// take that of the line before.
#[test]
fn after_silence_a_line_with_an_impossible_date_is_of_now() {
    let logs = tempfile::tempdir().unwrap();
    let (quiet, old) = (logs.path().join("quiet.log"), logs.path().join("old.log"));
    let service =
        of_files(logs.path(), &format!("sources:\n{}{}", source(&quiet, ""), source(&old, "")));
    write(&quiet, &dated("203.0.113.105", 1, -298));
    write(&old, &dated("203.0.113.106", 1, -400));
    // The clock of the first falls behind by more than a backlog's.
    std::thread::sleep(Duration::from_secs(4));
    write(&quiet, &dated("203.0.113.107", 12, 3600));
    write(&old, &dated("203.0.113.108", 12, 3600));
    let found = |from: &str| {
        service.wait_for_output(from, "ssh-bruteforce");
        let output = service.output();
        let line = output.lines().find(|line| line.contains(from)).unwrap();
        let at = layout::parse_rfc3339(line.split_whitespace().next().unwrap()).unwrap().at;
        (unix_nanos() - at.0) / SECOND
    };
    assert!((0..60).contains(&found("203.0.113.107")), "{}", service.output());
    // Old lines are sent again: what stands between them is as old.
    assert!((390..460).contains(&found("203.0.113.108")), "{}", service.output());
}

/// Failed logins as rsyslog writes them in a zone: without a year, without a zone.
fn traditional(from: &str, zone: &str) -> Vec<String> {
    let now = jiff::Timestamp::now().in_tz(zone).unwrap().strftime("%b %e %H:%M:%S").to_string();
    let line = |number| {
        format!("{now} host sshd[{number}]: Failed password for root from {from} port 4242 ssh2")
    };
    (0..12).map(line).collect()
}

/// West of UTC a ban would be over before it begins.
#[test]
fn dates_without_a_zone_are_of_the_host_or_of_the_source() {
    let logs = tempfile::tempdir().unwrap();
    let of = |name: &str| logs.path().join(name);
    let (own, remote, wrong) = (of("own.log"), of("remote.log"), of("wrong.log"));
    let configuration = format!(
        "sources:\n{}{}{}",
        source(&own, ""),
        source(&remote, "  timezone: Pacific/Honolulu\n"),
        source(&wrong, "  timezone: UTC\n")
    );
    write(&own, &traditional("203.0.113.120", "America/New_York"));
    write(&remote, &traditional("203.0.113.121", "Pacific/Honolulu"));
    write(&wrong, &traditional("203.0.113.122", "America/New_York"));
    let folder = tempfile::TempDir::new_in(logs.path()).unwrap();
    let service =
        Service::start_in(folder, &configuration, &[], &[("TZ", "America/New_York".to_owned())]);
    for from in ["203.0.113.120", "203.0.113.121", "203.0.113.122"] {
        service.wait_for_output(from, "ssh-bruteforce");
    }
    service.wait_for_decision("203.0.113.120");
    service.wait_for_decision("203.0.113.121");
    assert_eq!(service.decisions("203.0.113.122").body, "null");
    let errors = refused(&format!("sources:\n{}", source(&own, "  timezone: CEST\n")), &[]);
    assert!(errors.contains("\"CEST\"") && errors.contains("spillway.yaml:"), "{errors}");
}

#[test]
fn one_clock_is_asked_for_at_a_time() {
    let errors = refused(
        "sources:\n- source: file\n  filename: a.log\n  clock: arrival\n  use_time_machine: true\n",
        &[],
    );
    assert!(errors.contains("`use_time_machine`") && errors.contains("spillway.yaml:"), "{errors}");
}

#[test]
fn files_are_found_by_patterns_without_being_told() {
    let logs = tempfile::tempdir().unwrap();
    let folder = logs.path().join("hosts");
    fs::create_dir_all(folder.join("a")).unwrap();
    write(&folder.join("a/auth.log"), &failures("203.0.113.110", 12));
    write(&folder.join("a/debug.log"), &failures("203.0.113.111", 12));
    let configuration = format!(
        "sources:\n- source: file\n  filenames: ['{}/**/*.log']\n  exclude_regexps: ['debug\\.log$']\n  \
         poll_without_inotify: true\n  poll_interval: 50ms\n  discovery_poll_interval: 200ms\n  \
         start: beginning\n  labels: {{type: syslog}}\n",
        folder.display()
    );
    let service = of_files(logs.path(), &configuration);
    service.wait_for_output("203.0.113.110", "ssh-bruteforce");
    fs::create_dir(folder.join("b")).unwrap();
    write(&folder.join("b/debug.log"), &failures("203.0.113.112", 12));
    write(&folder.join("b/auth.log"), &failures("203.0.113.113", 12));
    service.wait_for_output("203.0.113.113", "ssh-bruteforce");
    write(&folder.join("a/auth.log"), &failures("203.0.113.114", 12));
    service.wait_for_output("203.0.113.114", "ssh-bruteforce");
    for excluded in ["203.0.113.111", "203.0.113.112"] {
        assert!(!service.output().contains(excluded), "{}", service.output());
    }
}

#[test]
fn senders_are_answered_as_configured_by_network_and_by_socket() {
    let port = free_port();
    let configuration = format!(
        "sources:\n- source: http\n  listen_addr: 127.0.0.1:{port}\n  listen_socket: logs.sock\n  \
         auth_type: headers\n  headers: {{x-token: let-me-in}}\n  path: /logs\n  \
         custom_status_code: 202\n  custom_headers: {{x-kept: 'yes'}}\n  \
         transform: JsonExtract(evt.Line.Raw, \"message\")\n  labels: {{type: syslog}}\n"
    );
    let service = Service::start(&configuration, &[]);
    let body = |from: &str| -> String {
        let values = failures(from, 12).into_iter();
        values.map(|line| serde_json::json!({ "message": line }).to_string() + "\n").collect()
    };
    let request = |from: &str, token: &str| Request {
        method: "POST".into(),
        target: "/logs".into(),
        headers: vec![("x-token".into(), token.into())],
        body: body(from),
    };
    let address = format!("127.0.0.1:{port}");
    service.wait("the listener", || std::net::TcpStream::connect(&address).ok());
    let answer = send(&address, &request("203.0.113.120", "let-me-in"));
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("x-kept"), Some("yes"), "{answer:?}");
    service.wait_for_output("203.0.113.120", "ssh-bruteforce");
    let socket = service.folder().join("logs.sock");
    // Senders are other users: what the store's files may not, the socket may.
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let plain = service.folder().join("plain");
    drop(std::os::unix::net::UnixListener::bind(&plain).unwrap());
    assert_eq!(mode(&socket), mode(&plain));
    assert_eq!(send_unix(&socket, &request("203.0.113.121", "wrong")).status, 401);
    assert_eq!(send_unix(&socket, &request("203.0.113.122", "let-me-in")).status, 202);
    service.wait_for_output("203.0.113.122", "ssh-bruteforce");
    assert!(!service.output().contains("203.0.113.121"), "{}", service.output());
}

#[test]
fn sources_that_are_not_read_are_refused_with_what_becomes_of_them() {
    for (kind, word) in [
        ("appsec", "comes later"),
        ("cloudwatch", "comes later"),
        ("kinesis", "comes later"),
        ("s3", "comes later"),
        ("wineventlog", "will never be read"),
    ] {
        let errors = refused(&format!("sources:\n- source: {kind}\n"), &[]);
        assert!(errors.contains(word) && errors.contains("spillway.yaml:2:"), "{kind}: {errors}");
    }
}

/// One after the other they would take minutes.
#[test]
fn silent_files_and_sources_in_trouble_are_waited_for_together() {
    let logs = tempfile::tempdir().unwrap();
    let of = |number: usize| logs.path().join(format!("{number}.log"));
    for number in 0..40 {
        fs::write(of(number), "").unwrap();
    }
    let nobody = || {
        let port = free_port();
        format!(
            "- source: loki\n  name: loki-{port}\n  url: http://127.0.0.1:{port}\n  query: '{{a=\"b\"}}'\n  \
             labels: {{type: syslog}}\n"
        )
    };
    let away: String = (0..8).map(|_| nobody()).collect();
    let configuration = format!(
        "hold: 3s\npatience: 10s\nsources:\n{away}- source: file\n  filename: {}/*.log\n  \
         start: beginning\n  labels: {{type: syslog}}\n",
        logs.path().display()
    );
    let service = of_files(logs.path(), &configuration);
    for number in 0..40 {
        write(&of(number), &failures(&format!("198.51.100.{number}"), 1));
    }
    write(&of(0), &failures("203.0.113.130", 12));
    service.wait_for_output("203.0.113.130", "ssh-bruteforce");
    write(&of(7), &failures("203.0.113.131", 12));
    service.wait_for_output("203.0.113.131", "ssh-bruteforce");
}

#[test]
fn partitions_whose_broker_is_away_are_waited_for_together() {
    const PARTITIONS: i32 = 12;
    let Some(mut kafka) = Kafka::start("partitions_whose_broker_is_away") else { return };
    let topics = Topics::new(&kafka.bootstrap());
    topics.create("many", PARTITIONS, &[]);
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("auth.log");
    write(&log, &[]);
    let configuration = format!(
        "hold: 5s\nsources:\n- source: kafka\n  name: topic\n  brokers: ['{}']\n  topic: many\n  start: earliest\n  \
         labels: {{type: syslog}}\n- source: file\n  filename: {}\n  labels: {{type: syslog}}\n",
        kafka.bootstrap(),
        log.display()
    );
    let service = of_files(logs.path(), &configuration);
    for partition in 0..PARTITIONS {
        let from = format!("203.0.113.{}", 140 + partition);
        topics.fill("many", partition, "none", failures(&from, 1));
    }
    let read =
        format!("spillway_source_lines_total{{source=\"topic\",module=\"kafka\"}} {PARTITIONS}\n");
    service.wait("the lines", || service.page("/metrics").body.contains(&read).then_some(()));
    // None of them is silent yet.
    kafka.kill(0);
    service.wait("trouble", || service.command(&["status"]).1.contains("retrying").then_some(()));
    write(&log, &failures("203.0.113.160", 12));
    service.wait_for_output("203.0.113.160", "ssh-bruteforce");
}
