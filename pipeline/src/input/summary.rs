//! The summary at the end of a replay: a table for people, JSON for machines. What it says of
//! time and memory differs from run to run; all else is a function of the inputs and rules.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use operators::bucket::Open;
use serde::Serialize;

use super::failures::{CONTEXT, Failure};
use super::progress::grouped;
use super::usage::Used;

/// At most so many unparsed lines are kept.
pub const SAMPLES: usize = 5;
/// At most so much of each. Unit: characters.
pub const SAMPLE_LENGTH: usize = 200;

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The clock that rules saw, in RFC 3339.
    pub now: String,
    /// The inputs in reading order.
    pub inputs: Vec<Source>,
    /// Lines that were read, rejected ones not among them.
    pub lines: u64,
    /// Rejected lines by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Lines with invalid UTF-8, which was replaced.
    pub repaired: u64,
    /// Lines that some parser of the last stage took.
    pub parsed: u64,
    /// Lines by the parser that took them.
    pub parsers: BTreeMap<String, u64>,
    /// Lines that no parser took.
    pub unparsed: Unparsed,
    /// Lines that a whitelist took out.
    pub whitelisted: u64,
    /// Lines that a parser took and gave up on purpose.
    pub aborted: u64,
    /// Lines that came behind the order of their input.
    pub late: u64,
    /// Lines dated so far ahead that the clock did not follow.
    pub stray: u64,
    /// Alerts by scenario.
    pub alerts: BTreeMap<String, u64>,
    /// Decisions that follow from them.
    pub decisions: u64,
    /// What failed while rules ran: an expression that fails is false, and an overflow without a
    /// source gives no alert.
    pub failures: Vec<Failure>,
    /// What went wrong with inputs.
    pub errors: Vec<String>,
    /// Buckets that were neither full nor over at the end, by scenario and key; only where they
    /// are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buckets: Option<Vec<HeldBucket>>,
    /// Time that passed. Unit: seconds.
    pub seconds: f64,
    /// Time of all processors. Unit: seconds.
    pub cpu_seconds: f64,
    /// Lines per second of time that passed.
    pub lines_per_second: f64,
    /// Lines per second of processor time.
    pub lines_per_cpu_second: f64,
    /// The most memory held. Unit: bytes.
    pub peak_memory_bytes: Option<u64>,
}

/// A bucket that was neither full nor over at the end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeldBucket {
    /// Name of the scenario.
    pub scenario: String,
    /// What `groupby` gave.
    pub key: String,
    /// Events that had not leaked by the end.
    pub level: f64,
    /// Capacity as written; -1 is none.
    pub capacity: i64,
    /// Events poured in all.
    pub events_count: u32,
    /// Time of the first event, in RFC 3339.
    pub first: String,
    /// Time of the last event, in RFC 3339.
    pub last: String,
}

impl From<&Open> for HeldBucket {
    fn from(open: &Open) -> Self {
        Self {
            scenario: open.scenario.to_string(),
            key: open.key.to_string(),
            level: open.level,
            capacity: open.capacity,
            events_count: open.poured,
            first: open.first.rfc3339_nano(),
            last: open.last.rfc3339_nano(),
        }
    }
}

/// One input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The path, `-` for standard input.
    pub name: String,
    /// Its `type` label.
    #[serde(rename = "type")]
    pub label: String,
    /// Why it has that label: given, or guessed from what.
    pub reason: String,
    /// Lines that were read from it.
    pub lines: u64,
}

/// Lines that no parser took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unparsed {
    /// How many.
    pub lines: u64,
    /// The first of them in the order of the records.
    pub samples: Vec<Sample>,
}

/// A line to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// The input.
    pub file: String,
    /// Where the line begins in the decompressed text. Unit: bytes.
    pub offset: u64,
    /// Its first [`SAMPLE_LENGTH`] characters.
    pub line: String,
}

impl Unparsed {
    /// Counts a line and keeps it if it is among the first. Call it in the order of the records.
    pub fn add(&mut self, file: &str, offset: u64, line: &str) {
        self.lines += 1;
        if self.samples.len() < SAMPLES {
            let line = line.chars().take(SAMPLE_LENGTH).collect();
            self.samples.push(Sample { file: file.into(), offset, line });
        }
    }
}

impl Summary {
    /// Fills in what was used and the rates that follow from it and from `lines`.
    pub fn set_usage(&mut self, used: &Used) {
        let rate = |seconds: f64| if seconds > 0.0 { self.lines as f64 / seconds } else { 0.0 };
        self.lines_per_second = rate(used.seconds);
        self.lines_per_cpu_second = rate(used.cpu_seconds);
        self.seconds = used.seconds;
        self.cpu_seconds = used.cpu_seconds;
        self.peak_memory_bytes = used.peak_memory;
    }

    /// Writes it as one JSON object and a newline.
    ///
    /// # Errors
    /// When `to` fails.
    pub fn write_json(&self, to: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *to, self)?;
        to.write_all(b"\n")
    }

    /// Writes it as a table. Texts from logs are escaped: they must not steer a terminal.
    ///
    /// # Errors
    /// When `to` fails.
    pub fn write_human(&self, to: &mut impl Write) -> io::Result<()> {
        self.write_inputs(to)?;
        self.write_lines(to)?;
        self.write_samples(to)?;
        let total = self.alerts.values().sum();
        row(to, "alerts", total, &format!("decisions {}", grouped(self.decisions)))?;
        rows(to, &self.alerts)?;
        self.write_failures(to)?;
        self.write_errors(to)?;
        writeln!(
            to,
            "time       {:.2} s, {:.2} s of CPU, {} lines/s, {} lines per CPU second",
            self.seconds,
            self.cpu_seconds,
            grouped(self.lines_per_second as u64),
            grouped(self.lines_per_cpu_second as u64),
        )?;
        if let Some(peak) = self.peak_memory_bytes {
            writeln!(to, "memory     {:.1} MB at the peak", peak as f64 / 1e6)?;
        }
        writeln!(to, "now        {}", self.now)
    }

    /// Writes what went wrong with inputs, a line each.
    ///
    /// # Errors
    /// The writer's.
    pub fn write_errors(&self, to: &mut impl Write) -> io::Result<()> {
        for error in &self.errors {
            writeln!(to, "error      {}", escaped(error))?;
        }
        Ok(())
    }

    fn write_inputs(&self, to: &mut impl Write) -> io::Result<()> {
        const SHOWN: usize = 10;
        for input in self.inputs.iter().take(SHOWN) {
            let Source { name, label, reason, lines } = input;
            let (name, lines) = (escaped(name), grouped(*lines));
            writeln!(to, "input      {name}: {lines} lines, type {label} ({reason})")?;
        }
        match self.inputs.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => writeln!(to, "           and {} more", grouped(more as u64)),
        }
    }

    fn write_lines(&self, to: &mut impl Write) -> io::Result<()> {
        let mut notes = String::new();
        for (count, what) in [
            (self.repaired, "with invalid UTF-8"),
            (self.whitelisted, "whitelisted"),
            (self.aborted, "aborted by a parser"),
            (self.late, "late"),
            (self.stray, "dated too far ahead"),
        ] {
            if count > 0 {
                let _ = write!(notes, "{}{} {what}", separator(&notes), grouped(count));
            }
        }
        row(to, "lines", self.lines, &notes)?;
        if !self.rejected.is_empty() {
            row(to, "rejected", self.rejected.values().sum(), "")?;
            rows(to, &self.rejected)?;
        }
        row(to, "parsed", self.parsed, "")?;
        rows(to, &self.parsers)
    }

    fn write_failures(&self, to: &mut impl Write) -> io::Result<()> {
        const SHOWN: usize = 10;
        let told = self.failures.iter().filter(|failure| failure.part != CONTEXT);
        let told: Vec<_> = told.collect();
        if told.is_empty() {
            return Ok(());
        }
        row(to, "failed", told.iter().map(|failure| failure.count).sum(), "")?;
        for failure in told.iter().take(SHOWN) {
            let Failure { kind, name, part, reason, count, file, offset } = failure;
            let mut what = format!("{kind} {name}: {part}: {reason}");
            if let (Some(file), Some(offset)) = (file, offset) {
                let _ =
                    write!(what, " ({}{file}@{offset})", if *count > 1 { "first " } else { "" });
            }
            writeln!(to, "           {:>12}  {}", grouped(*count), escaped(&what))?;
        }
        match told.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => {
                writeln!(to, "           and {} more: --summary FILE has all", grouped(more as u64))
            }
        }
    }

    fn write_samples(&self, to: &mut impl Write) -> io::Result<()> {
        if self.unparsed.lines == 0 {
            return Ok(());
        }
        let shown = self.unparsed.samples.len();
        let note = if shown == 0 { String::new() } else { format!("the first {shown}:") };
        row(to, "unparsed", self.unparsed.lines, &note)?;
        for Sample { file, offset, line } in &self.unparsed.samples {
            writeln!(to, "           {}@{offset}: {}", escaped(file), escaped(line))?;
        }
        Ok(())
    }
}

fn separator(before: &str) -> &'static str {
    if before.is_empty() { "" } else { ", " }
}

fn row(to: &mut impl Write, what: &str, count: u64, note: &str) -> io::Result<()> {
    let line = format!("{what:<10} {:>12}  {note}", grouped(count));
    writeln!(to, "{}", line.trim_end())
}

/// Largest first, then by name.
fn rows(to: &mut impl Write, counts: &BTreeMap<String, u64>) -> io::Result<()> {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (name, count) in sorted {
        writeln!(to, "           {:>12}  {}", grouped(*count), escaped(name))?;
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Summary {
        let mut summary = Summary {
            now: "2026-11-21T04:05:06Z".into(),
            lines: 1500,
            parsed: 1498,
            late: 2,
            ..Summary::default()
        };
        summary.inputs.push(Source {
            name: "auth.log".into(),
            label: "syslog".into(),
            reason: "50 of 50 lines have a syslog header".into(),
            lines: 1500,
        });
        summary.parsers.insert("sshd".into(), 1498);
        summary.alerts.extend([("b".to_owned(), 1), ("a".to_owned(), 1), ("c".to_owned(), 9)]);
        summary.failures.push(Failure {
            kind: "scenario",
            name: "a".into(),
            part: "filter".into(),
            reason: "nil\u{7}".into(),
            count: 1_200,
            file: Some("auth.log".into()),
            offset: Some(17),
        });
        let part = CONTEXT.into();
        summary.failures.push(Failure { kind: "scenario", part, count: 9, ..Failure::default() });
        summary.unparsed.add("auth.log", 17, "\u{1b}[2J evil");
        summary.unparsed.add("auth.log", 99, &"é".repeat(500));
        summary.set_usage(&Used { seconds: 0.5, cpu_seconds: 0.25, peak_memory: Some(12_300_000) });
        summary
    }

    fn human(summary: &Summary) -> String {
        let mut text = Vec::new();
        summary.write_human(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_table_is_for_people() {
        let expected = "\
input      auth.log: 1,500 lines, type syslog (50 of 50 lines have a syslog header)
lines             1,500  2 late
parsed            1,498
                  1,498  sshd
unparsed              2  the first 2:
           auth.log@17: \\u{1b}[2J evil
           auth.log@99: LONG
alerts               11  decisions 0
                      9  c
                      1  a
                      1  b
failed            1,200
                  1,200  scenario a: filter: nil\\u{7} (first auth.log@17)
time       0.50 s, 0.25 s of CPU, 3,000 lines/s, 6,000 lines per CPU second
memory     12.3 MB at the peak
now        2026-11-21T04:05:06Z
";
        assert_eq!(human(&example()), expected.replace("LONG", &"é".repeat(SAMPLE_LENGTH)));
    }

    #[test]
    fn only_the_first_unparsed_lines_are_kept() {
        let mut unparsed = Unparsed::default();
        (0..100).for_each(|n| unparsed.add("f", n, "x"));
        assert_eq!((unparsed.lines, unparsed.samples.len()), (100, SAMPLES));
        assert_eq!(unparsed.samples.last().map(|s| s.offset), Some(4));
    }

    #[test]
    fn json_carries_the_same_under_stable_names() {
        let mut text = Vec::new();
        example().write_json(&mut text).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(json["inputs"][0]["type"], "syslog");
        assert_eq!(json["unparsed"]["samples"][0]["offset"], 17);
        assert_eq!(json["alerts"]["c"], 9);
        assert_eq!(json["failures"][0]["count"], 1_200);
        assert_eq!(json["lines_per_second"].to_string(), "3000.0");
        assert_eq!(text.last(), Some(&b'\n'));
    }

    #[test]
    fn nothing_read_is_no_division_by_zero() {
        let mut summary = Summary::default();
        summary.set_usage(&Used::default());
        assert!(human(&summary).contains("0 lines/s"));
    }
}
