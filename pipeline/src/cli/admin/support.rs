//! `spillway support dump`: what somebody needs who helps, in one archive; secrets are not in it.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::access::Access;
use super::client::Client;
use super::credentials::Credentials;
use crate::config::settings::Settings;
use crate::config::show::show;

/// Gather what somebody needs who helps.
#[derive(Debug, Args)]
pub struct Support {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write an archive of version, system, configuration, metrics, accounts; without keys and passwords
    Dump {
        /// The archive
        #[arg(
            short = 'f',
            long = "outFile",
            value_name = "FILE",
            default_value = "spillway-support.zip"
        )]
        out_file: PathBuf,
        /// Leave out what takes longer: the list of rules
        #[arg(long)]
        fast: bool,
    },
}

/// The archive, and what could not be had for it.
struct Archive {
    zip: ZipWriter<File>,
    missing: Vec<String>,
}

impl Support {
    /// Runs the command.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Verb::Dump { out_file, fast } = &self.verb;
        let file =
            File::create(out_file).with_context(|| format!("write {}", out_file.display()))?;
        let mut archive = Archive { zip: ZipWriter::new(file), missing: Vec::new() };
        let settings = self.access.settings()?;
        let version = format!("spillway {}\n", env!("CARGO_PKG_VERSION"));
        archive.add("version.txt", Ok(version))?;
        archive.add("system.txt", Ok(system()))?;
        archive.add("config/spillway.yaml", Ok(show(&settings.values)))?;
        if !fast {
            archive.add("rules.txt", Ok(rules(&settings)))?;
        }
        let service = self.access.connect();
        archive.add("metrics/prometheus.txt", metrics(service.as_ref().ok(), &settings))?;
        match service {
            Err(error) => archive.add("lapi/status.txt", Err(error))?,
            Ok(client) => {
                for (name, path) in [("bouncers", "bouncers"), ("agents", "machines")] {
                    let all = client.get(&["v1", "admin", path], &[]);
                    archive.add(&format!("lapi/{name}.json"), all.and_then(pretty))?;
                }
                let lists = client.get(&["v1", "allowlists"], &[]);
                archive.add("lapi/allowlists.json", lists.and_then(pretty))?;
            }
        }
        let missing = archive.missing.join("\n");
        archive.add("missing.txt", Ok(missing))?;
        archive.zip.finish()?;
        println!("Written to {}", out_file.display());
        Ok(ExitCode::SUCCESS)
    }
}

impl Archive {
    fn add(&mut self, name: &str, text: anyhow::Result<String>) -> anyhow::Result<()> {
        match text {
            Ok(text) => {
                self.zip.start_file(name, SimpleFileOptions::default())?;
                Ok(self.zip.write_all(text.as_bytes())?)
            }
            Err(error) => {
                eprintln!("{name} is left out: {error:#}");
                self.missing.push(format!("{name}: {error:#}"));
                Ok(())
            }
        }
    }
}

/// The metrics: of the service at the socket, else at the address of the configuration.
fn metrics(service: Option<&Client>, settings: &Settings) -> anyhow::Result<String> {
    match service.filter(|client| client.is_local()) {
        Some(client) => client.text(&["metrics"]),
        None => {
            let url = format!("http://{}", settings.metrics.listen);
            Client::unknown(&Credentials { url, ..Credentials::default() })?.text(&["metrics"])
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`and_then` hands it over")]
fn pretty(value: Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&value)?)
}

fn system() -> String {
    let mut out = String::new();
    for path in ["/etc/os-release", "/proc/version", "/proc/meminfo", "/proc/loadavg"] {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        out.push_str(&format!("## {path}\n{text}\n"));
    }
    out
}

fn rules(settings: &Settings) -> String {
    let loaded = settings.rules.inspect(Box::new(|_| None));
    let mut out = String::new();
    for error in loaded.errors.iter().chain(&loaded.warnings) {
        out.push_str(&format!("{error}\n"));
    }
    for scenario in &loaded.set.scenarios {
        out.push_str(&format!("{} {}\n", scenario.spec.name.value, scenario.item.version));
    }
    out
}
