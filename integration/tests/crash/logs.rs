//! Logs that grow: files, the partitions of a topic, a stream of Loki; or one that is sent. Each is a lane
//! of the service under test, with an end that can be looked up.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use benchmarks::generator::calendar::Moment;
use benchmarks::generator::disorder::Disorder;
use benchmarks::generator::{Kind, Plan, generate};
use integration::ports::free_port;
use integration::services::loki::post;
use integration::services::{Kafka, Loki, Proxy};
use integration::topic::{Appender, Topics};
use pipeline::live::lanes::LaneRecord;
use serde_json::{Value, json};

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
    /// How and where to the only log is sent.
    sent_to: Option<(Protocol, u16)>,
    /// Whether files are rotated before they grow.
    pub(crate) rotates: bool,
}

/// How a log is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// As to a Loki.
    Loki,
    /// As JSON values to the source `http`.
    Json,
    /// As OpenTelemetry's logs to the source `http`.
    Otlp,
    /// By rsyslog.
    Relp,
}

impl Protocol {
    /// Where bodies go, and how an answer begins that says yes.
    fn target(self) -> (&'static str, &'static str) {
        match self {
            Self::Otlp => ("/v1/logs", "HTTP/1.1 200"),
            Self::Json => ("/logs", "HTTP/1.1 200"),
            Self::Loki | Self::Relp => ("/loki/api/v1/push", "HTTP/1.1 204"),
        }
    }

    /// A body of these lines with their times.
    fn body(self, lines: &[(u64, &str)]) -> String {
        let each = |made: fn(&(u64, &str)) -> Value| lines.iter().map(made).collect::<Vec<_>>();
        match self {
            Self::Json => {
                let values = each(|(_, line)| json!({ "message": line }));
                values.iter().map(|value| format!("{value}\n")).collect()
            }
            Self::Otlp => {
                let records = each(
                    |(time, line)| json!({"timeUnixNano": time.to_string(), "body": {"stringValue": line}}),
                );
                json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).to_string()
            }
            Self::Loki | Self::Relp => {
                let values = each(|(time, line)| json!([time.to_string(), line]));
                json!({"streams": [{"stream": {}, "values": values}]}).to_string()
            }
        }
    }

    /// The source that is sent to.
    fn source(self, port: u16) -> String {
        let http = format!("http\n  listen_addr: 127.0.0.1:{port}\n  auth_type: none");
        match self {
            Self::Loki => format!("loki\n  listen_addr: 127.0.0.1:{port}"),
            Self::Json => {
                format!(
                    "{http}\n  path: /logs\n  transform: JsonExtract(evt.Line.Raw, \"message\")"
                )
            }
            Self::Otlp => format!("{http}\n  format: otlp"),
            Self::Relp => {
                format!("syslog\n  listen_addr: 127.0.0.1\n  listen_port: {port}\n  protocol: relp")
            }
        }
    }
}

/// The file of a number.
fn named(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("auth-{number}.log"))
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
        let new = |number| File::create_new(named(folder, number)).unwrap();
        let files = (0..FILES).map(new).collect();
        let lanes = (0..count).map(log).collect();
        let (last, sent_to) = (0, None);
        let (folder, rotates) = (folder.to_owned(), false);
        Self { folder, lanes, files, topic, loki, last, sent_to, rotates }
    }

    /// One log that is sent.
    pub(crate) fn sent(protocol: Protocol) -> Self {
        let sent_to = Some((protocol, free_port()));
        let (folder, files, topic, loki, last) = (PathBuf::new(), Vec::new(), None, None, 0);
        Self { folder, lanes: vec![log(0)], files, topic, loki, last, sent_to, rotates: false }
    }

    /// Sends the log in so many bodies, each until it is kept; how often one was sent in vain.
    pub(crate) fn send(&self, bodies: u64) -> u64 {
        let Some((protocol, port)) = self.sent_to else { return 0 };
        let (target, yes) = protocol.target();
        let (address, mut vain) = (format!("127.0.0.1:{port}"), 0);
        let mut time = 1_750_000_000_000_000_001_u64;
        for body in 0..bodies {
            let lines = lines(&self.lanes[0], (body, body + 1), bodies);
            let timed: Vec<_> = (time..).zip(lines.iter().copied()).collect();
            let body = protocol.body(&timed);
            time += lines.len() as u64;
            let is_kept = |answer: String| answer.starts_with(yes);
            while !post(&address, target, &body).is_some_and(is_kept) {
                vain += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        vain
    }

    /// How long lines wait: where order counts, until all logs have spoken.
    pub(crate) fn hold(&self) -> &'static str {
        match self.sent_to {
            Some((Protocol::Relp, _)) => "100ms",
            _ => "unlimited",
        }
    }

    /// Where the only log is sent to.
    pub(crate) fn port(&self) -> u16 {
        self.sent_to.unwrap().1
    }

    /// The sources of a configuration.
    pub(crate) fn configuration(&self) -> String {
        let labels = "labels: {type: syslog}";
        if let Some((protocol, port)) = self.sent_to {
            return format!("sources:\n- source: {}\n  {labels}\n", protocol.source(port));
        }
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

    /// Appends to all but the topic.
    pub(crate) fn grow_beside_the_topic(&mut self, parts: (u64, u64), of: u64) {
        self.grow_files(parts, of);
        self.grow_loki(parts, of);
    }

    /// Appends the parts `from` to `to` of `of` to every log.
    pub(crate) fn grow(&mut self, parts: (u64, u64), of: u64) {
        if self.rotates {
            self.rotate();
        }
        self.grow_files(parts, of);
        self.grow_topic(parts, of);
        self.grow_loki(parts, of);
    }

    fn grow_files(&mut self, parts: (u64, u64), of: u64) {
        for (file, bytes) in self.files.iter_mut().zip(&self.lanes) {
            match self.rotates {
                true => lines(bytes, parts, of).iter().for_each(|l| writeln!(file, "{l}").unwrap()),
                false => file.write_all(cut(bytes, parts, of)).unwrap(),
            }
        }
    }

    /// Appends to the topic alone.
    pub(crate) fn grow_topic(&self, parts: (u64, u64), of: u64) {
        if let Some((_, appender)) = &self.topic {
            for (partition, bytes) in (0..).zip(&self.lanes[FILES..FILES + PARTITIONS]) {
                appender.append(TOPIC, partition, lines(bytes, parts, of));
            }
        }
    }

    fn grow_loki(&mut self, parts: (u64, u64), of: u64) {
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

    /// Renames files as `logrotate` does, and begins others.
    fn rotate(&mut self) {
        for (number, file) in self.files.iter_mut().enumerate() {
            let path = named(&self.folder, number);
            let old = |age: usize| path.with_extension(format!("log.{age}"));
            if fs::metadata(&path).unwrap().len() == 0 {
                continue;
            }
            let oldest = (1..).find(|age| !old(*age).exists()).unwrap();
            for age in (1..oldest).rev() {
                fs::rename(old(age), old(age + 1)).unwrap();
            }
            fs::rename(&path, old(1)).unwrap();
            *file = File::create_new(&path).unwrap();
        }
    }

    /// Makes each file one again, as if it had never been rotated.
    pub(crate) fn join(&mut self) {
        for entry in fs::read_dir(&self.folder).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for number in 0..self.files.len() {
            fs::write(named(&self.folder, number), &self.lanes[number]).unwrap();
        }
    }

    /// Whether the service is through with a lane.
    pub(crate) fn is_at_its_end(&self, key: &str, lane: &LaneRecord) -> bool {
        let (source, name) = key.split_once('\0').unwrap();
        if source == "files" {
            // Where nothing is through there is no position.
            let position = serde_json::from_str::<Value>(&lane.position);
            let offset = position.ok().and_then(|position| position["offset"].as_u64());
            return fs::metadata(name).is_ok_and(|file| offset == Some(file.len()));
        }
        // Partitions and streams count lines.
        lane.next == LINES
    }
}
