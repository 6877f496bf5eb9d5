//! `spillway state`: what the store holds. `list`, `show` and `export` work beside a running service.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Format;
use super::alerts::{csv, printable};
use super::store::StoreArgs;
use crate::live::names::Names;
use crate::state::{Budget, Store, StoreError, directory};
use crate::stored::buckets::{self, Named};
use crate::stored::{journal, transfer, verify};

/// Look into the store, check it, carry it elsewhere.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  spillway state list --scenario ssh\n  spillway state show 192.0.2.7\n  \
    spillway state export backup.jsonl && spillway state import backup.jsonl --data /srv/spillway"
)]
pub struct State {
    #[command(flatten)]
    store: StoreArgs,
    /// How results are printed
    #[arg(short, long, value_enum, default_value_t, global = true)]
    output: Format,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Live buckets, the latest first
    List {
        /// Only scenarios whose name contains this
        #[arg(long, value_name = "TEXT")]
        scenario: Option<String>,
        /// So many at most; 0 for all
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
    },
    /// The buckets of a key, such as an address, with the events that they hold
    Show {
        /// What the scenario groups by
        key: String,
        /// Only scenarios whose name contains this
        #[arg(long, value_name = "TEXT")]
        scenario: Option<String>,
    },
    /// Write everything into a file
    Export {
        /// The file; - for the standard output
        file: PathBuf,
    },
    /// Make a store of a file that `export` wrote
    Import {
        /// The file; - for the standard input
        file: PathBuf,
    },
    /// Read everything and say what cannot be read
    Verify,
}

impl State {
    /// Runs the command.
    ///
    /// # Errors
    /// The store cannot be opened, read or written, or the named configuration is not there.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Self { store, output, what } = self;
        let data = store.directory()?;
        match what {
            What::List { scenario, limit } => list(&data, output, scenario.as_deref(), limit)?,
            What::Show { key, scenario } => show(&data, output, &key, scenario.as_deref())?,
            What::Export { file } => export(&data, &file)?,
            What::Import { file } => import(&data, &file)?,
            What::Verify => return check(&data, output),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(data: &Path, output: Format, scenario: Option<&str>, limit: usize) -> anyhow::Result<()> {
    let store = Store::open_to_look(data)?;
    let limit = if limit == 0 { usize::MAX } else { limit };
    let mut latest = BinaryHeap::new();
    let mut count: u64 = 0;
    let mut rows = BTreeMap::new();
    let wanted = |name: &str, _: &str| scenario.is_none_or(|part| name.contains(part));
    buckets::each(&store, &wanted, &mut |mut named| {
        count += 1;
        named.bucket.events = named.bucket.events.iter().map(|_| Box::from([])).collect();
        latest.push(Reverse((named.bucket.last.at, count)));
        rows.insert(count, named);
        if latest.len() > limit
            && let Some(Reverse((_, oldest))) = latest.pop()
        {
            rows.remove(&oldest);
        }
    })?;
    let order = latest.into_sorted_vec();
    let shown = order.iter().filter_map(|Reverse((_, number))| rows.get(number));
    let mut out = BufWriter::new(io::stdout().lock());
    match output {
        Format::Json => shown.into_iter().try_for_each(|row| writeln!(out, "{}", told(row)))?,
        Format::Raw => {
            writeln!(out, "scenario,key,events,held,first,last")?;
            for Named { scenario, key, bucket } in shown {
                let (first, last) = (bucket.first.rfc3339(), bucket.last.rfc3339());
                let (total, held) = (bucket.total, bucket.events.len());
                writeln!(out, "{},{},{total},{held},{first},{last}", csv(scenario), csv(key))?;
            }
        }
        Format::Human => {
            let shown: Vec<_> = shown.collect();
            let width = |of: &dyn Fn(&Named) -> usize, least: usize| {
                shown.iter().map(|row| of(row)).max().unwrap_or(0).clamp(least, 48)
            };
            let names = width(&|row| row.scenario.len(), 8);
            let keys = width(&|row| row.key.len(), 3);
            writeln!(out, "{:names$}  {:keys$}  EVENTS  HELD  LAST", "SCENARIO", "KEY")?;
            for Named { scenario, key, bucket } in &shown {
                let (scenario, key) = (printable(scenario), printable(key));
                let (total, held) = (bucket.total, bucket.events.len());
                let last = bucket.last.rfc3339();
                writeln!(out, "{scenario:names$}  {key:keys$}  {total:>6}  {held:>4}  {last}")?;
            }
            writeln!(out, "{count} live buckets, {} shown", shown.len())?;
        }
    }
    Ok(out.flush()?)
}

fn told(named: &Named) -> serde_json::Value {
    let Named { scenario, key, bucket } = named;
    json!({
        "scenario": scenario, "key": key, "events": bucket.total, "held": bucket.events.len(),
        "first": bucket.first.rfc3339(), "last": bucket.last.rfc3339(),
        "distinct": bucket.distinct, "tokens": bucket.tokens,
    })
}

fn show(data: &Path, output: Format, key: &str, scenario: Option<&str>) -> anyhow::Result<()> {
    let store = Store::open_to_look(data)?;
    let names = Names::of(&store)?;
    let mut found = Vec::new();
    let wanted =
        |name: &str, one: &str| one == key && scenario.is_none_or(|part| name.contains(part));
    buckets::each(&store, &wanted, &mut |named| found.push(named))?;
    if found.is_empty() {
        bail!(
            "no live bucket has the key `{key}`: `spillway state list` shows those that are there"
        );
    }
    let mut out = BufWriter::new(io::stdout().lock());
    for named in &found {
        let events = buckets::events(&store, &names, &named.bucket)?;
        if output != Format::Human {
            let mut row = told(named);
            let events = events.iter().map(|event| {
                let fields: BTreeMap<_, _> = event.fields.iter().cloned().collect();
                let time = event.stamp.map(|stamp| stamp.rfc3339_nano());
                let (lane, offset) = (names.get(event.at.partition), event.at.position);
                json!({ "time": time, "lane": lane, "offset": offset, "fields": fields })
            });
            row["held"] = events.collect();
            writeln!(out, "{row}")?;
            continue;
        }
        let bucket = &named.bucket;
        writeln!(out, "{}  {}", printable(&named.scenario), printable(&named.key))?;
        let (first, last) = (bucket.first.rfc3339(), bucket.last.rfc3339());
        writeln!(out, "  {} events from {first} to {last}", bucket.total)?;
        if !bucket.distinct.is_empty() {
            let values: Vec<_> = bucket.distinct.iter().map(|value| printable(value)).collect();
            writeln!(out, "  distinct: {}", values.join(", "))?;
        }
        for event in events {
            let time = event.stamp.map(|stamp| stamp.rfc3339()).unwrap_or_default();
            let lane = names.get(event.at.partition).unwrap_or_default();
            writeln!(out, "  - {time} at offset {} of {}", event.at.position, printable(&lane))?;
            for (name, text) in &event.fields {
                writeln!(out, "      {name}: {}", printable(text))?;
            }
        }
    }
    Ok(out.flush()?)
}

fn export(data: &Path, file: &Path) -> anyhow::Result<()> {
    let store = Store::open_to_look(data)?;
    let records = if file == Path::new("-") {
        transfer::export(&store, &mut BufWriter::new(io::stdout().lock()))?
    } else {
        let made = File::options().write(true).create_new(true).mode(0o600).open(file);
        let made = made.with_context(|| format!("make {}", file.display()))?;
        let mut to = BufWriter::new(made);
        let records = transfer::export(&store, &mut to)?;
        to.into_inner()?.sync_all()?;
        records
    };
    if io::stderr().is_terminal() {
        eprintln!("exported {records} records");
    }
    Ok(())
}

fn import(data: &Path, file: &Path) -> anyhow::Result<()> {
    if std::fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty: name another directory with --data", data.display());
    }
    let read = || -> anyhow::Result<Box<dyn io::BufRead>> {
        if file == Path::new("-") {
            return Ok(Box::new(io::stdin().lock()));
        }
        let opened = File::open(file).with_context(|| format!("open {}", file.display()))?;
        Ok(Box::new(BufReader::new(opened)))
    };
    let mut from = read()?;
    let warning = directory::prepare(data).with_context(|| format!("make {}", data.display()))?;
    warning.iter().for_each(|warning| eprintln!("{warning}"));
    let store = Store::open(data, Budget::default())?;
    let records = transfer::import(&mut *from, &store)
        .with_context(|| format!("import {}", file.display()))?;
    println!("imported {records} records into {}", data.display());
    Ok(())
}

fn check(data: &Path, output: Format) -> anyhow::Result<ExitCode> {
    let store = match Store::open_to_look(data) {
        Err(StoreError::Damaged { path, source }) => {
            eprintln!("{source}");
            journal::damaged(data)?.iter().for_each(|found| eprintln!("{found}"));
            say_what_to_do(&path);
            return Ok(ExitCode::FAILURE);
        }
        store => store?,
    };
    let found = verify::verify(&store);
    let mut out = BufWriter::new(io::stdout().lock());
    match output {
        Format::Json => writeln!(out, "{}", serde_json::to_string(&found)?)?,
        Format::Raw | Format::Human => {
            writeln!(out, "{:12}  {:>12}  {:>14}  FAULTY", "FAMILY", "RECORDS", "BYTES")?;
            for one in &found {
                let (family, records, bytes) = (one.family, one.records, one.bytes);
                writeln!(out, "{family:12}  {records:>12}  {bytes:>14}  {:>6}", one.faulty)?;
            }
            for one in &found {
                for fault in &one.faults {
                    writeln!(out, "{}: {fault}", one.family)?;
                }
            }
        }
    }
    out.flush()?;
    let sound = found.iter().all(|one| one.faulty == 0);
    if !sound {
        say_what_to_do(data);
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say_what_to_do(data: &Path) {
    eprintln!(
        "{} is damaged: restore a backup (`spillway state import`), or move it away to begin anew",
        data.display()
    );
}
