//! What the tests of live runs share: logs, rules, a live run to its end or to a sudden stop, and the
//! replay of the same lines.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use benchmarks::generator::calendar::Moment;
use benchmarks::generator::disorder::Disorder;
use benchmarks::generator::{Kind, Plan, generate};
use connectors::output::{File, FileConfig};
use connectors::{ReadOptions, Reader};
use operators::alert::Alert;
use operators::alert::wire::WireAlert;
use operators::origin::Origin;
use operators::parse::lines::Clock;
use operators::place::Partition;
use operators::yaml::{self, Located, Reading};
use pipeline::cli::rules::{Loaded, RuleArgs};
use pipeline::emit::{Encoder, Message, Stream, Tray};
use pipeline::judge::outbox::Wanted;
use pipeline::live::command::Command;
use pipeline::live::engine::{Engine, Setup};
use pipeline::live::lanes::SourceSettings;
use pipeline::live::names::Names;
use pipeline::live::pace::{Pace, wall};
use pipeline::live::record;
use pipeline::live::sources::Configured;
use pipeline::outputs::{self, Outputs, Shape};
use pipeline::replay::{self, Replay};
use pipeline::serve::flush::Retention;
use pipeline::serve::{Options, Serving};
use pipeline::state::{Budget, Store};
use pipeline::transform::Transform;
use tokio::runtime::{Handle, Runtime};

use crate::source::Listed;

/// Who detects.
pub(crate) const MACHINE: &str = "test";

/// Where the file output writes, in the folder of the store.
const TOLD: &str = "told.jsonl";
const UNPARSED: &str = "unparsed.jsonl";

/// Generated logs under their names.
pub(crate) fn logs(count: u64, lines: u64) -> Vec<(String, Arc<Vec<String>>)> {
    let log = |seed| {
        let mut bytes = Vec::new();
        let (start, disorder) = (Moment::default(), Disorder::default());
        generate(&Plan { kind: Kind::Ssh, lines, seed, start, disorder }, &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        (format!("log.{seed}"), Arc::new(text.lines().map(str::to_owned).collect()))
    };
    (0..count).map(log).collect()
}

/// Under which rules logs are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Under {
    /// The embedded ones.
    Embedded,
    /// Some whose overflows are matched again at any depth.
    Deep,
}

/// Logs that hit every kind of rule.
pub(crate) fn storm(seed: u64, count: u64, lines: u64) -> Vec<(String, Arc<Vec<String>>)> {
    let files = (0..count).zip(crate::storm::files(seed, count, lines));
    let lines = |text: String| Arc::new(text.lines().map(str::to_owned).collect());
    files.map(|(number, text)| (format!("storm.{number}"), lines(text))).collect()
}

fn labels(under: Under) -> Arc<BTreeMap<Arc<str>, Arc<str>>> {
    let kind = if under == Under::Deep { "storm" } else { "syslog" };
    Arc::new([("type".into(), kind.into())].into_iter().collect())
}

pub(crate) fn load(names: &Arc<Names>, under: Under) -> Loaded {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let rules = match under {
        Under::Embedded => Vec::new(),
        Under::Deep => vec![fixtures.join("storm"), fixtures.join("deep")],
    };
    let names = Arc::clone(names);
    let args = RuleArgs {
        rules,
        now: Some("2026-12-31T00:00:00Z".parse::<Now>().unwrap().0),
        ..RuleArgs::default()
    };
    args.load(Box::new(move |partition| names.get(partition))).unwrap()
}

struct Now(operators::time::Stamp);

impl std::str::FromStr for Now {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        pipeline::cli::clock::parse(text).map(Self)
    }
}

/// How a live run goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) workers: usize,
    pub(crate) chunk: usize,
    pub(crate) pause: Duration,
    pub(crate) epoch: Duration,
    pub(crate) memory: usize,
    /// Expression that makes other lines of a line.
    pub(crate) transform: Option<&'static str>,
    /// Lines a second.
    pub(crate) rate: Option<u64>,
    pub(crate) under: Under,
    /// Whether the transport says that every line was written just now.
    pub(crate) sent_again: bool,
}

impl Default for Way {
    fn default() -> Self {
        let (pause, epoch) = (Duration::ZERO, Duration::from_millis(5));
        let (transform, rate, under) = (None, None, Under::Embedded);
        let (memory, sent_again) = (1 << 30, false);
        Self { workers: 1, chunk: 50, pause, epoch, memory, transform, rate, under, sent_again }
    }
}

fn compiled(expression: &str) -> Transform {
    let source = yaml::Source::new("test", expression);
    let mut reading = Reading::new(&source);
    let text = Located { at: source.position(1, 1), value: expression.to_owned() };
    Transform::compile(&text, &mut reading).unwrap()
}

/// What a live run over `logs` puts into the outbox of the store in `folder`, from where the last one
/// there stopped; `stop` after so many seals, 0 for before it begins, or when all lines are through.
pub(crate) fn run(folder: &Path, logs: &[(String, Arc<Vec<String>>)], way: Way, stop: Option<u64>) {
    let store = Arc::new(Store::open(folder, Budget::default()).unwrap());
    let runtime = Runtime::new().unwrap();
    let names = Arc::new(Names::default());
    let loaded = load(&names, way.under);
    let (lanes, written) = (logs.to_vec(), way.sent_again.then(|| wall().0));
    let source = Listed { lanes, chunk: way.chunk, pause: way.pause, written };
    let transform = way.transform.map(|text| Arc::new(compiled(text)));
    let settings = SourceSettings {
        name: "listed".into(),
        labels: labels(way.under),
        clock: Clock::Event,
        transform,
        zone: None,
        hold: None,
        rate: way.rate,
        set_aside: true,
    };
    let pace = Pace { hold: None, epoch: way.epoch, ..Pace::default() };
    let serving = Serving::start(Options {
        store: Arc::clone(&store),
        detection: loaded.detection(),
        names: Arc::clone(&names),
        machine: MACHINE.into(),
        wanted: Wanted::Results,
        unparsed: true,
        policy: Default::default(),
        retention: Retention { alert_age: None, alerts: None, ..Retention::default() },
        secret: None,
        // The logs are old: whatever they lead to is still in force.
        now: || 0,
    });
    let serving = serving.unwrap();
    let setup = Setup {
        store: Arc::clone(&store),
        sources: vec![Configured { settings, source: Box::new(source) }],
        pace,
        workers: way.workers,
        memory: way.memory,
        keeper: Arc::new(serving.judge().clone()),
        runtime: runtime.handle().clone(),
        names,
    };
    let outputs = told_to_files(folder, (&store, &setup.names), &serving, runtime.handle());
    let engine = Engine::start(setup).unwrap();
    let handles = engine.handles().clone();
    if stop == Some(0) {
        handles.say(Command::Finish);
    }
    let all: BTreeMap<_, _> = logs.iter().map(|(n, l)| (n.clone(), l.len() as u64)).collect();
    let over = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&over);
    let watch = std::thread::spawn(move || {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_over.load(Ordering::Acquire) {
            let late = Instant::now() > deadline;
            let lanes = record::lanes(&store).unwrap();
            let known = lanes.len() == all.len();
            let through = lanes.iter().all(|(key, lane)| {
                let (_, name) = key.split_once('\0').unwrap();
                lane.next >= all[name]
            });
            let kept = handles.progress.kept.load(Ordering::Acquire);
            if late || (known && through) || stop.is_some_and(|stop| stop > 0 && kept >= stop) {
                handles.say(Command::Finish);
                assert!(!late, "the run does not end");
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let engine = engine.generation(&loaded.detection()).unwrap();
    over.store(true, Ordering::Release);
    watch.join().unwrap();
    assert!(engine.end().is_empty(), "sources end");
    // A run that is stopped leaves what was not told yet to the next one.
    for outputs in outputs {
        assert!(stop.is_some() || outputs.drain(Duration::from_secs(30)), "everything is told");
        assert!(outputs.end().is_empty(), "outputs end");
    }
    serving.finish();
}

/// Outputs to files of what is found, and of what led to nothing.
fn told_to_files(
    folder: &Path,
    (store, names): (&Arc<Store>, &Arc<Names>),
    serving: &Serving,
    runtime: &Handle,
) -> [Outputs; 2] {
    let results = (Tray::Results, TOLD, vec![Stream::Alerts, Stream::Decisions]);
    let unparsed = (Tray::Unparsed, UNPARSED, vec![Stream::Unparsed]);
    [results, unparsed].map(|(tray, name, streams)| {
        let file = FileConfig::new(&folder.join(name));
        let outputs = outputs::Setup {
            store: Arc::clone(store),
            tray,
            refused: Weak::new(),
            names: Arc::clone(names),
            outbox: serving.subscription(tray),
            runtime: runtime.clone(),
        };
        let output = outputs::Configured {
            name: "file".into(),
            shape: Shape { streams, ..Shape::default() },
            make: Box::new(|context| Box::new(File::new(file, context))),
        };
        Outputs::start(outputs, vec![output]).unwrap()
    })
}

/// What the file of lines that no parser took has.
pub(crate) fn unparsed(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join(UNPARSED)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the file output has, line by line.
pub(crate) fn told(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(TOLD)).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The alerts that the outbox tells of, in order.
pub(crate) fn outbox(folder: &Path, logs: &[(String, Arc<Vec<String>>)]) -> Vec<String> {
    let store = Arc::new(Store::open(folder, Budget::default()).unwrap());
    let names = Arc::new(Names::default());
    names
        .set((0..).map(Partition).zip(logs.iter().map(|(name, _)| name.as_str().into())).collect());
    let encoder = Encoder::new(Arc::clone(&store), names);
    let (mut next, mut alerts) = (0, Vec::new());
    for told in record::told(&store, Tray::Results, 0) {
        let (last, told) = told.unwrap();
        next += told.messages();
        assert_eq!(last + 1, next, "no number is missing");
        alerts.extend(encoder.messages(&told, None, &[Stream::Alerts]).unwrap());
    }
    let text = |(_, message): (u64, Message)| String::from_utf8(message.payload.unwrap()).unwrap();
    alerts.into_iter().map(text).collect()
}

/// The alerts of a replay of `logs`.
pub(crate) fn replayed(logs: &[(String, Arc<Vec<String>>)], under: Under) -> Vec<String> {
    let names: Vec<Arc<str>> = logs.iter().map(|(name, _)| name.as_str().into()).collect();
    let known = names.clone();
    let shown = Arc::new(Names::default());
    shown.set((0..).map(Partition).zip(known).collect());
    let loaded = load(&shown, under);
    let reader = |(name, lines): &(String, Arc<Vec<String>>)| {
        // Offsets of the live run are line numbers, those of a replay are bytes.
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let stream = std::io::Cursor::new(text);
        Reader::of_stream(name, stream, ReadOptions::default(), Arc::default())
    };
    let origin = |name: &Arc<str>| Origin {
        source: Arc::clone(name),
        labels: labels(under),
        module: "file",
        zone: None,
    };
    let run = Replay {
        detection: loaded.detection(),
        origins: names.iter().map(origin).collect(),
        feeds: logs.iter().map(|log| reader(log).into()).collect(),
        workers: 1,
    };
    let alerts: Arc<Mutex<Vec<String>>> = Arc::default();
    let taken = Arc::clone(&alerts);
    let emit = Box::new(move |alert: Alert| {
        let file = |partition: Partition| Arc::clone(&names[partition.0 as usize]);
        let wire = WireAlert::new(&alert, MACHINE, &file);
        taken.lock().unwrap().push(serde_json::to_string(&wire).unwrap());
    });
    replay::run(run, emit, Box::new(|_| {})).unwrap();
    Arc::into_inner(alerts).unwrap().into_inner().unwrap()
}

/// An alert without what follows from offsets: places and names.
pub(crate) fn without_places(alerts: &[String]) -> Vec<serde_json::Value> {
    let strip = |alert: &String| {
        let mut alert: serde_json::Value = serde_json::from_str(alert).unwrap();
        for key in ["coordinates", "id", "uuid"] {
            alert.as_object_mut().unwrap().remove(key);
        }
        for decision in alert["decisions"].as_array_mut().unwrap() {
            decision.as_object_mut().unwrap().remove("id");
        }
        alert
    };
    alerts.iter().map(strip).collect()
}

/// Fails where two runs differ first.
#[track_caller]
pub(crate) fn check_same<T: PartialEq + std::fmt::Debug>(got: &[T], expected: &[T]) {
    let differs = got.iter().zip(expected).position(|(got, expected)| got != expected);
    if let Some(at) = differs {
        assert_eq!(got[at], expected[at], "alert {at} of {}", expected.len());
    }
    assert_eq!(got.len(), expected.len(), "number of alerts");
}
