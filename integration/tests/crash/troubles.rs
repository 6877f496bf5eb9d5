//! What goes wrong around a service while it runs: brokers that go away, a Loki that answers nonsense,
//! no time, another time, no names. It lives through all of that, and tells what an undisturbed one tells.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use integration::clock::faketime;
use integration::services::Mood;

use crate::number;
use crate::world::{Running, World, binary};

const RUN: &str = "troubled";
/// The logs are written in so many parts, one of them each [`EVERY`] while trouble lasts.
const PARTS: u64 = 2_000;
const EVERY: Duration = Duration::from_millis(100);
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
        let until = Instant::now() + time;
        while Instant::now() < until {
            if self.part < PARTS {
                self.world.logs.grow((self.part, self.part + 1), PARTS);
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

    fn the_broker_goes_away(&mut self) {
        let time = self.time(4, 70);
        let Some(kafka) = &mut self.world.kafka else { return };
        kafka.kill(0);
        std::thread::sleep(time);
        kafka.start_again(0);
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
            proxy.set(Mood::Good);
            self.go_on(Duration::from_secs(1));
        }
    }

    fn time_stands_still(&mut self) {
        let time = self.time(4, 75);
        self.signal("STOP");
        self.go_on(time);
        self.signal("CONT");
        self.go_on(Duration::from_secs(3));
    }

    fn the_clock_is_set(&mut self) {
        if faketime().is_none() {
            return eprintln!("skipped: no faketime here, so no clock is set");
        }
        let time = self.time(3, 20);
        for offset in ["+1h", "-1h", "+0s"] {
            fs::write(&self.clock, offset).unwrap();
            self.go_on(time);
        }
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
    troubled.the_clock_is_set();
    troubled.names_are_gone();
    let Troubled { mut world, running, part, .. } = troubled;
    world.logs.grow((part, PARTS), PARTS);
    world.wait(RUN);
    world.end(running, RUN);
    world.check(RUN);
}
