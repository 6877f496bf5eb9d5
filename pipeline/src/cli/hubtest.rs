//! `spillway hubtest`: runs the tests of a hub and helps to write them, with the verbs of
//! `cscli hubtest`.

use std::fs;
use std::io::{self, BufWriter, Cursor, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use connectors::{ReadOptions, Reader};
use operators::expr::Env;
use operators::origin::Origin;
use operators::time::{EventTime, Stamp};
use serde::Serialize;

use super::clock;
use crate::explain::style::Style;
use crate::explain::{Explainer, Form, Parts, Shown, Teller};
use crate::hub::ItemKind;
use crate::hubtest::coverage::{Coverage, coverage, percent};
use crate::hubtest::places::Overrides;
use crate::hubtest::{Places, Prepared, Report, Runner, Test, TestConfig, assertions, run};

/// Run the tests of a hub, and what helps to write them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spillway hubtest run --all --hub hub
  spillway hubtest create my-sshd --type syslog -p crowdsecurity/sshd-logs --hub hub
  spillway hubtest explain my-sshd --hub hub")]
pub struct Hubtest {
    #[command(flatten)]
    places: PlaceArgs,
    /// What to do
    #[command(subcommand)]
    verb: Verb,
}

/// Where everything is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Places")]
struct PlaceArgs {
    /// Checkout of a hub
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    hub: PathBuf,
    /// Directory of grok pattern files; by default `patterns` beside the hub
    #[arg(long, global = true, value_name = "DIR")]
    patterns: Option<PathBuf>,
    /// Directory of data files and databases; by default `data` beside the hub
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The same for tests that bring data of their own; by default `data-own` beside the hub
    #[arg(long, global = true, value_name = "DIR")]
    data_own: Option<PathBuf>,
    /// The only clock that rules see, in RFC 3339
    #[arg(long, global = true, value_name = "TIME", value_parser = clock::parse)]
    now: Option<Stamp>,
    /// How results are printed
    #[arg(short, long, global = true, value_enum, default_value_t)]
    output: Output,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Human,
    /// For machines
    Json,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run tests
    Run(RunArgs),
    /// Make a directory for a new test
    Create(CreateArgs),
    /// Show what rules do to the lines of tests, as `spillway explain` does
    Explain(ExplainArgs),
    /// Evaluate an expression over the results of tests
    Eval(EvalArgs),
    /// List the tests
    List,
    /// Show where the files of tests are
    Info(Names),
    /// Show which items of the hub its tests speak of
    Coverage(CoverageArgs),
    /// Remove what other test runners left in the directories of tests
    Clean(Names),
}

#[derive(Debug, Args)]
struct Names {
    /// The tests
    names: Vec<String>,
    /// All tests of the hub
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    tests: Names,
    /// List the tests that went well too
    #[arg(long)]
    report_success: bool,
    /// How many tests run at a time; by default as many as there are processors
    #[arg(long, value_name = "N")]
    max_jobs: Option<usize>,
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Name of the test
    name: String,
    /// The `type` label of its lines
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: String,
    /// Parsers, besides syslog and dates
    #[arg(short, long, value_delimiter = ',', value_name = "NAME")]
    parsers: Vec<String>,
    /// Scenarios
    #[arg(short, long, value_delimiter = ',', value_name = "NAME")]
    scenarios: Vec<String>,
    /// Postoverflows
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    postoverflows: Vec<String>,
    /// Assert nothing about parsers
    #[arg(long)]
    ignore_parsers: bool,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// The tests
    #[arg(required = true)]
    names: Vec<String>,
    /// Also nodes and scenarios that have nothing to do with a line
    #[arg(short, long)]
    verbose: bool,
    /// Only lines that did not come through all stages
    #[arg(long)]
    failures: bool,
}

#[derive(Debug, Args)]
struct EvalArgs {
    /// The tests
    #[arg(required = true)]
    names: Vec<String>,
    /// The expression; `results` are those of the parsers
    #[arg(short, long)]
    expr: String,
    /// `results` are those of the scenarios
    #[arg(long)]
    scenario: bool,
}

#[derive(Debug, Args)]
struct CoverageArgs {
    /// Only parsers
    #[arg(long)]
    parsers: bool,
    /// Only scenarios
    #[arg(long)]
    scenarios: bool,
    /// Only the share of items that are covered
    #[arg(long)]
    percent: bool,
}

/// 2026-08-22T12:00:00Z: logs of tests have dates without a year. Unit: nanoseconds.
const NOW: i64 = 1_787_400_000 * 1_000_000_000;

impl Hubtest {
    /// Runs the command.
    ///
    /// # Errors
    /// What stopped it, for people.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Self { places: args, verb } = self;
        let output = args.output;
        let overrides =
            Overrides { patterns: args.patterns, data: args.data, data_own: args.data_own };
        let places = Places::of_hub(&args.hub, overrides).map_err(explained)?;
        let now = args.now.unwrap_or_else(|| Stamp::utc_at(EventTime(NOW)));
        let runner = Runner { places, now };
        match verb {
            Verb::Run(args) => run_tests(&runner, &args, output),
            Verb::Create(args) => create(&runner.places, args),
            Verb::Explain(args) => explain(&runner, &args, output),
            Verb::Eval(args) => eval(&runner, &args),
            Verb::List => list(&runner.places, output),
            Verb::Info(args) => info(&runner.places, &args),
            Verb::Coverage(args) => cover(&runner.places, &args, output),
            Verb::Clean(args) => clean(&runner.places, &args),
        }
    }
}

impl Names {
    fn tests(&self, places: &Places) -> anyhow::Result<Vec<Test>> {
        ensure!(self.all || !self.names.is_empty(), "name the tests, or give --all");
        if self.all {
            return places.all().map_err(explained);
        }
        let tests: Result<_, _> = self.names.iter().map(|name| places.test(name)).collect();
        tests.map_err(explained)
    }
}

fn explained(error: operators::yaml::RuleError) -> anyhow::Error {
    match &error.help {
        Some(help) => anyhow::anyhow!("{error} ({help})"),
        None => error.into(),
    }
}

fn run_tests(runner: &Runner, args: &RunArgs, output: Output) -> anyhow::Result<ExitCode> {
    let tests = args.tests.tests(&runner.places)?;
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.max_jobs.unwrap_or_else(processors);
    let shown = output == Output::Human && io::stderr().is_terminal();
    let done = |report: &Report| {
        if shown {
            eprintln!("{} {}", mark(report), report.name);
        }
    };
    let reports = runner.run(&tests, jobs, &done);
    let mut out = io::stdout().lock();
    match output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut out, &reports)?;
            out.write_all(b"\n")?;
        }
        Output::Human => write_reports(&mut out, &reports, args.report_success)?,
    }
    let fine = reports.iter().all(Report::is_fine);
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn mark(report: &Report) -> &'static str {
    match report {
        Report { skipped: true, .. } => "skipped",
        Report { strict: true, .. } => "ok     ",
        Report { reference: true, .. } => "lenient",
        _ => "FAILED ",
    }
}

fn write_reports(out: &mut dyn Write, reports: &[Report], all: bool) -> io::Result<()> {
    for report in reports.iter().filter(|report| !report.is_fine()) {
        writeln!(out, "{}", report.name)?;
        for generated in &report.generated {
            writeln!(out, "  {} is empty. What holds now:\n", generated.file)?;
            writeln!(out, "{}", generated.text)?;
        }
        if let Some(error) = &report.error {
            writeln!(out, "  error: {error}")?;
        }
        for failed in report.failed.iter().filter(|failed| failed.counts) {
            writeln!(out, "  {}:{}: {}", failed.file, failed.line, failed.assertion)?;
            writeln!(out, "    got: {}", failed.got.as_deref().unwrap_or("nothing"))?;
        }
        writeln!(out)?;
    }
    let width = reports.iter().map(|report| report.name.len()).max().unwrap_or(0);
    for report in reports.iter().filter(|report| all || !report.is_fine()) {
        let (name, assertions) = (&report.name, report.assertions);
        writeln!(out, "{}  {name:width$}  {assertions} assertions", mark(report))?;
    }
    let count = |wanted: fn(&Report) -> bool| reports.iter().filter(|r| wanted(r)).count();
    let skipped = count(|report| report.skipped);
    let passed = count(|report| !report.skipped && report.reference);
    let lenient = count(|report| report.reference && !report.strict);
    let failed = reports.len() - passed - skipped;
    let assertions: usize = reports.iter().map(|report| report.assertions).sum();
    write!(out, "{passed} passed, {failed} failed, {skipped} skipped, {assertions} assertions")?;
    match lenient {
        0 => writeln!(out),
        _ => writeln!(out, " ({lenient} passed with false assertions that CrowdSec overlooks)"),
    }
}

fn create(places: &Places, args: CreateArgs) -> anyhow::Result<ExitCode> {
    let name = &args.name;
    ensure!(!name.is_empty() && !name.contains(['/', '\\']) && name != "..", "no name: {name}");
    let path = places.tests.join(name);
    ensure!(!path.exists(), "there is a test `{name}` already: {}", path.display());
    fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
    let list = |out: &mut String, key: &str, names: &[String]| {
        out.push_str(key);
        out.push_str(":\n");
        let placeholder = [String::new()];
        let names = if names.is_empty() { &placeholder } else { names };
        for name in names {
            let quoted = serde_json::Value::from(name.as_str());
            out.push_str(&format!("- {quoted}\n"));
        }
    };
    let mut parsers = args.parsers;
    for usual in ["crowdsecurity/syslog-logs", "crowdsecurity/dateparse-enrich"] {
        if !parsers.iter().any(|parser| parser == usual) {
            parsers.push(usual.to_owned());
        }
    }
    let mut config = String::new();
    list(&mut config, "parsers", &parsers);
    list(&mut config, "scenarios", &args.scenarios);
    list(&mut config, "postoverflows", &args.postoverflows);
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let log = format!("{name}.log");
    config.push_str(&format!("log_file: {}\n", quoted(&log)));
    config.push_str(&format!("log_type: {}\n", quoted(&args.kind)));
    config.push_str(&format!("ignore_parsers: {}\n", args.ignore_parsers));
    for (file, text) in [
        ("config.yaml", config.as_str()),
        (&log, ""),
        ("parser.assert", ""),
        ("scenario.assert", ""),
    ] {
        let file = path.join(file);
        fs::write(&file, text).with_context(|| file.display().to_string())?;
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}", path.display())?;
    writeln!(out, "  {log:16} put the lines of the log here")?;
    writeln!(out, "  {:16} name the items that read them", "config.yaml")?;
    writeln!(out, "  {:16} `hubtest run {name}` prints what to put here", "parser.assert")?;
    writeln!(out, "  {:16} the same for scenarios", "scenario.assert")?;
    Ok(ExitCode::SUCCESS)
}

/// A test of logs.
fn log_test(runner: &Runner, name: &str) -> anyhow::Result<(Test, TestConfig)> {
    let test = runner.places.test(name).map_err(explained)?;
    let config = test.config().map_err(explained)?;
    if config.is_appsec() {
        bail!("{name} tests the WAF: it has no lines");
    }
    Ok((test, config))
}

/// Runs a test of logs for its results.
fn outcome(runner: &Runner, name: &str) -> anyhow::Result<run::Outcome> {
    let (test, config) = log_test(runner, name)?;
    runner.outcome(&test, config).map_err(anyhow::Error::msg)
}

fn explain(runner: &Runner, args: &ExplainArgs, output: Output) -> anyhow::Result<ExitCode> {
    let form = match output {
        Output::Human => Form::Human,
        Output::Json => Form::Json,
    };
    for name in &args.names {
        if output == Output::Human && args.names.len() > 1 {
            writeln!(io::stdout().lock(), "{name}\n")?;
        }
        let (test, config) = log_test(runner, name)?;
        let Prepared { rules, profiles, lookups, log } =
            runner.prepare(&test, &config).map_err(anyhow::Error::msg)?;
        let origin = Origin { source: log.path, labels: log.labels, module: "file", zone: None };
        let mut explainer = Explainer::new(Parts {
            rules,
            profiles,
            exempt: Arc::default(),
            lookups,
            origin,
            why_not: None,
            reasons: true,
            unwanted: args.verbose,
            still: true,
        });
        let shown = Shown { failures: args.failures, verbose: args.verbose, ..Shown::default() };
        let to = BufWriter::new(io::stdout().lock());
        let mut teller = Teller::new(to, form, shown, Style::of_stdout());
        let text = Cursor::new(log.text.as_bytes().to_vec());
        let options = ReadOptions::default();
        let mut reader = Reader::of_stream(name, text, options, Arc::default());
        super::explain::tell(&mut reader, &mut explainer, &mut teller)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn eval(runner: &Runner, args: &EvalArgs) -> anyhow::Result<ExitCode> {
    let env = if args.scenario { Env::ScenarioAssert } else { Env::ParserAssert };
    for name in &args.names {
        let outcome = outcome(runner, name)?;
        let results = run::results(&outcome, env);
        let value = assertions::evaluate(&args.expr, env, &results, &*outcome.lookups);
        writeln!(io::stdout().lock(), "{}", value.map_err(anyhow::Error::msg)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    path: &'a std::path::Path,
}

fn list(places: &Places, output: Output) -> anyhow::Result<ExitCode> {
    let tests = places.all().map_err(explained)?;
    let mut out = io::stdout().lock();
    if output == Output::Json {
        let all: Vec<_> =
            tests.iter().map(|test| Listed { name: &test.name, path: &test.path }).collect();
        serde_json::to_writer_pretty(&mut out, &all)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let width = tests.iter().map(|test| test.name.len()).max().unwrap_or(0);
    for test in &tests {
        writeln!(out, "{:width$}  {}", test.name, test.path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn info(places: &Places, names: &Names) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for test in names.tests(places)? {
        let config = test.config().map_err(explained)?;
        writeln!(out, "{}", test.name)?;
        writeln!(out, "  directory        {}", test.path.display())?;
        writeln!(out, "  configuration    {}", test.path.join("config.yaml").display())?;
        if config.is_appsec() {
            let template = test.path.join(&config.nuclei_template);
            writeln!(out, "  requests         {}", template.display())?;
            continue;
        }
        writeln!(out, "  log              {}", test.path.join(&config.log_file).display())?;
        writeln!(out, "  about parsers    {}", test.parser_assertions().display())?;
        writeln!(out, "  about scenarios  {}", test.scenario_assertions().display())?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Default, Serialize)]
struct Covered {
    #[serde(skip_serializing_if = "Option::is_none")]
    parsers: Option<Vec<Coverage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scenarios: Option<Vec<Coverage>>,
}

fn cover(places: &Places, args: &CoverageArgs, output: Output) -> anyhow::Result<ExitCode> {
    let tests = places.all().map_err(explained)?;
    let both = !args.parsers && !args.scenarios;
    let of = |wanted: bool, kind| (both || wanted).then(|| coverage(places, kind, &tests));
    let parsers = of(args.parsers, ItemKind::Parser);
    let scenarios = of(args.scenarios, ItemKind::Scenario);
    let mut out = io::stdout().lock();
    if output == Output::Json && !args.percent {
        serde_json::to_writer_pretty(&mut out, &Covered { parsers, scenarios })?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    for (kind, items) in [("parsers", parsers), ("scenarios", scenarios)] {
        let Some(items) = items else { continue };
        if args.percent {
            writeln!(out, "{kind}={}%", percent(&items))?;
            continue;
        }
        let width = items.iter().map(|item| item.name.len()).max().unwrap_or(0);
        for item in &items {
            let Coverage { name, assertions, tests } = item;
            let tests = tests.len();
            writeln!(out, "{name:width$}  {assertions} assertions in {tests} tests")?;
        }
        writeln!(out, "{}% of {} {kind} are tested\n", percent(&items), items.len())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn clean(places: &Places, names: &Names) -> anyhow::Result<ExitCode> {
    for test in names.tests(places)? {
        for left in ["runtime", "results"] {
            let path = test.path.join(left);
            if path.is_dir() {
                fs::remove_dir_all(&path).with_context(|| path.display().to_string())?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
