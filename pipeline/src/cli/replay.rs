//! `spillway replay`: archived logs in, alerts and decisions out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use clap::{Args, ValueEnum};
use operators::alert::Alert;
use operators::bucket::Open;
use operators::lookup::Lookups;
use operators::origin::Origin;
use operators::parse::hit::Hit;

use super::Format;
use super::alerts::Printer;
use super::emit::Emit;
use super::inputs::{Described, InputArgs, Inputs};
use super::rules::{Loaded, RuleArgs};
use crate::ingest::Feed;
use crate::input::failures::Names;
use crate::input::progress::Progress;
use crate::input::summary::{HeldBucket, Sample, Source, Summary, Unparsed};
use crate::input::usage::Usage;
use crate::replay::{self, Outcome};
use crate::report::Report;
use crate::transform::Transformer;

/// Find the attacks in archived logs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spillway replay /var/log/auth.log
  spillway replay --rules hub --item crowdsecurity/linux --item crowdsecurity/nginx access.log.*.gz
  zcat old.gz | spillway replay --type syslog -o json - > alerts.jsonl
  spillway replay --rules hub --compare hub-new access.log")]
pub struct Replay {
    #[command(flatten)]
    pub(super) rules: RuleArgs,
    #[command(flatten)]
    pub(super) inputs: InputArgs,
    /// Print what these rules would add, remove and change against those of --rules
    #[arg(long, value_name = "DIR", conflicts_with_all = ["decisions", "summary", "at_end"])]
    pub(super) compare: Vec<PathBuf>,
    /// Threads that work; changes no result
    #[arg(long, value_name = "N", default_value_t = default_workers())]
    workers: usize,
    /// How alerts are printed
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Format,
    /// Print decisions instead of alerts
    #[arg(long)]
    decisions: bool,
    /// Write the summary as JSON to a file, besides the one on standard error
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Print no summary and no progress
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// What becomes of buckets that are neither full nor over at the end
    #[arg(long, value_enum, default_value_t)]
    at_end: AtEnd,
}

/// What becomes of buckets that are neither full nor over at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum AtEnd {
    /// They go silently
    #[default]
    Drop,
    /// They are printed on standard error, and stand in the file of --summary
    Keep,
}

fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8)
}

impl Replay {
    /// Runs the command.
    ///
    /// # Errors
    /// Rules that do not load, nothing to read, or an output that takes nothing.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let usage = Usage::start();
        crate::input::limit::raise_open_files();
        let Inputs { all, errors, size, meter } = self.inputs.open()?;
        let names: Vec<Arc<str>> =
            all.iter().map(|input| Arc::clone(&input.origin.source)).collect();
        let partition_names = names.clone();
        let loaded = self
            .rules
            .load(Box::new(move |partition| partition_names.get(partition.0 as usize).cloned()))?;
        if !self.quiet {
            eprint!("{}", Report::for_stderr().all(&[], &loaded.warnings));
        }
        let mut summary = Summary { now: loaded.now.rfc3339(), errors, ..Summary::default() };
        summary.inputs = all.iter().map(described).collect();
        let progress = match self.quiet {
            true => Progress::hidden(Arc::clone(&meter)),
            false => Progress::new(size, Arc::clone(&meter)),
        };
        let progress = Arc::new(progress);
        let printer = Printer::new(Vec::new(), self.output, self.decisions, names.clone());
        let emit = Arc::new(Mutex::new(Emit::new(printer, progress)));
        let (alerts, steps) = (Arc::clone(&emit), Arc::clone(&emit));
        let outcome = self.replay(
            &loaded,
            all,
            Box::new(move |alert: Alert| locked(&alerts).alert(&alert)),
            Box::new(move |lines| locked(&steps).advance(lines)),
        )?;
        let emit = Arc::into_inner(emit).context("the output is still in use")?;
        let emit = emit.into_inner().unwrap_or_else(PoisonError::into_inner);
        let printer = emit.finish().context("write the results")?;
        summarize(&mut summary, &outcome, &loaded, &names);
        summary.alerts = printer.alerts;
        summary.decisions = printer.decisions;
        summary.set_usage(&usage.so_far());
        if self.at_end == AtEnd::Keep {
            let open = outcome.open();
            write_open(&mut io::stderr().lock(), &open)?;
            summary.buckets =
                self.summary.is_some().then(|| open.iter().map(HeldBucket::from).collect());
        }
        self.write_summary(&summary)?;
        // The process ends: millions of buckets need not be freed one by one.
        std::mem::forget(outcome);
        Ok(if summary.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }

    /// Runs `loaded` over the inputs; `advance` hears how many lines are done.
    pub(super) fn replay(
        &self,
        loaded: &Loaded,
        inputs: Vec<Described>,
        emit: Box<dyn FnMut(Alert) + Send>,
        mut advance: Box<dyn FnMut(u64) + Send>,
    ) -> anyhow::Result<Outcome> {
        let feed = |input: Described| {
            let lookups = || Arc::clone(&loaded.lookups) as Arc<dyn Lookups>;
            let transform = input.transform;
            let transformer =
                transform.map(|transform| Transformer::new(transform, &input.origin, lookups()));
            (Feed { reader: input.reader, transformer }, input.origin)
        };
        let (feeds, origins): (Vec<_>, Vec<Origin>) = inputs.into_iter().map(feed).unzip();
        let run = replay::Replay {
            detection: loaded.detection(),
            origins: origins.into(),
            feeds,
            workers: self.workers,
        };
        let advance = Box::new(move |at: replay::Progress| advance(at.lines));
        Ok(replay::run(run, emit, advance)?)
    }

    fn write_summary(&self, summary: &Summary) -> anyhow::Result<()> {
        let mut stderr = io::stderr().lock();
        let written = match self.quiet {
            true => summary.write_errors(&mut stderr),
            false => summary.write_human(&mut stderr),
        };
        written.context("write the summary")?;
        let Some(path) = &self.summary else { return Ok(()) };
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        let mut file = BufWriter::new(file);
        let written = summary.write_json(&mut file).and_then(|()| file.flush());
        written.with_context(|| format!("write {}", path.display()))
    }
}

fn locked(emit: &Mutex<Emit>) -> MutexGuard<'_, Emit> {
    emit.lock().unwrap_or_else(PoisonError::into_inner)
}

fn described(input: &Described) -> Source {
    let label = input.origin.labels.get("type").map_or("", |label| label);
    Source {
        name: input.origin.source.to_string(),
        label: label.to_owned(),
        reason: input.reason.clone(),
        lines: 0,
    }
}

fn summarize(summary: &mut Summary, outcome: &Outcome, loaded: &Loaded, names: &[Arc<str>]) {
    let tally = &outcome.tally;
    summary.lines = tally.lines;
    summary.parsed = tally.parsed;
    summary.whitelisted = tally.whitelisted;
    summary.aborted = tally.aborted;
    summary.repaired = outcome.repaired;
    summary.late = 0;
    summary.stray = outcome.strays;
    summary.rejected =
        outcome.rejects.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
    summary.errors.extend(outcome.errors.iter().map(ToString::to_string));
    let mut parsers: BTreeMap<String, u64> = BTreeMap::new();
    let nodes = loaded.rules.parsers.all.iter().enumerate().filter(|(_, node)| node.top);
    for (place, node) in nodes {
        let count = tally.nodes.get(Hit::Succeeded.cell(place)).copied().unwrap_or(0);
        if count > 0 {
            *parsers.entry(node.name.to_owned()).or_default() += count;
        }
    }
    summary.parsers = parsers;
    let name = |at: u32| names.get(at as usize).map_or("", |name| name);
    let samples = tally.samples.iter().map(|sample| Sample {
        file: name(sample.partition.0).to_owned(),
        offset: sample.position,
        line: sample.text.clone(),
    });
    summary.unparsed = Unparsed { lines: tally.unparsed, samples: samples.collect() };
    let scenarios = loaded.rules.catalogue.scenarios().iter();
    let failures = Names {
        parsers: &loaded.rules.parsers.nodes,
        postoverflows: &loaded.rules.postoverflows.nodes,
        scenarios: scenarios.map(|scenario| Arc::clone(&scenario.name)).collect(),
        profiles: loaded.profiles.iter().map(|profile| Arc::clone(&profile.name)).collect(),
        inputs: names,
    };
    summary.failures = failures.failures(outcome);
    for (partition, lines) in &tally.partitions {
        if let Some(source) = summary.inputs.get_mut(partition.0 as usize) {
            source.lines = *lines;
        }
    }
}

fn write_open(to: &mut impl Write, open: &[Open]) -> io::Result<()> {
    writeln!(to, "buckets at the end: {}", open.len())?;
    for bucket in open {
        let capacity = match bucket.capacity {
            -1 => "∞".to_owned(),
            capacity => capacity.to_string(),
        };
        writeln!(
            to,
            "  {}  {}  {:.1} of {capacity}, {} events since {}",
            bucket.scenario,
            bucket.key.escape_debug(),
            bucket.level,
            bucket.poured,
            bucket.first.rfc3339(),
        )?;
    }
    Ok(())
}
