//! The progress bar of a replay: on standard error, and only where that is a terminal. It reads
//! shared counters, so that whoever reads lines pays one store per chunk.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// The bar takes what the terminal has left, and nothing on one of 50 columns: a line that wraps
/// cannot be taken away again.
const SIZED: &str = "{percent:>3}%  {line_count} lines  {line_rate} lines/s  ETA {eta}  {wide_bar}";
const STREAM: &str = "{spinner} {bytes}  {line_count} lines  {line_rate} lines/s  {elapsed}";

/// How far a replay is.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
    meter: Arc<AtomicU64>,
    lines: Arc<AtomicU64>,
}

impl Progress {
    /// A bar over inputs of `total` bytes on disk, `None` if a stream is among them. `meter` is the
    /// one that the readers count with ([`connectors::Reader::new`]). Draws nothing if standard
    /// error is no terminal (indicatif sees to that).
    pub fn new(total: Option<u64>, meter: Arc<AtomicU64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(5));
        Self::with_bar(bar, total.is_some(), meter)
    }

    /// A bar that is never drawn.
    pub fn hidden(meter: Arc<AtomicU64>) -> Self {
        Self::with_bar(ProgressBar::hidden(), false, meter)
    }

    fn with_bar(bar: ProgressBar, sized: bool, meter: Arc<AtomicU64>) -> Self {
        let lines = Arc::new(AtomicU64::new(0));
        bar.set_style(style(sized, Arc::clone(&lines)));
        Self { bar, meter, lines }
    }

    /// So many lines are done, since the start.
    pub fn show(&self, lines: u64) {
        self.lines.store(lines, Ordering::Relaxed);
        self.bar.set_position(self.meter.load(Ordering::Relaxed));
    }

    /// Lines so far.
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Runs `print` with the bar out of the way, for output to the same terminal.
    pub fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.bar.suspend(print)
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(sized: bool, lines: Arc<AtomicU64>) -> ProgressStyle {
    let template = if sized { SIZED } else { STREAM };
    let started = Instant::now();
    let counted = Arc::clone(&lines);
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("line_count", move |_: &ProgressState, to: &mut dyn Write| {
            let _ = to.write_str(&grouped(counted.load(Ordering::Relaxed)));
        })
        .with_key("line_rate", move |_: &ProgressState, to: &mut dyn Write| {
            let rate = lines.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
            let _ = to.write_str(&grouped(rate as u64));
        })
}

/// A number with commas between its thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn both_templates_are_understood() {
        for template in [SIZED, STREAM] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }

    #[test]
    fn lines_are_counted_whether_drawn_or_not() {
        let progress = Progress::hidden(Arc::new(AtomicU64::new(7)));
        progress.show(3);
        progress.show(7);
        assert_eq!(progress.lines(), 7);
    }
}
