//! Senders that try again until they hear yes, against a service that is killed: what is acknowledged was
//! kept.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use integration::ports::free_port;
use integration::services::poll_until;

use crate::logs::Protocol;
use crate::world::{BODIES, PATIENCE, World};
use crate::{Dice, number};

/// Messages that rsyslog sends.
const MESSAGES: usize = 20_000;
const RSYSLOG: &str = "/usr/sbin/rsyslogd";
const MODULE: &str = "/usr/lib/x86_64-linux-gnu/rsyslog/omrelp.so";

/// Kills a service again and again while `sends` runs; what that gives, and how often it was killed.
fn killing<T: Send>(world: &World, sends: impl FnOnce() -> T + Send) -> (T, u64) {
    let (kills, mut dice) = (number("SPILLWAY_KILLS", 30), Dice(number("SPILLWAY_SEED", 1)));
    let mut killed = 0;
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(sends);
        while killed < kills && !sender.is_finished() {
            let _running = world.start("killed");
            std::thread::sleep(Duration::from_millis(300 + dice.below(900)));
            killed += 1;
        }
        let running = world.start("killed");
        let sent = sender.join().unwrap();
        world.wait("killed");
        world.end(running, "killed");
        sent
    });
    (sent, killed)
}

/// Repeats are known: what is told is what an undisturbed sender leads to.
fn nothing_is_lost_or_doubled(protocol: Protocol) {
    let world = World::of_a_sender(protocol);
    let (vain, killed) = killing(&world, || world.logs.send(BODIES));
    eprintln!("{protocol:?}: {killed} kills, {vain} times sent in vain");
    assert!(vain > 0);
    world.check("killed");
}

#[test]
fn a_sender_that_tries_again_loses_and_doubles_nothing() {
    nothing_is_lost_or_doubled(Protocol::Loki);
}

#[test]
fn a_sender_of_otlp_that_tries_again_loses_and_doubles_nothing() {
    nothing_is_lost_or_doubled(Protocol::Otlp);
}

#[test]
fn a_sender_of_json_that_tries_again_loses_and_doubles_nothing() {
    nothing_is_lost_or_doubled(Protocol::Json);
}

/// An rsyslog that hands on what it is told over TCP.
struct Rsyslog {
    child: Child,
    input: u16,
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Rsyslog {
    fn start(folder: &Path, to: u16) -> Self {
        let input = free_port();
        let path = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "global(workDirectory=\"{}\")\nmodule(load=\"imtcp\")\nmodule(load=\"omrelp\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{input}\")\n\
             action(type=\"omrelp\" target=\"127.0.0.1\" port=\"{to}\" action.resumeRetryCount=\"-1\" \
             action.resumeInterval=\"1\" queue.type=\"LinkedList\" queue.size=\"100000\")\n",
            folder.display()
        );
        fs::write(path("rsyslog.conf"), config).unwrap();
        let child = Command::new(RSYSLOG)
            .args(["-n", "-f", &path("rsyslog.conf"), "-i", &path("pid")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, input }
    }

    /// Hands it messages that no parser takes, over some seconds.
    fn send(&self) {
        let address = ("127.0.0.1", self.input);
        poll_until("rsyslog", PATIENCE, || TcpStream::connect(address).is_ok());
        let mut stream = BufWriter::new(TcpStream::connect(address).unwrap());
        for number in 0..MESSAGES {
            writeln!(stream, "<13>Nov 26 16:00:00 gate stranger: number {number}.").unwrap();
            if number.is_multiple_of(100) {
                stream.flush().unwrap();
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        stream.flush().unwrap();
    }
}

/// How often each message was told.
fn told(file: &Path) -> BTreeMap<usize, usize> {
    let mut times = BTreeMap::new();
    for line in fs::read_to_string(file).unwrap_or_default().lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        let (_, number) = message["line"].as_str().unwrap().rsplit_once(' ').unwrap();
        *times.entry(number.trim_end_matches('.').parse().unwrap()).or_default() += 1;
    }
    times
}

/// RELP has no names for messages: what was not acknowledged comes again, and may have been kept.
#[test]
fn rsyslog_loses_nothing_by_relp() {
    if !Path::new(RSYSLOG).exists() || !Path::new(MODULE).exists() {
        eprintln!("rsyslog_loses_nothing_by_relp: skipped, no rsyslog with omrelp here");
        return;
    }
    let (kills, mut dice) = (number("SPILLWAY_KILLS", 30), Dice(number("SPILLWAY_SEED", 1)));
    let world = World::of_a_sender(Protocol::Relp);
    let folder = tempfile::tempdir().unwrap();
    let rsyslog = Rsyslog::start(folder.path(), world.logs.port());
    let file = world.directory("killed").join("aside.jsonl");
    let mut killed = 0;
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| rsyslog.send());
        while killed < kills && !sender.is_finished() {
            let _running = world.start("killed");
            // rsyslog looks each second whether somebody listens again.
            std::thread::sleep(Duration::from_millis(2_000 + dice.below(1_500)));
            killed += 1;
        }
    });
    let before = told(&file).len();
    let running = world.start("killed");
    world.wait_until_it_runs("killed");
    poll_until("every message", PATIENCE, || told(&file).len() == MESSAGES);
    world.end(running, "killed");
    let times = told(&file);
    let again: usize = times.values().map(|times| times - 1).sum();
    eprintln!("{killed} kills, {before} messages before the last, {again} came again");
    assert!(killed > 2 && before > 0, "{killed} kills, {before}");
    assert!(times.keys().copied().eq(0..MESSAGES));
}
