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

/// A service that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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

    fn start(&self, run: &str) -> Running {
        let folder = self.folder.path().join(run);
        fs::create_dir_all(&folder).unwrap();
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = format!(
            "data: data\nstart: beginning\nhold: unlimited\nepoch: 20ms\nworkers: 2\nmachine: test\n\
             api:\n  listen: 127.0.0.1:{}\nmetrics:\n  listen: 127.0.0.1:{}\n\
             sources:\n- source: file\n  name: logs\n  filenames: [{}/*.log]\n  labels: {{type: syslog}}\n\
             outputs:\n- output: file\n  name: {OUTPUT}\n  path: told.jsonl\n  streams: [alerts, decisions]\n",
            port(),
            port(),
            self.logs().display(),
        );
        fs::write(folder.join("spillway.yaml"), text).unwrap();
        let own = std::env::current_exe().unwrap();
        let binary = own.parent().unwrap().parent().unwrap().join("spillway");
        assert!(binary.exists(), "{} is missing: build it first", binary.display());
        let errors = fs::File::options().create(true).append(true).open(folder.join("errors"));
        writeln!(errors.as_ref().unwrap(), "{run} is started").unwrap();
        let mut command = Command::new(binary);
        command.arg("run").arg("-c").arg(folder.join("spillway.yaml"));
        command.stdout(Stdio::null()).stderr(errors.unwrap());
        Running(command.spawn().unwrap())
    }

    fn errors(&self, run: &str) -> String {
        fs::read_to_string(self.folder.path().join(run).join("errors")).unwrap()
    }

    /// Waits until a run has nothing more to do: lines wait for those of a file that has no more, and
    /// everything is told.
    fn wait(&self, run: &str) {
        let deadline = Instant::now() + PATIENCE;
        let data = self.folder.path().join(run).join("data");
        let runs = || {
            let errors = self.errors(run);
            let last = errors.rsplit("is started\n").next().unwrap_or_default().to_owned();
            last.contains("the service runs")
        };
        while !runs() || !is_through(&data) {
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
        let position: serde_json::Value = serde_json::from_str(&lane.position).unwrap();
        fs::metadata(path).is_ok_and(|file| file.len() > 0 && position["offset"] == file.len())
    };
    lanes.len() as u64 == FILES
        && lanes.iter().any(at_its_end)
        && record::output(&store, OUTPUT).unwrap() == Some(record::next_message(&store).unwrap())
}

fn end(mut running: Running, world: &World, run: &str) {
    Command::new("kill").args(["-s", "TERM", &running.0.id().to_string()]).status().unwrap();
    let status = running.0.wait().unwrap();
    assert!(status.success(), "{status}: {}", world.errors(run));
}

#[test]
fn a_killed_service_tells_what_an_unharmed_one_tells() {
    let (kills, seed) = (number("SPILLWAY_KILLS", 30), number("SPILLWAY_SEED", 1));
    let world = World::new();
    let logs: Vec<_> = (0..FILES).map(log).collect();
    for (seed, bytes) in (0..).zip(&logs) {
        fs::write(world.log(seed), bytes).unwrap();
    }
    let running = world.start("unharmed");
    world.wait("unharmed");
    end(running, &world, "unharmed");
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
        let mut running = world.start("killed");
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
        assert_eq!(running.0.try_wait().unwrap(), None, "{}", world.errors("killed"));
    }
    let running = world.start("killed");
    world.wait("killed");
    end(running, &world, "killed");
    let told = world.told("killed");
    let differs = told.iter().zip(&expected).position(|(told, expected)| told != expected);
    if let Some(at) = differs {
        assert_eq!(told[at], expected[at], "message {at} of {} (seed {seed})", expected.len());
    }
    assert_eq!(told.len(), expected.len(), "number of messages (seed {seed})");
}
