//! What goes wrong around a service while it runs: brokers that go away, a Loki that answers nonsense,
//! no time, another time, no names. It lives through all of that, and tells what an undisturbed one tells.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use integration::clock::faketime;
use integration::services::{Mood, poll_until};
use jiff::Timestamp;
use pipeline::service::status::Status;

use crate::logs::Logs;
use crate::number;
use crate::world::{PATIENCE, Running, World, binary};

const RUN: &str = "troubled";
/// The logs are written in so many parts, one of them each [`EVERY`] while trouble lasts.
const PARTS: u64 = 2_000;
const EVERY: Duration = Duration::from_millis(200);
const HOSTS: &str = "127.0.0.1 localhost\n";

/// A world in which things go wrong.
struct Troubled {
    world: World,
    running: Running,
    part: u64,
    /// What the service takes for /etc/hosts.
    hosts: PathBuf,
    /// What its clock is off by.
    clock: PathBuf,
    is_long: bool,
}

fn may_mount() -> bool {
    let tried = Command::new("unshare").args(["--mount", "true"]).output();
    tried.is_ok_and(|tried| tried.status.success())
}

/// The service under names and a clock of its own, where that can be had.
fn command(hosts: &Path, clock: &Path) -> Command {
    let mut command = Command::new(binary());
    if may_mount() {
        let nowhere = hosts.with_file_name("resolv.conf");
        fs::write(&nowhere, "").unwrap();
        let mount = "mount --bind \"$1\" /etc/hosts; mount --bind \"$2\" /etc/resolv.conf; shift 2; exec \"$@\"";
        command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", mount, "sh"]).arg(hosts).arg(nowhere).arg(binary());
    }
    if let Some(library) = faketime() {
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", clock);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
    command
}

impl Troubled {
    fn new() -> Self {
        let world = World::new("a_service_outlives_troubles");
        let folder = world.directory("around");
        fs::create_dir(&folder).unwrap();
        let (hosts, clock) = (folder.join("hosts"), folder.join("clock"));
        fs::write(&hosts, HOSTS).unwrap();
        fs::write(&clock, "+0s").unwrap();
        let running = world.start_by(RUN, command(&hosts, &clock));
        let is_long = number("SPILLWAY_LONG", 0) > 0;
        Self { world, running, part: 0, hosts, clock, is_long }
    }

    /// How long trouble lasts.
    fn time(&self, short: u64, long: u64) -> Duration {
        Duration::from_secs(if self.is_long { long } else { short })
    }

    /// Logs grow for a time.
    fn go_on(&mut self, time: Duration) {
        self.go_on_by(time, Logs::grow);
    }

    fn go_on_by(&mut self, time: Duration, grow: impl Fn(&mut Logs, (u64, u64), u64)) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if self.part < PARTS {
                grow(&mut self.world.logs, (self.part, self.part + 1), PARTS);
                self.part += 1;
            }
            std::thread::sleep(EVERY);
        }
        assert_eq!(self.running.0.try_wait().unwrap(), None, "{}", self.world.errors(RUN));
    }

    fn signal(&self, name: &str) {
        let id = self.running.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until the service says this of a source.
    fn wait_for(&self, name: &str, state: &str) {
        let mut command = Command::new(binary());
        command
            .args(["status", "-o", "json", "--data"])
            .arg(self.world.directory(RUN).join("data"));
        poll_until(&format!("{name} is {state}"), PATIENCE, || {
            let status = command.output().unwrap().stdout;
            let status: Status = serde_json::from_slice(&status).unwrap_or_default();
            status.sources.iter().any(|source| source.name == name && source.state == state)
        });
    }

    fn the_broker_goes_away(&mut self) {
        let time = self.time(4, 150);
        let Some(kafka) = &mut self.world.kafka else { return };
        kafka.kill(0);
        let from = self.part;
        self.go_on_by(time, Logs::grow_beside_the_topic);
        self.wait_for("topic", "retrying");
        self.world.kafka.as_mut().unwrap().start_again(0);
        self.world.logs.grow_topic((from, self.part), PARTS);
        self.wait_for("topic", "reading");
        self.go_on(Duration::from_secs(3));
    }

    fn loki_answers_nonsense(&mut self) {
        let time = self.time(2, 20);
        let Some(proxy) = self.world.logs.proxy().cloned() else { return };
        let busy = "429 Too Many Requests\r\nRetry-After: 1";
        let moods = [
            Mood::Refuse("500 Internal Server Error"),
            Mood::Refuse(busy),
            Mood::Half,
            Mood::Silent,
        ];
        for mood in moods {
            proxy.set(mood);
            self.go_on(time);
            self.wait_for("loki", "retrying");
            proxy.set(Mood::Good);
            self.wait_for("loki", "reading");
        }
    }

    fn time_stands_still(&mut self) {
        let time = self.time(4, 75);
        self.signal("STOP");
        self.go_on(time);
        let state = fs::read_to_string(format!("/proc/{}/stat", self.running.0.id())).unwrap();
        assert!(state.contains(") T "), "{state}");
        self.signal("CONT");
        self.go_on(Duration::from_secs(3));
    }

    fn the_clock_is_set(&mut self) {
        if faketime().is_none() {
            return eprintln!("skipped: no faketime here, so no clock is set");
        }
        let time = self.time(3, 20);
        for (offset, hours) in [("+1h", 1), ("-1h", -1), ("+0s", 0)] {
            fs::write(&self.clock, offset).unwrap();
            self.go_on(time);
            self.wait_for_words(hours);
        }
    }

    /// Waits until something is said at a time that is off by so much.
    fn wait_for_words(&self, hours: i64) {
        // It says that it has other rules.
        self.running.reload();
        poll_until("it says something", PATIENCE, || {
            let errors = self.world.errors(RUN);
            let stamp = errors.lines().last().and_then(|line| line.split(' ').next());
            let stamp = stamp.and_then(|stamp| stamp.parse::<Timestamp>().ok());
            let off = |stamp: Timestamp| stamp.duration_since(Timestamp::now()).as_mins();
            stamp.is_some_and(|stamp| (off(stamp) - 60 * hours).abs() < 10)
        });
    }

    fn names_are_gone(&mut self) {
        if !may_mount() {
            return eprintln!("skipped: nothing may be mounted here, so names stay");
        }
        let time = self.time(4, 30);
        fs::write(&self.hosts, "").unwrap();
        if let Some(kafka) = &mut self.world.kafka {
            // Connections outlive names.
            kafka.kill(0);
            kafka.start_again(0);
        }
        self.go_on(time);
        if self.world.kafka.is_some() {
            self.wait_for("topic", "retrying");
        }
        fs::write(&self.hosts, HOSTS).unwrap();
        self.go_on(Duration::from_secs(3));
    }
}

#[test]
fn a_service_outlives_troubles() {
    let mut troubled = Troubled::new();
    troubled.go_on(Duration::from_secs(2));
    troubled.the_broker_goes_away();
    troubled.loki_answers_nonsense();
    troubled.time_stands_still();
    troubled.names_are_gone();
    troubled.the_clock_is_set();
    let Troubled { mut world, running, part, .. } = troubled;
    world.logs.grow((part, PARTS), PARTS);
    world.wait(RUN);
    world.end(running, RUN);
    world.check(RUN);
}
