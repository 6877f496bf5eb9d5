//! `spillway metrics`: the metrics of a running service.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::socket::SocketArgs;

/// Show the metrics of a running service.
#[derive(Debug, Args)]
pub struct Metrics {
    #[command(flatten)]
    service: SocketArgs,
    /// Only those whose names or labels contain this
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// As Prometheus reads them, with what they mean
    #[arg(long)]
    raw: bool,
}

impl Metrics {
    /// Runs the command.
    ///
    /// # Errors
    /// The service does not run, or this user may not ask it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let text = String::from_utf8(self.service.get("/metrics")?)?;
        let mut out = io::stdout().lock();
        let mut help = "";
        for line in text.lines() {
            if let Some(said) = line.strip_prefix("# HELP ") {
                help = said.split_once(' ').map_or("", |(_, help)| help);
            }
            let is_sample = !line.starts_with('#');
            if !self.words.iter().all(|word| line.contains(word.as_str())) {
                continue;
            }
            if self.raw {
                writeln!(out, "{line}")?;
            } else if is_sample && !line.contains("_bucket{") && !line.ends_with(" 0") {
                let (name, value) = line.rsplit_once(' ').unwrap_or((line, ""));
                if !help.is_empty() {
                    writeln!(out, "# {}", std::mem::take(&mut help))?;
                }
                writeln!(out, "{name:<72} {value:>14}")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
