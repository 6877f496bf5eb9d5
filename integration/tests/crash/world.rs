//! Logs, and services that read them into directories of their own. They tell a file and, where there is
//! a broker, topics of it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use integration::ports::free_port;
use integration::services::{Kafka, Loki, poll_until};
use integration::topic::{Record, Topics};
use pipeline::emit::Tray;
use pipeline::live::lanes::LaneRecord;
use pipeline::live::record;
use pipeline::state::Store;

use crate::logs::{Logs, Protocol};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// Names of the outputs.
const FILE: &str = "lines";
const TOPICS: &str = "topics";
/// How often in a row nothing may have changed until a run is through.
const STILL: u32 = 10;
/// Bodies of a log that is sent.
pub(crate) const BODIES: u64 = 200;
const STREAMS: [&str; 2] = ["alerts", "decisions"];

/// A service that does not outlive its test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Has it take up the rules anew.
    pub(crate) fn reload(&self) {
        // It may have ended meanwhile.
        let _ = Command::new("kill").args(["-s", "HUP", &self.0.id().to_string()]).output();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Logs, and who reads them.
pub(crate) struct World {
    pub(crate) logs: Logs,
    pub(crate) kafka: Option<Kafka>,
    folder: tempfile::TempDir,
}

impl World {
    /// A world for a test, with what of Kafka and Loki can be had here.
    pub(crate) fn new(test: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (kafka, loki) = (Kafka::start(test), Loki::start(test));
        let logs = Logs::new(&folder.path().join("logs"), kafka.as_ref(), loki);
        Self { logs, kafka, folder }
    }

    /// A world of files.
    pub(crate) fn of_files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let logs = Logs::new(&folder.path().join("logs"), None, None);
        Self { logs, kafka: None, folder }
    }

    /// A world of files that are rotated whenever they grow.
    pub(crate) fn of_rotated_files() -> Self {
        let mut world = Self::of_files();
        world.logs.rotates = true;
        world
    }

    /// A world of one sender.
    pub(crate) fn of_a_sender(protocol: Protocol) -> Self {
        Self { logs: Logs::sent(protocol), kafka: None, folder: tempfile::tempdir().unwrap() }
    }

    /// Whether there is nothing but files.
    pub(crate) fn is_small(&self) -> bool {
        self.kafka.is_none()
    }

    /// Starts a service; runs of one name are the same service again.
    pub(crate) fn start(&self, run: &str) -> Running {
        self.start_by(run, Command::new(binary()))
    }

    /// The same by a command that runs the binary; arguments are added.
    pub(crate) fn start_by(&self, run: &str, mut command: Command) -> Running {
        let folder = self.directory(run);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("spillway.yaml"), self.configuration(run)).unwrap();
        let errors = fs::File::options().create(true).append(true).open(folder.join("errors"));
        writeln!(errors.as_ref().unwrap(), "{run} is started").unwrap();
        command.arg("run").arg("-c").arg(folder.join("spillway.yaml"));
        command.stdout(Stdio::null()).stderr(errors.unwrap());
        Running(command.spawn().unwrap())
    }

    fn configuration(&self, run: &str) -> String {
        let (api, metrics, sources) = (free_port(), free_port(), self.logs.configuration());
        let hold = self.logs.hold();
        let topics = self.kafka.as_ref().map(|kafka| {
            let topics = STREAMS
                .map(|stream| format!("  {stream}: {{topic: {run}-{stream}, partitions: 3}}\n"));
            format!(
                "- output: kafka\n  name: {TOPICS}\n  brokers: [{}]\n  transactional_id: {run}\n{}",
                kafka.bootstrap(),
                topics.concat()
            )
        });
        let topics = topics.unwrap_or_default();
        format!(
            "data: data\nstart: beginning\nhold: {hold}\nepoch: 20ms\nworkers: 2\nmachine: test\n\
             api:\n  listen: 127.0.0.1:{api}\nmetrics:\n  listen: 127.0.0.1:{metrics}\n\
             {sources}outputs:\n- output: file\n  name: {FILE}\n  path: told.jsonl\n{topics}\
             unparsed:\n- output: file\n  path: aside.jsonl\n"
        )
    }

    pub(crate) fn directory(&self, run: &str) -> PathBuf {
        self.folder.path().join(run)
    }

    pub(crate) fn errors(&self, run: &str) -> String {
        fs::read_to_string(self.directory(run).join("errors")).unwrap()
    }

    /// Waits until a run has nothing more to do: lines wait for those of a lane that has no more, and
    /// everything is told.
    pub(crate) fn wait(&self, run: &str) {
        let deadline = Instant::now() + PATIENCE;
        let data = self.directory(run).join("data");
        let (mut seen, mut still) = (None, 0);
        while still < STILL {
            assert!(Instant::now() < deadline, "{run}: {seen:?}: {}", self.errors(run));
            std::thread::sleep(Duration::from_millis(50));
            let now = self.progress(run, &data);
            let is_through = now.as_ref().is_some_and(|now| self.is_through(now));
            still = if is_through && now == seen { still + 1 } else { 0 };
            seen = now;
        }
    }

    /// Waits until a run reads.
    pub(crate) fn wait_until_it_runs(&self, run: &str) {
        poll_until("it runs", PATIENCE, || self.runs(run));
    }

    /// Lets the logs grow and waits until more of them is kept.
    pub(crate) fn keep_more(&mut self, run: &str, (from, to): (u64, u64), parts: u64) {
        let data = self.directory(run).join("data");
        let before = self.progress(run, &data);
        self.logs.grow((from, to), parts);
        poll_until("more is kept", PATIENCE, || {
            let now = self.progress(run, &data);
            now.is_some() && now != before
        });
    }

    /// Waits until something of each log is kept.
    pub(crate) fn wait_until_all_is_begun(&self, run: &str) {
        let data = self.directory(run).join("data");
        poll_until("all is begun", PATIENCE, || {
            let lanes = self.progress(run, &data).map(|now| now.lanes).unwrap_or_default();
            lanes.len() == self.logs.count() && lanes.iter().all(|(_, lane)| lane.next > 0)
        });
    }

    fn runs(&self, run: &str) -> bool {
        let errors = self.errors(run);
        errors.rsplit("is started\n").next().unwrap_or_default().contains("the service runs")
    }

    /// How far a run is, once it runs.
    fn progress(&self, run: &str, data: &Path) -> Option<Progress> {
        if !self.runs(run) {
            return None;
        }
        // Files come and go while it is looked at.
        let store = Store::open_to_look(data).ok()?;
        let lanes = record::lanes(&store).ok()?;
        let outputs = if self.kafka.is_some() { &[FILE, TOPICS][..] } else { &[FILE] };
        let told = outputs.iter().map(|output| record::output(&store, Tray::Results, output));
        let told = told.collect::<Result<Vec<_>, _>>().ok()?;
        Some(Progress { lanes, told, next: record::next_message(&store, Tray::Results).ok()? })
    }

    fn is_through(&self, progress: &Progress) -> bool {
        let Progress { lanes, told, next } = progress;
        lanes.len() == self.logs.count()
            && lanes.iter().any(|(key, lane)| self.logs.is_at_its_end(key, lane))
            && told.iter().all(|told| *told == Some(*next))
    }

    /// Ends a service in good order.
    pub(crate) fn end(&self, mut running: Running, run: &str) {
        Command::new("kill").args(["-s", "TERM", &running.0.id().to_string()]).status().unwrap();
        let status = running.0.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.errors(run));
    }

    /// What a run told, in order: the file, then topics partition by partition.
    fn told(&self, run: &str) -> Vec<String> {
        let text = fs::read_to_string(self.directory(run).join("told.jsonl")).unwrap();
        let mut told: Vec<_> = text.lines().map(str::to_owned).collect();
        if let Some(kafka) = &self.kafka {
            let topics = Topics::new(&kafka.bootstrap());
            let records = STREAMS.iter().flat_map(|stream| topics.read(&format!("{run}-{stream}")));
            told.extend(records.map(|record| shown(&record)));
        }
        told
    }

    /// Reads everything once more by a service that nobody disturbs, and fails where another run told
    /// something else.
    pub(crate) fn check(&self, run: &str) {
        let running = self.start("unharmed");
        self.logs.send(BODIES);
        self.wait("unharmed");
        self.end(running, "unharmed");
        let (told, expected) = (self.told(run), self.told("unharmed"));
        assert!(expected.len() > 100, "{}", expected.len());
        let differs = told.iter().zip(&expected).position(|(told, expected)| told != expected);
        if let Some(at) = differs {
            assert_eq!(told[at], expected[at], "message {at} of {}", expected.len());
        }
        assert_eq!(told.len(), expected.len(), "number of messages");
    }
}

/// How far a run is.
#[derive(Debug, PartialEq)]
struct Progress {
    lanes: Vec<(Box<str>, LaneRecord)>,
    /// The next message of each output.
    told: Vec<Option<u64>>,
    next: u64,
}

/// The binary of this build.
pub(crate) fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let binary = own.parent().unwrap().parent().unwrap().join("spillway");
    assert!(binary.exists(), "{} is missing: build it first", binary.display());
    binary
}

/// All of a record but its offset: markers of transactions have some, too.
fn shown(record: &Record) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers = record.headers.iter().map(|(name, value)| format!(" {name}={}", text(value)));
    let (key, headers) = (text(&record.key), headers.collect::<String>());
    let payload = record.payload.as_deref().map_or("-".to_owned(), text);
    format!("{} {key}{headers} {payload}", record.partition)
}
