//! `spillway unparsed`: lines of a running service that no parser took, or that were not read.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::Format;
use super::socket::SocketArgs;
use crate::live::aside::UNPARSED;
use crate::service::control;
use crate::service::status::UnparsedLine;

/// Show lines that no parser took or that were not read: a sample of each source.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spillway unparsed
  spillway unparsed --source 'file:/var/log/nginx/*.log' -o json
  spillway unparsed -o raw | spillway explain --type syslog -    why no parser took them")]
pub struct Unparsed {
    #[command(flatten)]
    service: SocketArgs,
    /// Of this source alone
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// So many of each source, the newest
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    lines: usize,
    /// How the result is printed; raw: the lines alone
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Unparsed {
    /// Runs the command.
    ///
    /// # Errors
    /// The service does not run, or this user may not ask it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let all: Vec<UnparsedLine> = serde_json::from_slice(&self.service.get(control::UNPARSED)?)?;
        let wanted =
            |line: &&UnparsedLine| self.source.as_ref().is_none_or(|source| *source == line.source);
        let all: Vec<&UnparsedLine> = all.iter().filter(wanted).collect();
        let mut out = io::stdout().lock();
        let mut shown = "";
        for (at, line) in all.iter().enumerate() {
            let newer = all.iter().skip(at).take_while(|other| other.source == line.source);
            if newer.count() > self.lines {
                continue;
            }
            match self.output {
                Format::Json => {
                    serde_json::to_writer(&mut out, line)?;
                    out.write_all(b"\n")?;
                }
                Format::Raw => writeln!(out, "{}", line.line)?,
                Format::Human => {
                    if shown != line.source {
                        writeln!(out, "{}", line.source)?;
                        shown = &line.source;
                    }
                    let why = match line.reason.as_str() {
                        UNPARSED => String::new(),
                        reason => format!("({reason}) "),
                    };
                    let text = format!("{}:{}  {why}{}", line.lane, line.offset, line.line);
                    writeln!(out, "  {}", text.replace(char::is_control, "\u{fffd}"))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
