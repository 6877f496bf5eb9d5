//! The words that name a log, on the command line of `generate` and in recorded cases.

use clap::{Parser, ValueEnum};

use super::calendar::Moment;
use super::disorder::Disorder;
use super::{Kind, Plan};

/// Writes a log that looks real, the same bytes for the same arguments on every machine.
///
/// About half of the visitors are harmless; the others guess passwords, probe and crawl at paces from
/// a few a second to one in a quarter of an hour, so that rules for these overflow now and then.
#[derive(Debug, Parser)]
#[command(
    name = "generate",
    after_help = "\
Examples:
  generate nginx --lines 50000 --seed 1 > access.log
  generate ssh --lines 5000 --seed 7 --late 50 --doubled 20 > auth.log
  generate mixed --damaged 30 | spillway replay --type syslog -

SSH dates bear no year, as RFC 3164 has them: replay with `--now` in the year of --start."
)]
pub struct Arguments {
    /// Which log to write
    kind: LogKind,
    /// Lines to write, not counting those that come twice
    #[arg(long, default_value_t = 10_000)]
    lines: u64,
    /// Two seeds give two unrelated logs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// When the log begins, in seconds since 1970 [default: 2026-03-02T06:00:00Z]
    #[arg(long)]
    start: Option<u64>,
    /// Lines in a thousand that come up to 40 lines too late
    #[arg(long, default_value_t = 0)]
    late: u32,
    /// Lines in a thousand that come twice
    #[arg(long, default_value_t = 0)]
    doubled: u32,
    /// Lines in a thousand that are cut, overwritten or replaced by noise
    #[arg(long, default_value_t = 0)]
    damaged: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogKind {
    /// auth.log of an SSH server (replay with --type syslog)
    Ssh,
    /// the same of a server that few attack for long, with all lines of every attempt
    Siege,
    /// nginx access log, some error log (replay with --type nginx)
    Nginx,
    /// both behind syslog headers, in one file (replay with --type syslog)
    Mixed,
}

impl Arguments {
    /// The log that these arguments name.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let kind = match self.kind {
            LogKind::Ssh => Kind::Ssh,
            LogKind::Siege => Kind::Siege,
            LogKind::Nginx => Kind::Nginx,
            LogKind::Mixed => Kind::Mixed,
        };
        let start = self.start.map_or_else(Moment::default, Moment::from_seconds);
        let disorder = Disorder { late: self.late, doubled: self.doubled, damaged: self.damaged };
        Plan { kind, lines: self.lines, seed: self.seed, start, disorder }
    }
}
