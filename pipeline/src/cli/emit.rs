//! Alerts on their way to standard output: gathered, and handed on when enough are there or some
//! time is over, with the progress bar out of the way where both share a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use operators::alert::Alert;

use super::alerts::Printer;
use crate::input::progress::Progress;

/// Gathered at most. Unit: bytes.
const ENOUGH: usize = 1 << 16;

/// So old are alerts at most before they are seen.
const SOON: Duration = Duration::from_millis(200);

/// Prints alerts to standard output.
#[derive(Debug)]
pub struct Emit {
    printer: Printer<Vec<u8>>,
    progress: Arc<Progress>,
    /// Whether alerts and progress stand on one terminal.
    shared: bool,
    written: Instant,
    failed: Option<io::Error>,
}

impl Emit {
    /// Nothing printed yet.
    pub fn new(printer: Printer<Vec<u8>>, progress: Arc<Progress>) -> Self {
        let shared = io::stdout().is_terminal() && io::stderr().is_terminal();
        Self { printer, progress, shared, written: Instant::now(), failed: None }
    }

    /// Prints an alert. What fails is said at the end.
    pub fn alert(&mut self, alert: &Alert) {
        if self.failed.is_none() {
            self.failed = self.printer.alert(alert).err();
        }
        if self.printer.to.len() >= ENOUGH {
            self.write();
        }
    }

    /// `lines` are done: shows that, and alerts that have waited.
    pub fn advance(&mut self, lines: u64) {
        self.progress.show(lines);
        if self.written.elapsed() >= SOON {
            self.write();
        }
    }

    /// Hands on what is left, and gives back the printer with its counts.
    ///
    /// # Errors
    /// The output took not everything.
    pub fn finish(mut self) -> io::Result<Printer<Vec<u8>>> {
        self.progress.finish();
        self.shared = false;
        self.write();
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.printer),
        }
    }

    fn write(&mut self) {
        self.written = Instant::now();
        let gathered = std::mem::take(&mut self.printer.to);
        if gathered.is_empty() || self.failed.is_some() {
            return;
        }
        let write = || {
            let mut out = io::stdout().lock();
            out.write_all(&gathered).and_then(|()| out.flush())
        };
        let written = if self.shared { self.progress.suspend(write) } else { write() };
        self.failed = written.err();
    }
}
