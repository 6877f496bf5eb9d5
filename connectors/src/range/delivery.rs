//! New entries of a log store as deliveries. In: what the cursor calls new. Out: chunks of lines with
//! their times and origins.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cursor::Fresh;
use crate::labels::Labels;
use crate::lane::{Delivery, Origin};
use crate::metric::Reason;
use crate::position::Position;
use crate::record::{Chunk, Reject, Span};

/// A delivery holds at most so many entries: each may have an origin of its own.
const MAX_ENTRIES: usize = 50_000;

/// A delivery of more than one entry holds at most so much text. Unit: bytes.
const MAX_TEXT: usize = 4 << 20;

/// What is the same for all lines of a source.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Where they came from.
    pub(crate) source: Arc<str>,
    /// Name of the source's module.
    pub(crate) module: &'static str,
    /// A longer line is not read. Unit: bytes.
    pub(crate) max_line: usize,
}

impl Lines {
    /// How many of these go into one delivery.
    pub(crate) fn fitting(lines: &[Fresh]) -> usize {
        let mut text = 0;
        let fitting = lines.iter().take(MAX_ENTRIES).take_while(|line| {
            text += line.entry.line.len();
            text <= MAX_TEXT
        });
        fitting.count().max(1).min(lines.len())
    }

    /// Them, with the places before and behind them.
    pub(crate) fn delivery(&self, lines: &[Fresh], from: Position, to: Position) -> Delivery {
        let (mut text, mut chunk) = (String::new(), Chunk::default());
        let mut origins = Origins { lines: self, all: Vec::new(), numbers: BTreeMap::new() };
        let (mut origin_of, mut times) = (Vec::new(), Vec::new());
        for Fresh { entry, offset, .. } in lines {
            let offset = *offset;
            if entry.line.len() > self.max_line {
                let line = entry.line.as_bytes();
                chunk.rejects.push(Reject::new(offset, Reason::TooLong, line, line.len()));
            } else if !entry.line.is_empty() {
                let start = place(text.len());
                text.push_str(&entry.line);
                chunk.lines.push(Span { start, end: place(text.len()), offset });
                text.push('\n');
                origin_of.push(origins.number(&entry.labels));
                times.push(entry.time);
            }
        }
        chunk.text = text.into();
        let mut origins = origins.all;
        if origins.len() < 2 {
            origin_of.clear();
        }
        if origins.is_empty() {
            origins.push(self.origin(&Arc::default()));
        }
        Delivery { chunk, origins, origin_of, times, from, to, receipt: None }
    }

    fn origin(&self, labels: &Labels) -> Arc<Origin> {
        let (source, labels) = (Arc::clone(&self.source), Arc::clone(labels));
        Arc::new(Origin { source, labels, module: self.module })
    }
}

/// The origins of a delivery, each once.
struct Origins<'a> {
    lines: &'a Lines,
    all: Vec<Arc<Origin>>,
    numbers: BTreeMap<Labels, u16>,
}

impl Origins<'_> {
    fn number(&mut self, labels: &Labels) -> u16 {
        if let Some(number) = self.numbers.get(labels) {
            return *number;
        }
        // At most MAX_ENTRIES are different.
        let number = u16::try_from(self.all.len()).unwrap_or(u16::MAX);
        self.all.push(self.lines.origin(labels));
        self.numbers.insert(Arc::clone(labels), number);
        number
    }
}

/// A delivery's text is bounded by [`MAX_TEXT`] and one line.
fn place(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
