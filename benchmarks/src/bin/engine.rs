//! `engine`: a live run over the lines of a file that is in memory, to its end. What it costs beside
//! `spillway replay` of the same file is what state that outlives the process costs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use connectors::{Chunk, Context, Delivery, Origin, Position, Source, SourceError, Span};
use operators::parse::lines::Clock;
use pipeline::cli::rules::RuleArgs;
use pipeline::emit::Tray;
use pipeline::judge::outbox::Wanted;
use pipeline::live::command::Command;
use pipeline::live::engine::{Engine, Setup};
use pipeline::live::lanes::SourceSettings;
use pipeline::live::pace::Pace;
use pipeline::live::record;
use pipeline::live::sources::Configured;
use pipeline::serve::{Options, Serving};
use pipeline::state::{Budget, Store};

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Detect in a file as if it came live.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    rules: RuleArgs,
    /// Log to read
    log: PathBuf,
    /// Type of its lines
    #[arg(long = "type", default_value = "syslog")]
    kind: String,
    /// Directory of the store
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Threads that detect
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Lines of one delivery
    #[arg(long, default_value_t = 500)]
    chunk: usize,
}

/// What of the lines may wait to be kept, as of a partition of a topic. Unit: bytes.
const WINDOW: usize = 4 << 20;

struct InMemory {
    text: String,
    chunk: usize,
}

impl Source for InMemory {
    fn module(&self) -> &'static str {
        "file"
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let lane = context.outlet.lane("log", WINDOW);
        context.outlet.ready();
        context.health.reading();
        let source = Arc::clone(lane.name());
        let origin = Arc::new(Origin { source, labels: Arc::default(), module: "file" });
        let lines: Vec<&str> = self.text.lines().collect();
        for (number, lines) in lines.chunks(self.chunk).enumerate() {
            let (mut text, mut spans) = (String::new(), Vec::with_capacity(lines.len()));
            let first = number * self.chunk;
            for (offset, line) in (first as u64..).zip(lines) {
                let start = u32::try_from(text.len()).unwrap_or(u32::MAX);
                text.push_str(line);
                let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
                text.push('\n');
                spans.push(Span { start, end, offset });
            }
            let chunk = Chunk { lines: spans, text: text.into(), ..Chunk::default() };
            let (from, to) = (Position::new(&first), Position::new(&(first + lines.len())));
            let delivery = Delivery::new(chunk, Arc::clone(&origin), from, to);
            if lane.send_blocking(delivery, &context.runtime).is_err() {
                return Ok(());
            }
        }
        lane.close();
        while !context.stop.wait_for(&context.runtime, Duration::from_secs(60)) {}
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let Arguments { rules, log, kind, state, workers, chunk } = Arguments::parse();
    let text = std::fs::read_to_string(&log).with_context(|| format!("read {}", log.display()))?;
    let lines = text.lines().count() as u64;
    let store = Arc::new(Store::open(&state, Budget::default())?);
    let runtime = tokio::runtime::Runtime::new()?;
    let names: Arc<pipeline::live::names::Names> = Arc::default();
    let known = Arc::clone(&names);
    let detection = rules.load(Box::new(move |partition| known.get(partition)))?.detection();
    let serving = Serving::start(Options {
        store: Arc::clone(&store),
        detection: detection.clone(),
        names: Arc::clone(&names),
        machine: "engine".into(),
        wanted: Wanted::Results,
        unparsed: false,
        policy: Default::default(),
        retention: Default::default(),
        secret: None,
        now: || 0,
    })?;
    let labels = [("type".into(), kind.as_str().into())].into_iter().collect();
    let settings = SourceSettings {
        name: "log".into(),
        labels: Arc::new(labels),
        clock: Clock::Event,
        transform: None,
        zone: None,
        hold: None,
        rate: None,
        set_aside: false,
    };
    let engine = Engine::start(Setup {
        store: Arc::clone(&store),
        sources: vec![Configured { settings, source: Box::new(InMemory { text, chunk }) }],
        pace: Pace { hold: None, ..Pace::default() },
        workers,
        memory: 512 << 20,
        keeper: Arc::new(serving.judge().clone()),
        runtime: runtime.handle().clone(),
        names,
    })?;
    let handles = engine.handles().clone();
    let begun = Instant::now();
    let seen = Arc::clone(&store);
    let watch = std::thread::spawn(move || {
        let through = || {
            let lanes = record::lanes(&seen).unwrap_or_default();
            lanes.first().is_some_and(|(_, lane)| lane.next >= lines)
        };
        while !through() {
            std::thread::sleep(Duration::from_millis(20));
        }
        handles.say(Command::Finish);
        handles.progress.kept.load(Ordering::Acquire)
    });
    let engine = engine.generation(&detection)?;
    let commits = watch.join().unwrap_or(0);
    let seconds = begun.elapsed().as_secs_f64();
    engine.end();
    serving.finish();
    let messages = record::next_message(&store, Tray::Results)?;
    println!("{lines} lines, {messages} messages, {commits} commits, {seconds:.2} s");
    Ok(())
}
