//! `spillway explain`: what rules do to a line, step by step, and why not more.

use std::io::{self, BufWriter, Cursor};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{ArgGroup, Args};
use connectors::{Input, Reader};
use operators::bucket::ScenarioId;
use operators::rules::Rules;
use operators::text::RawLine;

use super::Format;
use super::inputs::{Described, InputArgs, label};
use super::rules::RuleArgs;
use crate::explain::explainer::{Explainer, Parts, scenarios};
use crate::explain::output::{Form, Teller};
use crate::explain::shown::Shown;
use crate::explain::style::Style;
use crate::report::Report;
use crate::zone::Written;

/// Show what rules do to a line, step by step, and why not more.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("lines").required(true).args(["log", "file", "path"]))]
#[command(after_help = "\
Examples:
  spillway explain --type nginx --log '203.0.113.7 - - [...] \"GET /.env HTTP/1.1\" 404 0'
  spillway explain --why-not me/ssh-bruteforce /var/log/auth.log
  tail -n 20 access.log | spillway explain --failures -
  spillway explain -o json access.log | jq 'select(.parsed | not) | .unparsed'

JSON: one object per line of input with `line`, `file`, `offset`, `text`, `type`, `parsed`, `time`,
`stages` (of `nodes` with `name`, `success`, `filter`, `grok`, `changes`, `nodes`), `scenarios`
(with `key`, `outcome`, `bucket`), `overflows` (with `alerts` and their `decisions`), `why_not`.")]
pub struct Explain {
    #[command(flatten)]
    rules: RuleArgs,
    /// The line itself
    #[arg(short, long, value_name = "LINE", allow_hyphen_values = true, help_heading = "Lines")]
    log: Option<String>,
    /// A file of lines, or -; .gz .zst .bz2 .xz are unpacked
    #[arg(short, long, value_name = "FILE", help_heading = "Lines")]
    file: Option<PathBuf>,
    /// The same
    #[arg(value_name = "PATH", help_heading = "Lines")]
    path: Option<PathBuf>,
    /// What writes the lines (the label `type`: syslog, nginx, …); guessed without it
    #[arg(short, long = "type", value_name = "T", help_heading = "Lines")]
    kind: Option<String>,
    /// Zone of dates that say none: UTC, local (this host's), or a name such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC", help_heading = "Lines")]
    timezone: Written,
    /// Another label
    #[arg(long = "label", value_name = "K=V", value_parser = label, help_heading = "Lines")]
    labels: Vec<(String, String)>,
    /// Longer lines are rejected. Unit: bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, help_heading = "Lines")]
    max_line: usize,
    /// Say why this scenario gives no alert: the first condition that failed
    #[arg(long, value_name = "SCENARIO")]
    why_not: Option<String>,
    /// Only lines that were not parsed
    #[arg(long)]
    failures: bool,
    /// Only nodes that took the line
    #[arg(long)]
    only_successful_parsers: bool,
    /// Also nodes and scenarios that have nothing to do with the line
    #[arg(short, long)]
    verbose: bool,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Explain {
    /// Runs the command.
    ///
    /// # Errors
    /// Rules that do not load, nothing to read, a scenario that is not there, or an output that
    /// takes nothing.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Described { mut reader, origin, reason, .. } = self.open()?;
        let name = Arc::clone(&origin.source);
        let loaded = self.rules.load(Box::new(move |_| Some(Arc::clone(&name))))?;
        if self.verbose {
            eprint!("{}", Report::for_stderr().all(&[], &loaded.warnings));
        }
        let why_not =
            self.why_not.as_ref().map(|name| scenario(&loaded.rules, name)).transpose()?;
        if self.output == Format::Human {
            let kind = origin.labels.get("type").map_or("", |kind| kind);
            eprintln!("type: {} ({})", kind.escape_debug(), reason.escape_debug());
        }
        let shown = Shown {
            failures: self.failures,
            only_successful: self.only_successful_parsers,
            verbose: self.verbose,
        };
        let form = match self.output {
            Format::Human => Form::Human,
            Format::Json => Form::Json,
            Format::Raw => Form::Raw,
        };
        let to = BufWriter::new(io::stdout().lock());
        let mut teller = Teller::new(to, form, shown, Style::of_stdout());
        let mut explainer = Explainer::new(Parts {
            rules: loaded.rules,
            profiles: loaded.profiles,
            exempt: loaded.exempt,
            lookups: loaded.lookups,
            origin,
            why_not,
            reasons: !self.only_successful_parsers,
            unwanted: self.verbose,
            still: false,
        });
        tell(&mut reader, &mut explainer, &mut teller)
    }

    fn open(&self) -> anyhow::Result<Described> {
        let options = InputArgs {
            paths: Vec::new(),
            kind: self.kind.clone(),
            acquisition: Vec::new(),
            timezone: self.timezone,
            labels: self.labels.clone(),
            max_line: self.max_line,
            batch: 1 << 16,
        };
        let (input, reader) = match (&self.log, self.file.as_ref().or(self.path.as_ref())) {
            (Some(line), _) => {
                let bytes = Cursor::new(line.clone().into_bytes());
                let read = options.options(false);
                (Input::stdin(), Reader::of_stream("-", bytes, read, Arc::default()))
            }
            (None, Some(path)) => {
                let resolved = connectors::resolve(&[path]);
                let error = resolved.errors.first().map(ToString::to_string);
                let error = error.unwrap_or_else(|| "no file".into());
                let mut inputs = resolved.inputs.into_iter();
                let input = inputs.next();
                let input = input.with_context(|| format!("{error}; a line goes behind --log"))?;
                if inputs.next().is_some() {
                    anyhow::bail!("{} is more than one file: name one", path.display());
                }
                let reader = Reader::new(&input, options.options(false), Arc::default());
                (input, reader)
            }
            (None, None) => anyhow::bail!("nothing to explain: give --log, --file or a path"),
        };
        Ok(options.describe(&input, None, reader, false))
    }
}

/// Tells all lines of a reader. What could not be read is said on standard error and changes the
/// exit code.
///
/// # Errors
/// The output takes nothing.
pub fn tell<W: io::Write>(
    reader: &mut Reader,
    explainer: &mut Explainer,
    teller: &mut Teller<W>,
) -> anyhow::Result<ExitCode> {
    let mut number = 0;
    let mut code = ExitCode::SUCCESS;
    let mut ready = Vec::new();
    while let Some(chunk) = reader.next_chunk() {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                eprintln!("error: {error}");
                code = ExitCode::from(2);
                continue;
            }
        };
        for reject in &chunk.rejects {
            eprintln!("warning: left out: {}", reject.reason.as_str());
        }
        for record in chunk.records() {
            number += 1;
            let raw = RawLine::new(Arc::clone(record.buffer), record.span.start, record.span.end);
            explainer.line(number, record.span.offset, raw, &mut ready);
            ready.drain(..).try_for_each(|story| teller.line(story)).context("write the result")?;
        }
    }
    let overflows = explainer.end(&mut ready);
    ready.drain(..).try_for_each(|story| teller.line(story)).context("write the result")?;
    teller.end(&overflows).context("write the result")?;
    if number == 0 {
        eprintln!("warning: there was no line to explain");
    }
    Ok(code)
}

/// The scenario of this name.
fn scenario(rules: &Rules, name: &str) -> anyhow::Result<ScenarioId> {
    let known = scenarios(rules);
    if let Some(id) = known.get(name) {
        return Ok(*id);
    }
    let by_last = |known: &&str| known.rsplit_once('/').is_some_and(|(_, last)| last == name);
    let near = known.keys().copied().find(by_last);
    match near.or_else(|| operators::yaml::nearest(name, known.keys().copied())) {
        Some(near) => anyhow::bail!("there is no scenario `{name}`: did you mean `{near}`?"),
        None => anyhow::bail!("there is no scenario `{name}`: `spillway check` lists them"),
    }
}
