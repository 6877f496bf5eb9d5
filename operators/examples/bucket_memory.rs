//! How many bytes a live bucket takes: `bucket_memory [BUCKETS]` fills a table with buckets of one
//! SSH scenario that hold one event each and divides what the process grew by.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints, or fails")]
#![expect(clippy::disallowed_methods, reason = "a measurement takes time and an argument")]

use std::sync::Arc;
use std::time::Instant;

use operators::alert::Coordinate;
use operators::bucket::compile::{Origin, compile, reads};
use operators::bucket::context::Contexts;
use operators::bucket::{Buckets, Catalogue, Claim, Codec, Pour, ScenarioId, Want, spec};
use operators::event::{Event, Line};
use operators::expr::Compiler;
use operators::lookup::Offline;
use operators::place::{OrderKey, Partition};
use operators::schema::Space;
use operators::text::{Text, intern};
use operators::time::EventTime;
use operators::time::layout::parse_rfc3339;
use operators::yaml::{self, Reading, Source};

const RULES: &str = "
type: leaky
name: crowdsecurity/ssh-bf
description: d
filter: evt.Meta.log_type == 'ssh_failed-auth'
groupby: evt.Meta.source_ip
capacity: 5
leakspeed: 10s
blackhole: 1m
labels: {remediation: true}
";

const METAS: [(&str, &str); 10] = [
    ("auth_status", "failed"),
    ("datasource_path", "/var/log/auth.log"),
    ("datasource_type", "file"),
    ("log_type", "ssh_failed-auth"),
    ("machine", "web1"),
    ("service", "ssh"),
    ("source_ip", ""),
    ("sshd_client", "libssh2_1.10.0"),
    ("target_user", "administrator"),
    ("timestamp", ""),
];

/// Resident bytes of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn main() {
    let count: u32 = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().unwrap());
    let source = Source::new("scenario.yaml", RULES);
    let mut reading = Reading::new(&source);
    let specs = spec::read(&yaml::parse(&source), &mut reading);
    let mut compiler = Compiler::new();
    for (name, _) in METAS {
        compiler.schema().add(Space::Meta, name).unwrap();
    }
    let origin = Origin { id: ScenarioId(0), version: "", hash: "", simulated: false };
    let scenario = compile(&specs[0], origin, &mut compiler, &mut reading).unwrap();
    let program = Arc::new(compiler.finish());
    let reads = reads([&scenario], &Contexts::new(), &program);
    let constants = ["failed", "ssh_failed-auth", "ssh"].map(intern);
    let path: Arc<str> = "/var/log/auth.log".into();
    let names = Box::new(move |_| Some(Arc::clone(&path)));
    let codec = Codec::new(Arc::clone(program.schema()), reads, constants, names);
    let catalogue = Arc::new(Catalogue::new(vec![scenario], codec, Contexts::new()));
    let mut buckets = Buckets::new(Arc::clone(&catalogue), Arc::clone(&program));
    let lookups = Offline::new(parse_rfc3339("2026-01-01T00:00:00Z").unwrap());
    let (mut out, mut event_bytes) = (Vec::new(), 0);
    let (before, started) = (resident(), Instant::now());
    for number in 0..count {
        let pour = pour(&catalogue, number);
        event_bytes += pour.event.as_bytes().len() as u64;
        buckets.pour(&pour, &lookups, &mut out);
    }
    let grown = resident() - before;
    assert_eq!((buckets.len(), out.len()), (count as usize, 0));
    println!(
        "{count} buckets: {} bytes each, {} of them the event; {:.2} us per pour",
        grown / u64::from(count),
        event_bytes / u64::from(count),
        started.elapsed().as_secs_f64() * 1e6 / f64::from(count),
    );
}

/// A failed login of address `number`, in the same ten seconds.
fn pour(catalogue: &Catalogue, number: u32) -> Pour {
    let ip = std::net::Ipv4Addr::from(0x6440_0000 + number.wrapping_mul(7)).to_string();
    let at = EventTime(1_767_225_600_000_000_000 + i64::from(number % 10) * 1_000_000_000);
    let stamp = operators::time::Stamp::utc_at(at);
    let time = stamp.rfc3339_nano();
    let line = Line {
        raw: "".into(),
        source: "/var/log/auth.log".into(),
        labels: Arc::default(),
        module: Text::Static("file"),
        time: stamp,
        zone: None,
    };
    let mut event = Event::new(Arc::clone(catalogue.codec().schema()), line);
    event.time = Some(stamp);
    event.marshaled_time = Text::from(time.clone());
    for (name, value) in METAS {
        let text = match name {
            "source_ip" => Text::from(ip.as_str()),
            "timestamp" => Text::from(time.clone()),
            "auth_status" | "log_type" | "service" => Text::Static(intern(value)),
            _ => Text::from(value),
        };
        event.set_named(Space::Meta, name, text);
    }
    let partition = Partition(3);
    let position = 1_000_000_000 + u64::from(number) * 100;
    let kept = catalogue.codec().keep(&event, Coordinate { partition, position });
    let clock = EventTime(1_767_225_610_000_000_000);
    let scenario = &catalogue.scenarios()[0];
    let claim = Claim { scenario: scenario.id, distinct: None, cancel: false };
    Pour {
        order: OrderKey { clock, partition, position, part: 0 },
        time: Some(stamp),
        event: kept,
        wants: vec![Want::new(scenario, ip.into(), claim, Vec::new())],
    }
}
