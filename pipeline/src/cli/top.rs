//! `spillway top`: a running service as it works, again every second.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::figures::count;
use super::socket::SocketArgs;
use super::status;
use crate::service::control;
use crate::service::status::Status;

/// How much of each list is shown.
const ROWS: usize = 10;
/// Back to the upper left corner, and nothing below.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// Watch a running service: sources, lag, hottest keys and scenarios, last decisions.
#[derive(Debug, Args)]
pub struct Top {
    #[command(flatten)]
    service: SocketArgs,
    /// Seconds between two looks
    #[arg(short, long, value_name = "SECONDS", default_value_t = 1.0)]
    interval: f64,
    /// Look twice and end; the default where the output is no terminal
    #[arg(long)]
    once: bool,
}

impl Top {
    /// Runs the command until it is interrupted.
    ///
    /// # Errors
    /// The service does not run, or this user may not ask it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut out = io::stdout();
        let once = self.once || !out.is_terminal();
        let pause = Duration::try_from_secs_f64(self.interval).unwrap_or(Duration::from_secs(1));
        let mut before = self.look()?;
        loop {
            std::thread::sleep(pause.max(Duration::from_millis(100)));
            let now = self.look()?;
            let text = shown(&now, &before);
            match once {
                true => write!(out, "{text}")?,
                false => write!(out, "{CLEAR}{text}")?,
            }
            out.flush()?;
            if once {
                return Ok(ExitCode::SUCCESS);
            }
            before = now;
        }
    }

    fn look(&self) -> anyhow::Result<(Status, Instant)> {
        let status = serde_json::from_slice(&self.service.get(control::STATUS)?)?;
        Ok((status, Instant::now()))
    }
}

fn shown((now, at): &(Status, Instant), (before, earlier): &(Status, Instant)) -> String {
    let passed = at.duration_since(*earlier).as_secs_f64().max(0.001);
    let rate = |now: u64, before: u64| per_second(now.saturating_sub(before), passed);
    let mut out = status::head(now);
    let _ = writeln!(
        out,
        "rate       {} lines/s, {} poured/s, {} alerts/s",
        rate(now.lines.read, before.lines.read),
        rate(now.lines.poured, before.lines.poured),
        rate(now.alerts, before.alerts),
    );
    let _ = writeln!(
        out,
        "\n{:<32} {:<12} {:>10} {:>10} {:>8} {:>8}",
        "SOURCE", "STATE", "LINES", "UNPARSED", "BEHIND", "LAG"
    );
    for source in now.sources.iter().take(ROWS) {
        out.push_str(&status::row(source));
    }
    let known: BTreeMap<_, _> =
        before.scenarios.iter().map(|scenario| (&scenario.name, scenario.poured)).collect();
    let _ = writeln!(
        out,
        "\n{:<44} {:>10} {:>10} {:>8}",
        "SCENARIO", "POURED/S", "OVERFLOWED", "ALERTS"
    );
    let mut scenarios: Vec<_> = now.scenarios.iter().collect();
    let poured = |name, poured: u64| poured.saturating_sub(known.get(name).copied().unwrap_or(0));
    scenarios.sort_by_key(|scenario| {
        std::cmp::Reverse((poured(&scenario.name, scenario.poured), scenario.alerts))
    });
    for scenario in scenarios.into_iter().take(ROWS) {
        let _ = writeln!(
            out,
            "{:<44} {:>10} {:>10} {:>8}",
            scenario.name,
            per_second(poured(&scenario.name, scenario.poured), passed),
            count(scenario.overflowed),
            count(scenario.alerts),
        );
    }
    lists(&mut out, now);
    out
}

fn lists(out: &mut String, now: &Status) {
    let _ = writeln!(out, "\n{:<44} {:>10}", "KEY", "ALERTS");
    for (value, alerts) in now.values.iter().take(ROWS) {
        let _ = writeln!(out, "{:<44} {:>10}", printable(value), count(*alerts));
    }
    let _ = writeln!(out, "\nLAST DECISIONS");
    for made in now.decisions.iter().take(ROWS) {
        let line = format!(
            "{}  {} {}  {} for {}  {}",
            made.at, made.scope, made.value, made.kind, made.duration, made.scenario
        );
        let _ = writeln!(out, "{}", printable(&line));
    }
}

fn per_second(more: u64, passed: f64) -> String {
    format!("{:.1}", more as f64 / passed)
}

/// What an attacker wrote must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
