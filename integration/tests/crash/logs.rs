//! Logs that grow: files, the partitions of a topic, a stream of Loki. Each is a lane of the service
//! under test, with an end that can be looked up.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use benchmarks::generator::calendar::Moment;
use benchmarks::generator::disorder::Disorder;
use benchmarks::generator::{Kind, Plan, generate};
use integration::services::{Kafka, Loki, Proxy};
use integration::topic::{Appender, Topics};
use pipeline::live::lanes::LaneRecord;

/// Lines of each lane.
const LINES: u64 = 4_000;
const FILES: usize = 2;
const PARTITIONS: usize = 2;
/// The topic that lines are in.
const TOPIC: &str = "lines";
/// How far the service stays behind what Loki is sent. A push must not take longer: its lines would be
/// late, and those come in another order.
const BEHIND: Duration = Duration::from_secs(2);

/// Everything that is read.
pub(crate) struct Logs {
    folder: PathBuf,
    /// The lanes: first the files, then the partitions, then Loki.
    lanes: Vec<Vec<u8>>,
    files: Vec<File>,
    topic: Option<(String, Appender)>,
    loki: Option<(Loki, Proxy)>,
    /// Time of the last line that Loki has.
    last: i64,
}

fn log(seed: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (start, disorder) = (Moment::default(), Disorder::default());
    let (kind, seed) = (Kind::Ssh, u64::try_from(seed).unwrap());
    generate(&Plan { kind, lines: LINES, seed, start, disorder }, &mut bytes).unwrap();
    bytes
}

/// What of `bytes` belongs to the parts `from` to `to` of `of`. Not at line ends: a line that is half
/// written waits for its other half.
fn cut(bytes: &[u8], (from, to): (u64, u64), of: u64) -> &[u8] {
    let at =
        |part: u64| bytes.len() * usize::try_from(part).unwrap() / usize::try_from(of).unwrap();
    &bytes[at(from)..at(to)]
}

/// The same in whole lines.
fn lines(bytes: &[u8], (from, to): (u64, u64), of: u64) -> Vec<&str> {
    let all: Vec<_> = std::str::from_utf8(bytes).unwrap().lines().collect();
    let at = |part: u64| all.len() * usize::try_from(part).unwrap() / usize::try_from(of).unwrap();
    all[at(from)..at(to)].to_vec()
}

impl Logs {
    /// Empty ones: files in a folder, a topic where there is a broker, a stream where there is a Loki.
    pub(crate) fn new(folder: &Path, kafka: Option<&Kafka>, loki: Option<Loki>) -> Self {
        fs::create_dir(folder).unwrap();
        let topic = kafka.map(|kafka| {
            let topics = Topics::new(&kafka.bootstrap());
            topics.create(TOPIC, i32::try_from(PARTITIONS).unwrap(), &[]);
            (kafka.bootstrap(), topics.appender())
        });
        let loki = loki.map(|loki| {
            let proxy = Proxy::before(loki.address());
            (loki, proxy)
        });
        let count = FILES + topic.as_ref().map_or(0, |_| PARTITIONS) + usize::from(loki.is_some());
        let path = |number: usize| folder.join(format!("auth-{number}.log"));
        let files = (0..FILES).map(|number| File::create_new(path(number)).unwrap()).collect();
        let lanes = (0..count).map(log).collect();
        Self { folder: folder.to_owned(), lanes, files, topic, loki, last: 0 }
    }

    /// The sources of a configuration.
    pub(crate) fn configuration(&self) -> String {
        let labels = "labels: {type: syslog}";
        let folder = self.folder.display();
        let mut text = format!(
            "sources:\n- source: file\n  name: files\n  filenames: [{folder}/*.log]\n  {labels}\n"
        );
        if let Some((bootstrap, _)) = &self.topic {
            text += &format!(
                "- source: kafka\n  name: topic\n  brokers: [{bootstrap}]\n  topic: {TOPIC}\n  \
                 group_id: crash\n  start: earliest\n  {labels}\n"
            );
        }
        if let Some((_, proxy)) = &self.loki {
            let (port, behind) = (proxy.port(), BEHIND.as_secs());
            text += &format!(
                "- source: loki\n  name: loki\n  url: http://localhost:{port}\n  query: '{{app=\"crash\"}}'\n  \
                 delay_for: {behind}s\n  poll_interval: 200ms\n  limit: 500\n  since: 6h\n  {labels}\n"
            );
        }
        text
    }

    /// What stands before Loki.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.loki.as_ref().map(|(_, proxy)| proxy)
    }

    /// How many lanes there are.
    pub(crate) fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Appends the parts `from` to `to` of `of` to every log.
    pub(crate) fn grow(&mut self, parts: (u64, u64), of: u64) {
        for (file, bytes) in self.files.iter_mut().zip(&self.lanes) {
            file.write_all(cut(bytes, parts, of)).unwrap();
        }
        if let Some((_, appender)) = &self.topic {
            for (partition, bytes) in (0..).zip(&self.lanes[FILES..FILES + PARTITIONS]) {
                appender.append(TOPIC, partition, lines(bytes, parts, of));
            }
        }
        if let Some((loki, _)) = &self.loki {
            let begun = Instant::now();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
            let first = i64::try_from(now).unwrap().max(self.last + 1);
            let lines = lines(self.lanes.last().unwrap(), parts, of);
            self.last = first + i64::try_from(lines.len()).unwrap();
            loki.push("crash", (first..).zip(lines));
            assert!(begun.elapsed() < BEHIND, "Loki is too slow here: {:?}", begun.elapsed());
        }
    }

    /// Whether the service is through with a lane.
    pub(crate) fn is_at_its_end(&self, key: &str, lane: &LaneRecord) -> bool {
        let (source, name) = key.split_once('\0').unwrap();
        if source == "files" {
            // Where nothing is through there is no position.
            let position = serde_json::from_str::<serde_json::Value>(&lane.position);
            let offset = position.ok().and_then(|position| position["offset"].as_u64());
            return fs::metadata(name).is_ok_and(|file| offset == Some(file.len()));
        }
        // Partitions and streams count lines.
        lane.next == LINES
    }
}
