//! Buckets by promise: each file of `fixtures/bucket` is a scenario, events and what overflows.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod warmth;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use operators::alert::Coordinate;
use operators::bucket::compile::{Origin, compile, reads};
use operators::bucket::context::Contexts;
use operators::bucket::{
    Buckets, Catalogue, Codec, Overflowed, Pour, ScenarioId, Want, claim, group_of, spec, wish,
};
use operators::event::{Event, Kind, Line};
use operators::expr::{Compiler, Cx, Env, Expect, Known, Memo, Program};
use operators::lookup::{Lookups, Offline};
use operators::place::{OrderKey, Partition};
use operators::schema::Space;
use operators::text::Text;
use operators::time::layout::parse_rfc3339;
use operators::time::{EventTime, Stamp};
use operators::yaml::{self, Content, Reading, Source};
use proptest::prelude::*;

fn offline() -> Offline {
    Offline::new(parse_rfc3339("2026-06-01T00:00:00Z").unwrap())
}

/// Rules and what they were compiled to.
struct Rig {
    catalogue: Arc<Catalogue>,
    program: Arc<Program>,
    memo: Memo,
    clock: EventTime,
    position: u64,
}

impl Rig {
    fn new(rules: &str) -> Result<Self, String> {
        Self::with_context(rules, &[])
    }

    fn with_context(rules: &str, context: &[(&str, &str)]) -> Result<Self, String> {
        let source = Source::new("scenario.yaml", rules);
        let mut reading = Reading::new(&source);
        let specs = spec::read(&yaml::parse(&source), &mut reading);
        let mut compiler = Compiler::new();
        for name in ["source_ip", "user", "path", "SourceRange", "log_type"] {
            compiler.schema().add(Space::Meta, name).unwrap();
        }
        for (space, name) in operators::bucket::codec::SAID {
            compiler.schema().add(space, name).unwrap();
        }
        let compiled = specs.iter().zip(0..).filter_map(|(spec, id)| {
            let id = ScenarioId(id);
            let origin = Origin { id, version: "0.1", hash: rules, simulated: false };
            compile(spec, origin, &mut compiler, &mut reading)
        });
        let scenarios: Vec<_> = compiled.collect();
        if let Some(error) = reading.errors.first() {
            return Err(error.to_string());
        }
        let mut contexts = Contexts::new();
        for (key, source) in context {
            contexts.add(key, compiler.compile(source, Env::Context, Expect::Any).unwrap());
        }
        let program = Arc::new(compiler.finish());
        let reads = reads(&scenarios, &contexts, &program);
        let names = Box::new(|_| Some(Arc::from("/var/log/x")));
        let codec = Codec::new(Arc::clone(program.schema()), reads, [], names);
        let catalogue = Arc::new(Catalogue::new(scenarios, codec, contexts));
        let memo = Memo::new();
        Ok(Self { catalogue, program, memo, clock: EventTime(i64::MIN), position: 0 })
    }

    fn buckets(&self) -> Buckets {
        Buckets::new(Arc::clone(&self.catalogue), Arc::clone(&self.program))
    }

    /// The pours of an event `12:00:00.5 source_ip=1.2.3.4 user=x Enriched.IsoCode=FR`.
    fn pours(&mut self, text: &str) -> Vec<Pour> {
        let mut words = text.split_whitespace();
        let time = words.next().unwrap();
        let line = Line {
            raw: text.into(),
            source: "/var/log/x".into(),
            labels: Arc::default(),
            module: Text::Static("file"),
            time: offline().now(),
            zone: None,
        };
        let mut event = Event::new(Arc::clone(self.program.schema()), line);
        let stamp = (time != "-").then(|| parse_rfc3339(&format!("2026-01-01T{time}Z")).unwrap());
        if let Some(stamp) = stamp {
            self.clock = self.clock.max(stamp.at);
            event.time = Some(stamp);
            event.marshaled_time = Text::from(stamp.rfc3339_nano());
        }
        for word in words {
            let (name, value) = word.split_once('=').unwrap();
            match name.split_once('.') {
                Some(("Enriched", name)) => {
                    event.set_named(Space::Enriched, name, Text::from(value));
                }
                _ => event.set_named(Space::Meta, name, Text::from(value)),
            }
        }
        self.position += 10;
        let (partition, position) = (Partition(0), self.position);
        self.wanted(&mut event, OrderKey { clock: self.clock, partition, position, part: 0 })
    }

    /// The pours of an event.
    fn wanted(&mut self, event: &mut Event, order: OrderKey) -> Vec<Pour> {
        let at = Coordinate { partition: order.partition, position: order.position };
        let time = event.date();
        let catalogue = Arc::clone(&self.catalogue);
        let mut pours = Vec::new();
        for scenario in catalogue.scenarios() {
            let lookups = offline();
            let mut cx = Cx::new(event, &lookups, &mut self.memo);
            let wished =
                wish(scenario, Known::NOTHING, &self.program, &mut cx, &mut |_, _, _| {}).unwrap();
            let Some(wish) = wished else { continue };
            let event = catalogue.codec().keep(cx.event, at);
            let twins = catalogue.twins_of(scenario);
            let twins =
                twins.map(|twin| claim(twin, &self.program, &mut cx, &mut |_, _, _| {})).collect();
            let wants = vec![Want::new(scenario, wish.key, wish.claim, twins)];
            pours.push(Pour { order, time, event, wants });
        }
        pours
    }
}

fn shown(overflowed: &Overflowed) -> String {
    let alert = &overflowed.overflow.alert;
    let time =
        |stamp: Stamp| stamp.rfc3339_nano().trim_start_matches("2026-01-01T").replace('Z', "");
    let values: Vec<_> = overflowed.overflow.sources.keys().map(|key| &**key).collect();
    format!(
        "{} {} {} count={} listed={} from={}",
        time(alert.stop_at),
        alert.source.scope,
        values.join("+"),
        alert.events_count,
        alert.events.len(),
        time(alert.start_at),
    )
}

fn texts(document: &yaml::Node, key: &str) -> Vec<String> {
    let Some(node) = document.entry(key) else { return Vec::new() };
    let Content::List(items) = &node.content else { panic!("{key} is a list") };
    items.iter().map(|item| item.located_text().unwrap().value).collect()
}

fn run(rig: &mut Rig, events: &[String], end: Option<&str>, sweep: usize) -> Vec<String> {
    let mut buckets = rig.buckets();
    let mut out = Vec::new();
    for (index, event) in events.iter().enumerate() {
        for pour in rig.pours(event) {
            buckets.pour(&pour, &offline(), &mut out);
            if sweep > 0 && index % sweep == 0 {
                buckets.sweep(pour.order.clock);
            }
        }
    }
    if let Some(end) = end {
        let end = parse_rfc3339(&format!("2026-01-01T{end}Z")).unwrap();
        buckets.advance(end.at, &offline(), &mut out);
    }
    out.sort_by(Overflowed::order);
    out.iter().map(shown).collect()
}

fn promise(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).unwrap();
    let (rules, case) = text.split_once("\n=====\n").ok_or("no ===== line")?;
    let source = Source::new("case.yaml", case);
    let case = yaml::parse(&source).nodes.into_iter().next().ok_or("no case")?;
    let end = case.entry("end").and_then(yaml::Node::located_text).map(|text| text.value);
    let (events, wanted) = (texts(&case, "events"), texts(&case, "overflows"));
    if let Some(refused) = texts(&case, "refused").first() {
        return match Rig::new(rules) {
            Err(error) if error.contains(refused) => Ok(()),
            Err(error) => Err(format!("refused as {error}")),
            Ok(_) => Err("not refused".to_owned()),
        };
    }
    for sweep in [0, 1] {
        let got = run(&mut Rig::new(rules)?, &events, end.as_deref(), sweep);
        if got != wanted {
            return Err(format!("got {got:#?}\nwanted {wanted:#?} (sweep {sweep})"));
        }
    }
    Ok(())
}

#[test]
fn every_promise_holds() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bucket");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no fixtures");
    let failed = files.iter().filter_map(|file| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        promise(file).err().map(|error| format!("{name}: {error}"))
    });
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn an_alert_shows_its_context_by_key() {
    let rules = "\
type: leaky
name: t/leaky
description: d
filter: 'true'
capacity: 2
leakspeed: 1h
";
    let context = [
        ("user", "evt.Meta.user"),
        ("nothing", "evt.Unmarshaled.none"),
        ("both", "[evt.Meta.path, evt.Meta.user]"),
        ("both", "evt.GetMeta('path')"),
        ("fails", "evt.Unmarshaled.a.b"),
    ];
    let mut rig = Rig::with_context(rules, &context).unwrap();
    let mut buckets = rig.buckets();
    let mut out = Vec::new();
    for event in ["user=a path=/1", "user=b path=/1", "user=a"] {
        for pour in rig.pours(&format!("12:00:00 source_ip=192.0.2.1 {event}")) {
            buckets.pour(&pour, &offline(), &mut out);
        }
    }
    let meta = out[0].overflow.alert.meta.iter().map(|(key, value)| format!("{key} {value}"));
    assert_eq!(
        meta.collect::<Vec<_>>(),
        [r#"both ["[/1 a]","/1","[/1 b]","[ a]"]"#, r#"user ["a","b"]"#]
    );
    assert_eq!(buckets.counters()[0].context_errors, 3);
}

#[test]
fn an_overflow_that_is_matched_again_keeps_its_lines() {
    let rules = "\
type: trigger
name: t/first
description: d
filter: evt.Meta.user != ''
reprocess: true
---
type: leaky
name: t/second
description: d
filter: evt.GetType() == 'overflow' && evt.Overflow.Alert.Scenario == 't/first'
capacity: 1
leakspeed: 1h
scope: {type: Range}
";
    let mut rig = Rig::new(rules).unwrap();
    let mut buckets = rig.buckets();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for ip in 1..=2 {
        let text = format!("12:00:0{ip} user=x source_ip=192.0.2.{ip} SourceRange=192.0.2.0/24");
        for pour in rig.pours(&text) {
            buckets.pour(&pour, &offline(), &mut first);
        }
    }
    for overflowed in &first {
        let mut event = rig.catalogue.codec().nothing();
        event.kind = Kind::Overflow;
        event.marshaled_time = Text::from(overflowed.overflow.alert.stop_at.rfc3339_nano());
        event.overflow = Some(Arc::new(overflowed.overflow.clone()));
        let order = overflowed.cause;
        for pour in rig.wanted(&mut event, order) {
            buckets.pour(&pour, &offline(), &mut second);
        }
    }
    assert_eq!(
        second.iter().map(shown).collect::<Vec<_>>(),
        ["12:00:02 Range 192.0.2.0/24 count=2 listed=2 from=12:00:01"]
    );
    let lines = second[0].overflow.alert.coordinates.iter().map(|line| line.position);
    assert_eq!(lines.collect::<Vec<_>>(), [10, 20]);
}

const MIXED: &str = "\
type: leaky
name: t/leaky
description: d
filter: evt.Meta.log_type == 'a'
groupby: evt.Meta.source_ip
distinct: evt.Meta.user
capacity: 2
leakspeed: 30s
blackhole: 5m
---
type: counter
name: t/counter
description: d
filter: 'true'
groupby: evt.Meta.source_ip
capacity: -1
duration: 10m
---
type: trigger
name: t/trigger
description: d
filter: evt.Meta.user == 'u3'
groupby: evt.Meta.source_ip
blackhole: 20m
---
type: conditional
name: t/conditional
description: d
filter: evt.Meta.log_type == 'b'
groupby: evt.Meta.source_ip
capacity: -1
leakspeed: 2m
condition: len(queue.Queue) >= 3 && queue.Queue[-1].Meta.user != queue.Queue[0].Meta.user
";

/// Addresses whose triggers share a key group, so that nothing but the key keeps them apart.
fn neighbours() -> [String; 3] {
    let group = |ip: &String| group_of("t/trigger", ip);
    let all: Vec<_> = (0..=u16::MAX).map(|n| format!("10.0.{}.{}", n >> 8, n & 255)).collect();
    let mut same = all.iter().filter(|ip| group(ip) == group(&all[0])).cloned();
    std::array::from_fn(|_| same.next().unwrap())
}

fn log() -> impl Strategy<Value = Vec<String>> {
    let step = prop_oneof![
        6 => 0_i64..40, 2 => -50_i64..0, 1 => 300_i64..900, 1 => -1500_i64..-400, 1 => 1000_i64..4000
    ];
    let event = (step, 0..3_u8, 0..4_u8, any::<bool>());
    let neighbours = neighbours();
    prop::collection::vec(event, 1..120).prop_map(move |events| {
        let mut second = 36_000_i64;
        let text = |(step, ip, user, kind): (i64, u8, u8, bool)| {
            second = (second + step).clamp(0, 86_399);
            let (hour, minute) = (second / 3600, second / 60 % 60);
            let kind = if kind { "a" } else { "b" };
            let time = format!("{hour:02}:{minute:02}:{:02}", second % 60);
            let ip = &neighbours[usize::from(ip)];
            format!("{time} source_ip={ip} user=u{user} log_type={kind}")
        };
        events.into_iter().map(text).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sweeping_changes_nothing(events in log(), sweep in 1..5_usize) {
        let rare = run(&mut Rig::new(MIXED).unwrap(), &events, Some("23:59:59"), 0);
        let often = run(&mut Rig::new(MIXED).unwrap(), &events, Some("23:59:59"), sweep);
        prop_assert_eq!(rare, often);
    }

    #[test]
    fn a_bucket_is_a_function_of_its_own_pours(events in log()) {
        let mut rig = Rig::new(MIXED).unwrap();
        let pours: Vec<_> = events.iter().flat_map(|event| rig.pours(event)).collect();
        let mut alone = Vec::new();
        for key in neighbours() {
            let mut buckets = rig.buckets();
            for pour in pours.iter().filter(|pour| *pour.wants[0].key == *key) {
                buckets.pour(pour, &offline(), &mut alone);
            }
            buckets.advance(EventTime(i64::MAX - 1), &offline(), &mut alone);
        }
        let mut together = Vec::new();
        let mut buckets = rig.buckets();
        for pour in &pours {
            buckets.pour(pour, &offline(), &mut together);
        }
        buckets.advance(EventTime(i64::MAX - 1), &offline(), &mut together);
        for out in [&mut alone, &mut together] {
            out.sort_by(Overflowed::order);
        }
        let json = |all: &[Overflowed]| -> Vec<String> {
            all.iter().map(|one| serde_json::to_string(&one.overflow).unwrap()).collect()
        };
        prop_assert_eq!(json(&alone), json(&together));
    }
}
