//! `spillway check`: validates a configuration and rules, and prints what would run.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::Format;
use super::rules::{Loaded, RuleArgs};
use crate::config::acquisition::Acquired;
use crate::config::load;
use crate::hub::data::Place;
use crate::hub::{ItemKind, NodeFile, environment};
use crate::report::Report;

/// Validate a configuration and rules, and print what would run.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spillway check                      what `spillway run` would run
  spillway check -c spillway.yaml
  spillway check --rules hub
  spillway check --rules /etc/crowdsec -o json")]
pub struct Check {
    /// The configuration; by default /etc/spillway/spillway.yaml, if it is there
    #[arg(short, long, value_name = "FILE", conflicts_with = "RuleArgs")]
    config: Option<PathBuf>,
    #[command(flatten)]
    rules: RuleArgs,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What would run.
#[derive(Debug, Default, Serialize)]
struct Plan {
    parsers: BTreeMap<String, Vec<String>>,
    postoverflows: BTreeMap<String, Vec<String>>,
    scenarios: Vec<String>,
    contexts: Vec<String>,
    profiles: Vec<String>,
    sources: Vec<Source>,
    data: Vec<DataFile>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct DataFile {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    missing: bool,
    source_url: String,
    users: Vec<String>,
}

/// Something that would be read.
#[derive(Debug, Serialize)]
struct Source {
    name: String,
    module: &'static str,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Problem {
    file: String,
    line: u32,
    column: u32,
    message: String,
    help: Option<String>,
}

impl Check {
    /// Runs the command.
    ///
    /// # Errors
    /// The output takes nothing.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        // Rules that are named stand for themselves.
        let configured = match self.rules == RuleArgs::default() {
            true => Some(load::load(self.config.as_deref(), &environment::process)),
            false => None,
        };
        let rules = configured.as_ref().map_or(&self.rules, |read| &read.settings.rules);
        let mut loaded = rules.inspect(Box::new(|_| None));
        let sound = loaded.errors.is_empty() || rules.skip_broken;
        let sound = sound && configured.as_ref().is_none_or(|read| read.errors.is_empty());
        let mut sources = Vec::new();
        if let Some(mut read) = configured {
            read.warn_of_shared_files();
            loaded.errors.splice(0..0, read.errors);
            loaded.warnings.splice(0..0, read.warnings);
            sources = read.sources;
        }
        let plan = Plan { sources: sources.iter().map(source).collect(), ..Plan::new(&loaded) };
        let mut out = io::stdout().lock();
        match self.output {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &plan)?;
                out.write_all(b"\n")?;
            }
            Format::Human => plan.write_human(&mut out)?,
            Format::Raw => plan.write_raw(&mut out)?,
        }
        eprint!("{}", Report::for_stderr().all(&loaded.errors, &loaded.warnings));
        Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Plan {
    fn new(loaded: &Loaded) -> Self {
        let set = &loaded.set;
        let problem = |error: &operators::yaml::RuleError| Problem {
            file: error.file.to_string(),
            line: error.line,
            column: error.column,
            message: error.message.clone(),
            help: error.help.clone(),
        };
        let data = set.data_files().into_iter().map(|wanted| DataFile {
            missing: matches!(wanted.place, Place::Missing),
            users: wanted.users.iter().map(ToString::to_string).collect(),
            name: wanted.name,
            kind: wanted.kind,
            source_url: wanted.source_url,
        });
        let scenarios = loaded.rules.catalogue.scenarios().iter();
        Self {
            parsers: by_stage(&set.parsers),
            postoverflows: by_stage(&set.postoverflows),
            scenarios: scenarios.map(|scenario| scenario.name.to_string()).collect(),
            contexts: set.contexts.iter().map(|file| file.item.name.to_string()).collect(),
            profiles: loaded.profiles.iter().map(|profile| profile.name.to_string()).collect(),
            sources: Vec::new(),
            data: data.collect(),
            errors: loaded.errors.iter().map(problem).collect(),
            warnings: loaded.warnings.iter().map(problem).collect(),
        }
    }

    fn write_human(&self, to: &mut impl Write) -> io::Result<()> {
        for (noun, stages) in [("parsers", &self.parsers), ("postoverflows", &self.postoverflows)] {
            for (stage, names) in stages {
                writeln!(to, "{noun} {stage} ({})", names.len())?;
                list(to, names)?;
            }
        }
        writeln!(to, "scenarios ({})", self.scenarios.len())?;
        list(to, &self.scenarios)?;
        if !self.contexts.is_empty() {
            writeln!(to, "contexts ({})", self.contexts.len())?;
            list(to, &self.contexts)?;
        }
        writeln!(to, "profiles ({})", self.profiles.len())?;
        list(to, &self.profiles)?;
        if !self.sources.is_empty() {
            writeln!(to, "sources ({})", self.sources.len())?;
        }
        for Source { name, labels, .. } in &self.sources {
            let labels: Vec<_> =
                labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            writeln!(to, "  {name} ({})", labels.join(", "))?;
        }
        let missing: Vec<_> = self.data.iter().filter(|file| file.missing).collect();
        writeln!(to, "data files ({}, {} missing)", self.data.len(), missing.len())?;
        for file in missing {
            let users = file.users.join(", ");
            let from = match file.source_url.as_str() {
                "" => String::new(),
                url => format!(" from {url}"),
            };
            writeln!(to, "  missing: {} (for {users}){from}", file.name)?;
        }
        Ok(())
    }

    fn write_raw(&self, to: &mut impl Write) -> io::Result<()> {
        writeln!(to, "type,stage,name")?;
        let kinds =
            [(ItemKind::Parser, &self.parsers), (ItemKind::Postoverflow, &self.postoverflows)];
        for (kind, stages) in kinds {
            for (stage, names) in stages {
                for name in names {
                    writeln!(to, "{},{stage},{name}", kind.directory())?;
                }
            }
        }
        for name in &self.scenarios {
            writeln!(to, "scenarios,,{name}")?;
        }
        Ok(())
    }
}

fn by_stage(files: &[NodeFile]) -> BTreeMap<String, Vec<String>> {
    let mut stages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files {
        let names = file.nodes.iter().map(|node| node.name.value.clone());
        stages.entry(file.item.stage.to_string()).or_default().extend(names);
    }
    stages
}

fn source(source: &Acquired) -> Source {
    let labels = source.labels.iter().map(|(key, value)| (key.to_string(), value.to_string()));
    let module = source.connector.module();
    Source { name: source.name.clone(), module, labels: labels.collect() }
}

fn list(to: &mut impl Write, names: &[String]) -> io::Result<()> {
    names.iter().try_for_each(|name| writeln!(to, "  {name}"))
}
