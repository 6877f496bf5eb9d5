//! From Kafka to the decision topic: CPU of the service for each line beside a replay of the same
//! lines, then the time from the append of a line to the decision it causes, at a given rate.
//! `cargo run --release -p spillway-integration --example kafka_to_topic SPILLWAY CORPUS RATE ssh|nginx LOG`
//! SPILLWAY is the binary, CORPUS has hub, patterns and data, RATE is in lines per second, LOG is what
//! `generate` makes of that kind.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, read by a person")]
#![expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use integration::ports::free_port;
use integration::services::{Kafka, poll_until};
use integration::topic::Topics;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message as _, producer::DefaultProducerContext};

const PARTITIONS: usize = 4;
/// Decisions on the lines of the first seconds are not counted: connections are still being made.
const WARM: usize = 2;
const LONG: Duration = Duration::from_secs(300);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [binary, corpus, rate, kind, log] = arguments.as_slice() else {
        println!("kafka_to_topic SPILLWAY CORPUS RATE ssh|nginx LOG");
        return;
    };
    let (label, collection) = match kind.as_str() {
        "ssh" => ("syslog", "crowdsecurity/sshd"),
        _ => ("nginx", "crowdsecurity/nginx"),
    };
    let Some(kafka) = Kafka::start("kafka_to_topic") else { return };
    let bench = Bench {
        binary: binary.into(),
        corpus: corpus.into(),
        label,
        items: [collection, "crowdsecurity/syslog-logs", "crowdsecurity/dateparse-enrich"],
        scratch: std::env::temp_dir().join(format!("kafka_to_topic.{}", std::process::id())),
        kafka,
    };
    let text = fs::read_to_string(log).unwrap();
    let start = bench.start();
    for round in 0..3 {
        let replay = bench.replay(log, &text);
        let [decisions, both] = [Told::Decisions, Told::AlertsToo]
            .map(|told| bench.live(&format!("{round}-{told:?}"), &text, start, told));
        println!(
            "{round}: replay {replay:.0} lines a CPU-second, Kafka to the decision topic \
             {decisions:.0}: {:.2} of it; with a topic of alerts {both:.0}: {:.2}",
            decisions / replay,
            both / replay
        );
    }
    bench.latency(&text, rate.parse().unwrap());
    fs::remove_dir_all(&bench.scratch).unwrap();
}

struct Bench {
    binary: PathBuf,
    corpus: PathBuf,
    label: &'static str,
    items: [&'static str; 3],
    scratch: PathBuf,
    kafka: Kafka,
}

/// What a service publishes.
#[derive(Clone, Copy, Debug)]
enum Told {
    Decisions,
    AlertsToo,
}

/// A service that reads topic `lines-N` and writes `decisions-N`, perhaps `alerts-N`.
struct Service {
    child: Child,
    metrics: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Bench {
    /// Lines per CPU-second, the start not counted.
    fn replay(&self, log: &str, text: &str) -> f64 {
        let one = self.scratch.with_extension("one");
        fs::write(&one, text.lines().next().unwrap()).unwrap();
        let run = |path: &Path| {
            let before = children();
            let mut command = Command::new(&self.binary);
            command.arg("replay").arg("-q").args(["-o", "json", "--type", self.label]);
            command.args(["--workers", "1", "--now", "2026-12-31T00:00:00Z"]);
            for (flag, folder) in
                [("--rules", "hub"), ("--patterns", "patterns"), ("--data", "data")]
            {
                command.arg(flag).arg(self.corpus.join(folder));
            }
            command.args(self.items.iter().flat_map(|item| ["--item", item])).arg(path);
            assert!(
                command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
            );
            children() - before
        };
        let start = run(&one);
        fs::remove_file(&one).unwrap();
        text.lines().count() as f64 / (run(Path::new(log)) - start)
    }

    fn service(&self, name: &str, told: Told) -> Service {
        let folder = self.scratch.join(name);
        fs::create_dir_all(&folder).unwrap();
        let (api, metrics) = (free_port(), free_port());
        let (brokers, corpus) = (self.kafka.bootstrap(), self.corpus.display());
        let alerts = match told {
            Told::Decisions => String::new(),
            Told::AlertsToo => format!("  alerts: {{topic: alerts-{name}, partitions: 1}}\n"),
        };
        let config = format!(
            "data: {folder}\nworkers: 1\nmemory: 512MiB\n\
             rules:\n  directories: [{corpus}/hub]\n  items: [{items}]\n  patterns: [{corpus}/patterns]\n  \
             data: [{corpus}/data]\napi: {{listen: '127.0.0.1:{api}'}}\n\
             metrics: {{listen: '127.0.0.1:{metrics}'}}\nstart: beginning\n\
             sources:\n- source: kafka\n  brokers: ['{brokers}']\n  topic: lines-{name}\n  \
             labels: {{type: {label}}}\n\
             outputs:\n- output: kafka\n  brokers: ['{brokers}']\n  \
             decisions: {{topic: decisions-{name}, partitions: 4}}\n{alerts}  \
             transactional_id: {name}\n",
            folder = folder.display(),
            label = self.label,
            items = self.items.join(", "),
        );
        let path = folder.join("spillway.yaml");
        fs::write(&path, config).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new(&self.binary);
        command.arg("run").arg("-c").arg(&path).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().unwrap();
        let service = Service { child, metrics: format!("127.0.0.1:{metrics}") };
        poll_until("the service is ready", LONG, || service.metric("spillway_ready") == Some(1.0));
        service
    }

    /// What a service takes to start. Unit: CPU-seconds.
    fn start(&self) -> f64 {
        Topics::new(&self.kafka.bootstrap()).create("lines-none", PARTITIONS as i32, &[]);
        cpu(self.service("none", Told::AlertsToo).child.id())
    }

    /// Lines per CPU-second from the broker to the decision topic, the start not counted. The lines
    /// are there before: for a service that has read everything it is today, and they are old.
    fn live(&self, name: &str, text: &str, start: f64, told: Told) -> f64 {
        let topics = Topics::new(&self.kafka.bootstrap());
        let lines = format!("lines-{name}");
        topics.create(&lines, PARTITIONS as i32, &[]);
        for partition in 0..PARTITIONS {
            // Each line to the next partition: all of them have the same stretch of time.
            let lines_of = text.lines().skip(partition).step_by(PARTITIONS);
            topics.fill(&lines, partition as i32, "lz4", lines_of);
        }
        let service = self.service(name, told);
        let all = text.lines().count() as f64;
        let mut before = None;
        poll_until("everything is read and told", LONG, || {
            std::thread::sleep(Duration::from_secs(1));
            let known = std::mem::replace(&mut before, service.metric("spillway_decisions_total"));
            service.metric("spillway_lines_total").is_some_and(|read| read >= all)
                && service.metric("spillway_epochs_under_way") == Some(0.0)
                && service.metric("spillway_outbox_messages") == Some(0.0)
                && known == before
        });
        all / (cpu(service.child.id()) - start)
    }

    /// Appends lines at a rate and says how long decisions took from the append of their last line.
    fn latency(&self, text: &str, rate: usize) {
        let topics = Topics::new(&self.kafka.bootstrap());
        topics.create("lines-pace", 1, &[]);
        let service = self.service("pace", Told::AlertsToo);
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", self.kafka.bootstrap())
            .set("linger.ms", "5")
            .create()
            .unwrap();
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.kafka.bootstrap())
            .set("group.id", "pace")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "5")
            .create()
            .unwrap();
        consumer.subscribe(&["alerts-pace"]).unwrap();
        let reading = std::thread::spawn(move || {
            let (mut seen, mut last) = (Vec::new(), Instant::now());
            while last.elapsed() < Duration::from_secs(10) || seen.is_empty() {
                let Some(Ok(record)) = consumer.poll(Duration::from_millis(100)) else { continue };
                last = Instant::now();
                let alert: serde_json::Value =
                    serde_json::from_slice(record.payload().unwrap()).unwrap();
                seen.push((alert, now()));
            }
            seen
        });
        let mut appended: Vec<f64> = Vec::new();
        let begun = Instant::now();
        for (number, line) in text.lines().take(rate * 20).enumerate() {
            let due = Duration::from_secs_f64(number as f64 / rate as f64);
            if let Some(early) = due.checked_sub(begun.elapsed()) {
                std::thread::sleep(early);
            }
            appended.push(now());
            let record = BaseRecord::<(), str>::to("lines-pace").payload(line);
            producer.send(record).unwrap();
        }
        producer.flush(LONG).unwrap();
        println!(
            "appended {:.0} lines a second",
            appended.len() as f64 / begun.elapsed().as_secs_f64()
        );
        let mut late: Vec<f64> = Vec::new();
        for (alert, at) in reading.join().unwrap() {
            let last = alert["coordinates"].as_array().unwrap().last().unwrap();
            let line = usize::try_from(last["offset"].as_u64().unwrap()).unwrap();
            if line >= rate * WARM {
                late.push(at - appended[line]);
            }
        }
        late.sort_by(f64::total_cmp);
        let part = |share: f64| late[((late.len() - 1) as f64 * share) as usize] * 1e3;
        println!(
            "{} alerts at {rate} lines a second: p50 {:.0} ms, p99 {:.0} ms, all within {:.0} ms",
            late.len(),
            part(0.5),
            part(0.99),
            part(1.0)
        );
        drop(service);
    }
}

impl Service {
    /// The sum of a metric over its labels.
    fn metric(&self, name: &str) -> Option<f64> {
        let url = format!("http://{}/metrics", self.metrics);
        let output = Command::new("curl").args(["-sf", &url]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let of_it = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']))
        });
        let values: Vec<f64> =
            of_it.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }
}

/// Unit: seconds since the Unix epoch.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn ticks(stat: &str, fields: [usize; 2]) -> f64 {
    let all: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields.iter().map(|field| all[*field].parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// CPU time of a process so far. Unit: seconds.
fn cpu(process: u32) -> f64 {
    ticks(&fs::read_to_string(format!("/proc/{process}/stat")).unwrap(), [11, 12])
}

/// CPU time of children that have ended. Unit: seconds.
fn children() -> f64 {
    ticks(&fs::read_to_string("/proc/self/stat").unwrap(), [13, 14])
}
