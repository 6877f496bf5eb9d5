//! `spillway status`: how a running service is.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::Format;
use super::figures::{age, count, seconds, size};
use super::socket::SocketArgs;
use crate::service::control;
use crate::service::status::{SourceStatus, Status};

/// How a running service is.
#[derive(Debug, Args)]
#[command(after_help = "The exit code is 1 if something does not work.")]
pub struct StatusArgs {
    #[command(flatten)]
    service: SocketArgs,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl StatusArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// The service does not run, or this user may not ask it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let body = self.service.get(control::STATUS)?;
        let status: Status = serde_json::from_slice(&body)?;
        let mut out = io::stdout().lock();
        match self.output {
            Format::Json => {
                out.write_all(&body)?;
                out.write_all(b"\n")?;
            }
            Format::Human => out.write_all(shown(&status).as_bytes())?,
            Format::Raw => out.write_all(raw(&status).as_bytes())?,
        }
        Ok(if status.trouble.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// As people read it.
pub(super) fn shown(status: &Status) -> String {
    let mut out = head(status);
    if !status.sources.is_empty() {
        let _ = writeln!(
            out,
            "\n{:<32} {:<12} {:>10} {:>10} {:>8} {:>8}",
            "SOURCE", "STATE", "LINES", "UNPARSED", "BEHIND", "LAG"
        );
    }
    for source in &status.sources {
        out.push_str(&row(source));
    }
    if !status.outputs.is_empty() {
        let _ = writeln!(
            out,
            "\n{:<32} {:<12} {:>10} {:>10}",
            "OUTPUT", "STATE", "MESSAGES", "REFUSED"
        );
    }
    for output in &status.outputs {
        let (messages, refused) = (count(output.messages), count(output.refused));
        let _ =
            writeln!(out, "{:<32} {:<12} {messages:>10} {refused:>10}", output.name, output.state);
        if output.detail != output.state {
            let _ = writeln!(out, "  ! {}", output.detail);
        }
    }
    if status.waiting > 0 {
        let _ = writeln!(out, "{} messages wait for outputs", count(status.waiting));
    }
    out
}

/// The service as a whole.
pub(super) fn head(status: &Status) -> String {
    let mut out = String::new();
    let Status { version, role, machine, lines, rules, commits, .. } = status;
    let state = if status.trouble.is_empty() { "works" } else { "in trouble" };
    let _ = writeln!(
        out,
        "spillway {version} ({role}) on {machine} {state}, up {}",
        age(status.uptime)
    );
    for trouble in &status.trouble {
        let _ = writeln!(out, "  ! {trouble}");
    }
    let _ = writeln!(
        out,
        "rules      {} parsers, {} scenarios since {}, {} reloads",
        rules.parsers, rules.scenarios, rules.loaded, rules.reloads
    );
    if let Some(refused) = &rules.refused {
        let _ = writeln!(out, "  ! newer rules were refused: {refused}");
    }
    let _ = writeln!(
        out,
        "lines      {} read, {} parsed, {} not, {} whitelisted, {} poured, {} late",
        count(lines.read),
        count(lines.parsed),
        count(lines.unparsed),
        count(lines.whitelisted),
        count(lines.poured),
        count(lines.late),
    );
    let _ = writeln!(
        out,
        "found      {} alerts; {} decisions are active",
        count(status.alerts),
        count(status.active_decisions)
    );
    let _ = writeln!(
        out,
        "state      {} buckets in memory, {} in {}",
        count(status.buckets),
        size(status.store_bytes),
        status.data
    );
    let _ = writeln!(
        out,
        "commits    {}, {:.1} ms each, {:.1} ms the longest, {} under way",
        count(commits.count),
        commits.mean_ms,
        commits.longest_ms,
        commits.under_way
    );
    out
}

/// A source as a line, and what is wrong with it as another.
pub(super) fn row(source: &SourceStatus) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:<32} {:<12} {:>10} {:>10} {:>8} {:>8}",
        source.name,
        source.state,
        count(source.lines),
        count(source.unparsed),
        source.behind.map_or_else(|| "-".to_owned(), seconds),
        source.decision_lag.map_or_else(|| "-".to_owned(), seconds),
    );
    if source.detail != source.state {
        let _ = writeln!(out, "  ! {}", source.detail);
    }
    for (reason, times) in &source.rejected {
        let _ = writeln!(out, "  {} not read: {reason}", count(*times));
    }
    out
}

fn raw(status: &Status) -> String {
    let mut out = "source,module,state,lines,bytes,unparsed,behind_seconds\n".to_owned();
    for source in &status.sources {
        let SourceStatus { name, module, state, lines, bytes, unparsed, behind, .. } = source;
        let behind = behind.map_or_else(String::new, |behind| behind.to_string());
        let name = name.replace('"', "\"\"");
        let _ = writeln!(out, "\"{name}\",{module},{state},{lines},{bytes},{unparsed},{behind}");
    }
    out
}
