//! The syslog source and senders that behave, misbehave, or attack.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use connectors::metric::{Counter, Gauge, Reason};
use connectors::syslog::{Config, Limits, Listener, Protocol, Syslog};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::listening::{connect, is_ended, listen, listener, run, write};
use crate::ports::free_port;
use crate::service::{DEADLINE, Service, Store};

const HEAD: &str = "Nov 26 16:00:00 host app[1]: ";

fn message(number: usize) -> String {
    format!("<13>{HEAD}message {number}")
}

fn line(number: usize) -> String {
    format!("{HEAD}message {number}")
}

#[test]
fn datagrams_become_lines_of_their_sender() {
    let (mut service, name, address) = listen(Protocol::Udp, Limits::default());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..200 {
        socket.send_to(format!("{}\n", message(number)).as_bytes(), address).unwrap();
    }
    service.until(|now| now.count(&name) == 200);
    let expected: Vec<(u64, String)> =
        (0..200).map(|number| (number as u64, line(number))).collect();
    assert_eq!(service.store[&*name].lines, expected);
    assert_eq!(&*service.store[&*name].origins[0], "127.0.0.1");
    assert!(service.deliveries < 200, "they are sent together");
    service.until(|now| now.store[&*name].caught_up);
}

#[test]
fn numbers_go_on_after_a_restart() {
    let config = Config { listeners: vec![listener(Protocol::Udp, None)], ..Config::default() };
    let (name, address) = (config.listeners[0].name(), config.listeners[0].address);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut store = Store::new();
    for round in 0..3_usize {
        let mut service = run(config.clone(), store);
        socket.send_to(message(round).as_bytes(), address).unwrap();
        service.until(|now| now.count(&name) == round + 1);
        store = service.crash();
    }
    let offsets: Vec<u64> = store[&*name].lines.iter().map(|line| line.0).collect();
    assert_eq!(offsets, [0, 1, 2]);
}

#[test]
fn senders_over_ipv6_are_known_by_their_address() {
    let address: SocketAddr = format!("[::1]:{}", free_port()).parse().unwrap();
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("skipped: no IPv6 here");
        return;
    }
    let listeners = [Protocol::Udp, Protocol::Tcp]
        .map(|protocol| Listener { address, protocol, tls: None })
        .to_vec();
    let names: Vec<String> = listeners.iter().map(Listener::name).collect();
    let mut service = run(Config { listeners, ..Config::default() }, Store::new());
    UdpSocket::bind("[::1]:0").unwrap().send_to(b"<13>x", address).unwrap();
    assert!(write(&mut connect(address), "<13>x\n"));
    for name in names {
        service.until(|now| now.count(&name) == 1);
        assert_eq!(&*service.store[&*name].origins[0], "::1");
    }
}

#[test]
fn streams_may_count_or_end_lines_and_come_in_any_pieces() {
    let (mut service, name, address) = listen(Protocol::Tcp, Limits::default());
    let mut stream = connect(address);
    let mut bytes = Vec::new();
    for number in 0..300 {
        let message = message(number);
        if number % 3 == 0 {
            write!(bytes, "{} {message}", message.len()).unwrap();
        } else {
            writeln!(bytes, "{message}").unwrap();
        }
    }
    for piece in bytes.chunks(97) {
        assert!(write(&mut stream, piece));
    }
    service.until(|now| now.count(&name) == 300);
    let expected: Vec<String> = (0..300).map(line).collect();
    assert_eq!(service.lines(&name), expected);
    assert!(write(&mut stream, "<13>no end"));
    drop(stream);
    service.until(|now| now.count(&name) == 301);
    service.until(|now| now.meter.gauge(Gauge::Open) == 0);
    assert_eq!(service.meter.count(Counter::Sessions), 1);
}

#[test]
fn what_is_sent_stays_raw_where_that_is_asked_for() {
    let config =
        Config { listeners: vec![listener(Protocol::Tcp, None)], raw: true, ..Config::default() };
    let (name, address) = (config.listeners[0].name(), config.listeners[0].address);
    let mut service = run(config, Store::new());
    let modern = "1 2026-11-26T16:00:00Z host app 1 ID47 [a b=\"c\"] text";
    assert!(write(&mut connect(address), format!("<13>{modern}\n<14>plain \u{7}\n")));
    service.until(|now| now.count(&name) == 2);
    assert_eq!(service.lines(&name), [modern, "plain \u{7}"]);
}

#[test]
fn bad_bytes_and_empty_messages_harm_nothing() {
    let (mut service, name, address) = listen(Protocol::Tcp, Limits::default());
    let mut stream = connect(address);
    assert!(write(
        &mut stream,
        [b"<13>", HEAD.as_bytes(), b"\xff\xfe\n\n\r\n0 \n<13>last\n"].concat()
    ));
    service.until(|now| now.count(&name) == 3);
    assert_eq!(service.lines(&name)[0], format!("{HEAD}\u{fffd}\u{fffd}"));
    assert!(service.lines(&name)[2].ends_with("Z 127.0.0.1 last"));
    assert_eq!(service.meter.count(Counter::Repaired), 1);
}

#[test]
fn an_endless_line_is_counted_and_ends_the_connection() {
    let limits =
        Limits { message: 1000, message_time: Duration::from_millis(500), ..Limits::default() };
    let (mut service, name, address) = listen(Protocol::Tcp, limits);
    let (mut endless, mut good) = (connect(address), connect(address));
    while write(&mut endless, [b'x'; 10_000]) {
        service.during(Duration::from_millis(5));
    }
    assert!(write(&mut good, message(1) + "\n"));
    service.until(|now| now.count(&name) == 1);
    assert_eq!(service.meter.rejected(Reason::TooLong), 1);
    assert_eq!(service.meter.rejected(Reason::PeerLimit), 1);
}

#[test]
fn slow_senders_are_let_go_and_patient_ones_stay() {
    let limits = Limits {
        message_time: Duration::from_millis(300),
        idle: Duration::from_secs(600),
        ..Limits::default()
    };
    let (mut service, name, address) = listen(Protocol::Tcp, limits);
    let (mut slow, mut patient) = (connect(address), connect(address));
    assert!(write(&mut patient, message(0) + "\n"));
    let mut letters = std::iter::repeat(b"<13>dripping".iter()).flatten();
    while write(&mut slow, [*letters.next().unwrap()]) {
        service.during(Duration::from_millis(20));
    }
    assert!(write(&mut patient, message(1) + "\n"));
    service.until(|now| now.count(&name) == 2);
    assert_eq!(service.meter.rejected(Reason::PeerLimit), 1);
}

#[test]
fn silent_connections_end_when_their_time_is_over() {
    let limits = Limits { idle: Duration::from_millis(200), ..Limits::default() };
    let (mut service, name, address) = listen(Protocol::Tcp, limits);
    let mut stream = connect(address);
    assert!(write(&mut stream, message(0) + "\n"));
    assert!(is_ended(&mut stream, &mut service));
    service.until(|now| now.count(&name) == 1);
}

#[test]
fn bad_counts_are_told_and_the_next_messages_are_read() {
    let limits = Limits { message: 1000, ..Limits::default() };
    let (mut service, name, address) = listen(Protocol::Tcp, limits);
    let mut stream = connect(address);
    let good = message(1);
    let sent = format!(
        "{} {good}7 {good}\n2000 <13>{}\n{} {good}",
        good.len(),
        "x".repeat(2000 - 5),
        good.len()
    );
    assert!(write(&mut stream, sent));
    service.until(|now| now.count(&name) == 3);
    assert_eq!(service.lines(&name)[0], line(1));
    assert_eq!(service.lines(&name)[2], line(1));
    assert_eq!(service.meter.rejected(Reason::Framing), 1);
    assert_eq!(service.meter.rejected(Reason::TooLong), 1);
}

#[test]
fn other_networks_are_turned_away() {
    let listeners = vec![listener(Protocol::Udp, None), listener(Protocol::Tcp, None)];
    let (udp, tcp) = (listeners[0].address, listeners[1].address);
    let allow = vec!["192.0.2.0/24".parse().unwrap()];
    let mut service = run(Config { listeners, allow, ..Config::default() }, Store::new());
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"<13>x", udp).unwrap();
    assert!(is_ended(&mut connect(tcp), &mut service));
    service.until(|now| now.meter.rejected(Reason::Unauthorized) == 2);
    assert_eq!(service.meter.count(Counter::Lines), 0);
}

#[test]
fn one_address_cannot_take_all_connections() {
    let limits = Limits { connections: 4, connections_per_address: 2, ..Limits::default() };
    let (mut service, name, address) = listen(Protocol::Tcp, limits);
    let _held = [connect(address), connect(address)];
    service.until(|now| now.meter.gauge(Gauge::Open) == 2);
    assert!(is_ended(&mut connect(address), &mut service));
    let mut other = from(2, address);
    assert!(write(&mut other, message(0) + "\n"));
    service.until(|now| now.count(&name) == 1);
    assert_eq!(service.meter.rejected(Reason::PeerLimit), 1);
}

/// A connection from 127.0.0.`number`.
fn from(number: u8, address: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 0, number), 0).into()).unwrap();
        let stream = socket.connect(address).await.unwrap().into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        stream
    })
}

const CONNECTIONS: usize = 10_000;
/// Tells this test program to be the other side of another run of it.
const CROWD: &str = "SPILLWAY_TEST_CROWD";

/// Another process, so that neither needs more open files than connections.
#[test]
fn the_crowd_of_another_process() {
    let Ok(address) = std::env::var(CROWD) else { return };
    let mut streams: Vec<TcpStream> = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = connect(address.parse().unwrap());
        // Half a message each, so that all are in the middle of one.
        assert!(write(&mut stream, format!("<13>{HEAD}mess")));
        streams.push(stream);
    }
    let mut go = String::new();
    std::io::stdin().read_line(&mut go).unwrap();
    for (number, stream) in streams.iter_mut().enumerate() {
        assert!(write(stream, format!("age {number}\n")));
    }
    std::io::stdin().read_line(&mut go).unwrap();
}

#[test]
fn ten_thousand_connections_are_served() {
    let files = getrlimit(Resource::Nofile);
    let enough = Some(CONNECTIONS as u64 + 500);
    let more = Rlimit { current: enough, ..files };
    if files.current.is_some_and(|most| Some(most) < enough)
        && setrlimit(Resource::Nofile, more).is_err()
    {
        eprintln!("skipped: not enough open files are allowed here");
        return;
    }
    let limits = Limits {
        connections: CONNECTIONS,
        connections_per_address: CONNECTIONS,
        // The first is not cut off, however long the last takes to come.
        message_time: 2 * DEADLINE,
        ..Limits::default()
    };
    let (mut service, name, address) = listen(Protocol::Tcp, limits);
    let mut crowd = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "syslog::the_crowd_of_another_process", "--nocapture"])
        .env(CROWD, address.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut go = crowd.stdin.take().unwrap();
    service.until(|now| now.meter.gauge(Gauge::Open) == CONNECTIONS as i64);
    assert!(is_ended(&mut connect(address), &mut service), "one more is too many");
    go.write_all(b"\n").unwrap();
    service.until(|now| now.count(&name) == CONNECTIONS);
    let lines: BTreeSet<&str> = service.lines(&name).into_iter().collect();
    assert_eq!(lines.len(), CONNECTIONS);
    assert!(lines.contains(line(CONNECTIONS - 1).as_str()));
    drop(go);
    service.until(|now| now.meter.gauge(Gauge::Open) == 0);
    assert!(crowd.wait().unwrap().success());
}

#[test]
fn a_busy_service_makes_streams_wait_and_bounds_what_it_holds() {
    let config = Config {
        listeners: vec![listener(Protocol::Tcp, None)],
        window_bytes: 1 << 20,
        ..Config::default()
    };
    let (name, address) = (config.listeners[0].name(), config.listeners[0].address);
    let mut service = run(config, Store::new());
    const MESSAGES: usize = 400_000;
    let sender = std::thread::spawn(move || {
        let mut stream = std::io::BufWriter::new(connect(address));
        for number in 0..MESSAGES {
            writeln!(stream, "{}", message(number)).unwrap();
        }
        stream.flush().unwrap();
    });
    // Nobody takes anything.
    std::thread::sleep(Duration::from_millis(700));
    assert!(!sender.is_finished(), "the sender waits");
    let held = service.meter.count(Counter::Bytes);
    assert!(held < 4 << 20, "{held} bytes are held");
    service.until(|now| now.count(&name) == MESSAGES);
    sender.join().unwrap();
    assert_eq!(service.lines(&name)[MESSAGES - 1], line(MESSAGES - 1));
}

#[test]
fn datagrams_that_find_no_room_are_counted() {
    let limits = Limits { receive_buffer: 64 << 10, ..Limits::default() };
    let config = Config {
        listeners: vec![listener(Protocol::Udp, None)],
        window_bytes: 64 << 10,
        limits,
        ..Config::default()
    };
    let (name, address) = (config.listeners[0].name(), config.listeners[0].address);
    let mut service = run(config, Store::new());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    const MESSAGES: usize = 20_000;
    for number in 0..MESSAGES {
        socket.send_to(message(number).as_bytes(), address).unwrap();
    }
    service.until(|now| now.count(&name) + now.meter.rejected(Reason::NoRoom) as usize == MESSAGES);
    assert!(service.meter.rejected(Reason::NoRoom) > 0);
}

#[test]
fn a_taken_port_is_waited_for() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = Config {
        listeners: vec![Listener { address, protocol: Protocol::Tcp, tls: None }],
        ..Config::default()
    };
    let name = config.listeners[0].name();
    let mut service = Service::start(Syslog::new(config).unwrap(), Store::new());
    service.until(|now| now.health.state().to_string().contains("cannot be listened to"));
    drop(taken);
    service.until(|now| now.health.state().name() == "reading");
    assert!(write(&mut connect(address), "<13>x\n"));
    service.until(|now| now.count(&name) == 1);
}

#[test]
fn what_cannot_be_configured_is_refused() {
    let wrong = |config: Config| Syslog::new(config).unwrap_err().to_string();
    assert!(wrong(Config::default()).contains("at least one listener"));
    let twice = vec![listener(Protocol::Udp, None); 2];
    assert!(wrong(Config { listeners: twice, ..Config::default() }).contains("twice"));
    let limits = Limits { message: 0, ..Limits::default() };
    let one = vec![listener(Protocol::Udp, None)];
    assert!(
        wrong(Config { listeners: one, limits, ..Config::default() }).contains("max_message_len")
    );
}
