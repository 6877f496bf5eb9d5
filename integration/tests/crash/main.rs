//! The service, killed again and again while logs are written: what it tells is what one that nobody
//! kills tells, byte for byte.
//!
//! SPILLWAY_KILLS=30   how often; SPILLWAY_SEED=1   which instants

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use benchmarks::generator::calendar::Moment;
use benchmarks::generator::disorder::Disorder;
use benchmarks::generator::{Kind, Plan, generate};
use pipeline::live::lanes::LaneRecord;
use pipeline::live::record;
use pipeline::state::Store;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);
const LINES: u64 = 4_000;
const FILES: u64 = 3;
/// Name of the output.
const OUTPUT: &str = "told";

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A sequence of numbers that looks random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn log(seed: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (start, disorder) = (Moment::default(), Disorder::default());
    generate(&Plan { kind: Kind::Ssh, lines: LINES, seed, start, disorder }, &mut bytes).unwrap();
    bytes
}

/// Logs, and a service that reads them into a directory of its own.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(world.logs()).unwrap();
        world
    }

    fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    fn log(&self, seed: u64) -> PathBuf {
        self.logs().join(format!("auth-{seed}.log"))
    }

    fn start(&self, run: &str) -> Child {
        let folder = self.folder.path().join(run);
        fs::create_dir_all(&folder).unwrap();
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = format!(
            "data: data\nstart: beginning\nhold: unlimited\nepoch: 20ms\nworkers: 2\nmachine: test\n\
             api:\n  listen: 127.0.0.1:{}\nmetrics:\n  listen: 127.0.0.1:{}\n\
             sources:\n- source: file\n  name: logs\n  filenames: [../logs/*.log]\n  labels: {{type: syslog}}\n\
             outputs:\n- output: file\n  name: {OUTPUT}\n  path: told.jsonl\n  streams: [alerts, decisions]\n",
            port(),
            port(),
        );
        fs::write(folder.join("spillway.yaml"), text).unwrap();
        let own = std::env::current_exe().unwrap();
        let binary = own.parent().unwrap().parent().unwrap().join("spillway");
        assert!(binary.exists(), "{} is missing: build it first", binary.display());
        let errors = fs::File::options().create(true).append(true).open(folder.join("errors"));
        Command::new(binary)
            .arg("run")
            .arg("-c")
            .arg(folder.join("spillway.yaml"))
            .stdout(Stdio::null())
            .stderr(errors.unwrap())
            .spawn()
            .unwrap()
    }

    fn errors(&self, run: &str) -> String {
        fs::read_to_string(self.folder.path().join(run).join("errors")).unwrap()
    }

    /// Waits until a run has nothing more to do: lines wait for those of a file that has no more, and
    /// everything is told.
    fn wait(&self, run: &str) {
        let deadline = Instant::now() + PATIENCE;
        let data = self.folder.path().join(run).join("data");
        while !is_through(&data) {
            assert!(Instant::now() < deadline, "{run} is not through: {}", self.errors(run));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn told(&self, run: &str) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join(run).join("told.jsonl")).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

fn is_through(data: &Path) -> bool {
    // While it starts there is nothing to look at.
    let Ok(store) = Store::open_to_look(data) else { return false };
    let Ok(lanes) = record::lanes(&store) else { return false };
    let at_its_end = |(key, lane): &(Box<str>, LaneRecord)| {
        let (_, path) = key.split_once('\0').unwrap();
        fs::metadata(path).is_ok_and(|file| file.len() > 0 && lane.next >= file.len())
    };
    lanes.len() as u64 == FILES
        && lanes.iter().any(at_its_end)
        && record::output(&store, OUTPUT).unwrap() == Some(record::next_message(&store).unwrap())
}

fn end(mut child: Child) {
    Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_killed_service_tells_what_an_unharmed_one_tells() {
    let (kills, seed) = (number("SPILLWAY_KILLS", 30), number("SPILLWAY_SEED", 1));
    let world = World::new();
    let logs: Vec<_> = (0..FILES).map(log).collect();
    for (seed, bytes) in (0..).zip(&logs) {
        fs::write(world.log(seed), bytes).unwrap();
    }
    let child = world.start("unharmed");
    world.wait("unharmed");
    end(child);
    let expected = world.told("unharmed");
    assert!(expected.len() > 300, "{}", expected.len());

    // The same files, growing while the service comes and goes.
    let mut files = Vec::new();
    for seed in 0..FILES {
        fs::remove_file(world.log(seed)).unwrap();
        files.push(fs::File::create_new(world.log(seed)).unwrap());
    }
    let mut dice = Dice(seed);
    for kill in 0..kills {
        let mut child = world.start("killed");
        let until = Instant::now() + Duration::from_millis(100 + dice.below(900));
        let written = |bytes: &[u8], of: u64| bytes.len() as u64 * of / (kills * 10);
        for part in 0..10 {
            let at = kill * 10 + part;
            for (file, bytes) in files.iter_mut().zip(&logs) {
                let (from, to) = (written(bytes, at), written(bytes, at + 1));
                // Not at line ends: a line that is half written waits for its other half.
                file.write_all(
                    &bytes[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()],
                )
                .unwrap();
            }
            std::thread::sleep(
                until.saturating_duration_since(Instant::now()) / (10 - part as u32),
            );
        }
        assert_eq!(child.try_wait().unwrap(), None, "{}", world.errors("killed"));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let child = world.start("killed");
    world.wait("killed");
    end(child);
    let told = world.told("killed");
    let differs = told.iter().zip(&expected).position(|(told, expected)| told != expected);
    if let Some(at) = differs {
        assert_eq!(told[at], expected[at], "message {at} of {} (seed {seed})", expected.len());
    }
    assert_eq!(told.len(), expected.len(), "number of messages (seed {seed})");
}
