//! `spillway metrics`: the metrics of a running service, as tables by what they are about, or sample by
//! sample.

mod bouncers;
mod section;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use api::bouncer_metrics::{BouncerMetrics, ByOrigin};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Format;
use super::admin::client::Client;
use super::admin::credentials::Credentials;
use super::admin::output::{Colour, Output, Row};
use super::socket::SocketArgs;
use bouncers::Table;
use section::{ALIASES, SECTIONS, Section};

/// Show the metrics of a running service.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spillway metrics                     (tables of what is not empty)
  spillway metrics show acquisition parsers
  spillway metrics show bouncers       (what bouncers blocked)
  spillway metrics spillway_buckets    (samples with this word)
  spillway metrics -o raw              (all samples, as Prometheus reads them)")]
pub struct Metrics {
    #[command(flatten)]
    service: SocketArgs,
    /// Only samples whose names or labels contain this
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Samples as Prometheus reads them, with what they mean; the same as `-o raw`
    #[arg(long)]
    raw: bool,
    /// How results are printed
    #[arg(short, long, global = true, value_enum, default_value_t)]
    output: Format,
    /// Address of the metrics (http://127.0.0.1:6060/metrics), instead of the service's socket
    #[arg(short, long, global = true, value_name = "URL")]
    url: Option<String>,
    /// Whole numbers, without units
    #[arg(long, global = true)]
    no_unit: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show some tables, empty ones too; all without a name
    Show {
        /// Their names, or engine or lapi for a group
        #[arg(value_name = "SECTION")]
        sections: Vec<String>,
    },
    /// List the tables that there are
    List,
}

impl Metrics {
    /// Runs the command.
    ///
    /// # Errors
    /// The service does not run, or this user may not ask it; a table is not known.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let format = if self.raw { Format::Raw } else { self.output };
        let output = Output::new(format, Colour::Auto);
        match &self.verb {
            Some(Verb::List) => list(output)?,
            Some(Verb::Show { sections }) => self.show(&named(sections)?, sections, output)?,
            None if format == Format::Raw => self.samples(true)?,
            None if self.words.is_empty() => self.show(&named(&[])?, &[], output)?,
            None if format == Format::Json => {
                bail!("words choose samples: name tables with `spillway metrics show`")
            }
            None => self.samples(false)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What the service exposes.
    fn page(&self) -> anyhow::Result<String> {
        match &self.url {
            None => Ok(String::from_utf8(self.service.get("/metrics")?)?),
            Some(url) => {
                let server = Credentials { url: url.clone(), ..Credentials::default() };
                Client::unknown(&server)?.text(&[]).with_context(|| format!("ask {url}"))
            }
        }
    }

    fn show(
        &self,
        sections: &[&'static Section],
        asked: &[String],
        output: Output,
    ) -> anyhow::Result<()> {
        if output.format == Format::Raw {
            bail!("tables are printed as human or json: `spillway metrics -o raw` has the samples");
        }
        let of_bouncers = |section: &&Section| section.is_of_bouncers();
        let page = if sections.iter().all(of_bouncers) { String::new() } else { self.page()? };
        let samples = section::samples(&page);
        let bouncers = match sections.iter().any(of_bouncers) {
            true => self.bouncers(!asked.is_empty())?,
            false => BouncerMetrics::default(),
        };
        if output.format == Format::Json {
            let json = |section: &&'static Section| match section.is_of_bouncers() {
                true => json!(numbers(&bouncers)),
                false => section.json(&samples),
            };
            let all = sections.iter().map(|one| (one.name.to_owned(), json(one)));
            return output.json(&Value::Object(all.collect()), 1);
        }
        for section in sections {
            if section.is_of_bouncers() {
                self.print_bouncers(&bouncers, !asked.is_empty(), output)?;
                continue;
            }
            let rows = section.rows(&samples, !self.no_unit);
            if !rows.is_empty() || !asked.is_empty() {
                let rows = rows.into_iter().map(Row::new).collect();
                output.table(section.title, &section.header(), rows)?;
            }
        }
        Ok(())
    }

    /// What bouncers did, as the service adds it up. Where it does not say, the other tables are shown
    /// nevertheless, unless bouncers are what is `asked` for.
    fn bouncers(&self, asked: bool) -> anyhow::Result<BouncerMetrics> {
        let answer = match self.service.get("/v1/admin/usage-metrics") {
            Err(error) if !asked => {
                eprintln!("warning: what bouncers did is not known: {error:#}");
                return Ok(BouncerMetrics::default());
            }
            answer => answer?,
        };
        let metrics: BouncerMetrics = serde_json::from_slice(&answer)?;
        if !metrics.complete {
            eprintln!("warning: bouncers sent more than is added up: only the newest is shown");
        }
        Ok(metrics)
    }

    fn print_bouncers(
        &self,
        metrics: &BouncerMetrics,
        asked: bool,
        output: Output,
    ) -> anyhow::Result<()> {
        for (name, bouncer) in &metrics.bouncers {
            let Table { title, header, rows } = Table::new(name, bouncer, !self.no_unit);
            let header: Vec<&str> = header.iter().map(String::as_str).collect();
            output.table(&title, &header, rows.into_iter().map(Row::new).collect())?;
        }
        if metrics.bouncers.is_empty() && asked {
            writeln!(io::stdout().lock(), "No bouncer metrics found.")?;
        }
        Ok(())
    }

    fn samples(&self, raw: bool) -> anyhow::Result<()> {
        let page = self.page()?;
        let mut out = io::stdout().lock();
        let mut help = "";
        for line in page.lines() {
            if let Some(said) = line.strip_prefix("# HELP ") {
                help = said.split_once(' ').map_or("", |(_, help)| help);
            }
            let is_sample = !line.starts_with('#');
            if !self.words.iter().all(|word| line.contains(word.as_str())) {
                continue;
            }
            if raw {
                writeln!(out, "{line}")?;
            } else if is_sample && !line.contains("_bucket{") && !line.ends_with(" 0") {
                let (name, value) = line.rsplit_once(' ').unwrap_or((line, ""));
                if !help.is_empty() {
                    writeln!(out, "# {}", std::mem::take(&mut help))?;
                }
                writeln!(out, "{name:<72} {value:>14}")?;
            }
        }
        Ok(())
    }
}

/// The tables of these names, in their order; all without a name.
fn named(names: &[String]) -> anyhow::Result<Vec<&'static Section>> {
    let mut wanted: Vec<&str> = Vec::new();
    for name in names {
        match ALIASES.iter().find(|(alias, _)| alias == name) {
            Some((_, group)) => wanted.extend(*group),
            None => wanted.push(name),
        }
    }
    let known: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(*name)) {
        let help = operators::yaml::suggestion(unknown, &known);
        let help = help.map(|help| format!("; {}", help.replace('`', "'"))).unwrap_or_default();
        bail!("unknown metrics type: {unknown}{help}");
    }
    let is_wanted = |section: &&Section| wanted.is_empty() || wanted.contains(&section.name);
    Ok(SECTIONS.iter().filter(is_wanted).collect())
}

/// The numbers alone: by bouncer, origin, name, unit.
fn numbers(metrics: &BouncerMetrics) -> BTreeMap<&str, &ByOrigin> {
    metrics.bouncers.iter().map(|(name, one)| (name.as_str(), &one.metrics)).collect()
}

fn list(output: Output) -> anyhow::Result<()> {
    let row = |section: &Section| [section.name, section.title, section.about];
    match output.format {
        Format::Human => {
            let rows = SECTIONS.iter().map(|section| Row::new(row(section))).collect();
            Ok(output.table("", &["Type", "Title", "Description"], rows)?)
        }
        Format::Json => {
            let one = |section: &Section| {
                let Section { name, title, about, .. } = section;
                json!({ "type": name, "title": title, "description": about })
            };
            output.json(&SECTIONS.iter().map(one).collect(), 1)
        }
        Format::Raw => {
            let rows = SECTIONS.iter().map(|section| row(section).to_vec());
            output.csv(&["type", "title", "description"], rows)
        }
    }
}
