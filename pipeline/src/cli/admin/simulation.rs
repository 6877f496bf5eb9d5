//! `spillway simulation`: which scenarios only pretend to decide.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use operators::profile::simulation::Simulation;
use operators::yaml::{Documents, Reading, suggestion};
use serde_json::{Value, json};

use super::access::Access;
use super::output::Output;
use crate::cli::Format;
use crate::hub::file;

/// See and change which scenarios only pretend to decide.
#[derive(Debug, Args)]
pub struct Pretence {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Let scenarios only pretend
    Enable(Which),
    /// Let scenarios decide
    Disable(Which),
    /// Say which do what
    Status,
}

#[derive(Debug, Args)]
struct Which {
    /// These
    #[arg(value_name = "SCENARIO", required_unless_present = "global")]
    scenarios: Vec<String>,
    /// All of them
    #[arg(short, long, conflicts_with = "scenarios")]
    global: bool,
}

impl Pretence {
    /// Runs the command.
    ///
    /// # Errors
    /// No file says which scenarios pretend, or it cannot be read or written.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let rules = self.access.settings()?.rules;
        let loaded = rules.inspect(Box::new(|_| None)).set;
        let path = rules.simulation.clone().or(loaded.simulation);
        let mut simulation = path.as_deref().map(read).transpose()?.unwrap_or_default();
        let pretend = match &self.verb {
            Verb::Status => {
                status(&simulation, self.access.output())?;
                return Ok(ExitCode::SUCCESS);
            }
            Verb::Enable(_) => true,
            Verb::Disable(_) => false,
        };
        let path = path.with_context(|| {
            "no file says which scenarios pretend: set `rules: {simulation: simulation.yaml}` in the \
             configuration"
        })?;
        let (Verb::Enable(which) | Verb::Disable(which)) = self.verb else {
            return Ok(ExitCode::SUCCESS);
        };
        if which.global {
            simulation = Simulation { all: pretend, ..Simulation::default() };
            println!("global simulation: {}", if pretend { "enabled" } else { "disabled" });
        }
        for scenario in &which.scenarios {
            let known: Vec<_> =
                loaded.scenarios.iter().map(|one| one.spec.name.value.as_str()).collect();
            change(&mut simulation, scenario, pretend, &known)?;
        }
        write(&path, &simulation)?;
        eprintln!("`spillway reload` lets the service take it up.");
        Ok(ExitCode::SUCCESS)
    }
}

fn read(path: &Path) -> anyhow::Result<Simulation> {
    if !path.exists() {
        return Ok(Simulation::default());
    }
    let mut simulation = Simulation::default();
    let change =
        |documents: &Documents, reading: &mut Reading<'_>| simulation.change(documents, reading);
    let read = file::read(path, change).map_err(|error| anyhow::anyhow!("{error}"))?;
    match read.errors.first() {
        Some(error) => bail!("{error}"),
        None => Ok(simulation),
    }
}

fn change(
    simulation: &mut Simulation,
    scenario: &str,
    pretend: bool,
    known: &[&str],
) -> anyhow::Result<()> {
    if !known.contains(&scenario) {
        let help = suggestion(scenario, known).map(|help| format!("; {help}"));
        bail!("{scenario:?} is no scenario of the rules that run{}", help.unwrap_or_default());
    }
    let word = if pretend { "enabled" } else { "disabled" };
    if simulation.is_simulated(scenario) == pretend {
        println!("simulation for {scenario:?} is already {word}");
        return Ok(());
    }
    if !simulation.exclusions.remove(scenario) {
        simulation.exclusions.insert(scenario.to_owned());
    }
    println!("simulation mode for {scenario:?} {word}");
    Ok(())
}

fn write(path: &Path, simulation: &Simulation) -> anyhow::Result<()> {
    let mut text = format!("simulation: {}\nexclusions:", simulation.all);
    if simulation.exclusions.is_empty() {
        text.push_str(" []");
    }
    text.push('\n');
    for scenario in &simulation.exclusions {
        text.push_str(&format!("  - {}\n", Value::from(scenario.as_str())));
    }
    // Whoever reads it meanwhile reads the one or the other.
    let new = PathBuf::from(format!("{}.new", path.display()));
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("write {}", path.display()))
}

fn status(simulation: &Simulation, output: Output) -> anyhow::Result<()> {
    if output.format == Format::Json {
        let Simulation { all, exclusions } = simulation;
        return output.json(&json!({ "simulation": all, "exclusions": exclusions }), 2);
    }
    println!("global simulation: {}", if simulation.all { "enabled" } else { "disabled" });
    if !simulation.exclusions.is_empty() {
        let not = if simulation.all { "not " } else { "" };
        println!("\nScenarios {not}in simulation mode:");
    }
    for scenario in &simulation.exclusions {
        println!("  - {scenario}");
    }
    Ok(())
}
