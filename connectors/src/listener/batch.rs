//! The lines of one body. In: what a protocol decoded, line by line. Out: what the intake makes a
//! delivery of. Bounded while it is filled, whatever the body claims.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::Limits;
use crate::labels::Labels;
use crate::metric::Reason;
use crate::record::Reject;

/// Different sets of labels in a batch; they are numbered by a `u16`.
const MAX_SETS: usize = 50_000;

/// There are more lines than the limit, or more sets of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many lines in one body")]
pub(crate) struct Full;

/// Lines of one body.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The text of all lines.
    pub(crate) text: String,
    /// The lines.
    pub(crate) lines: Vec<Line>,
    /// Sets of labels, each once.
    pub(crate) sets: Vec<Labels>,
    /// What is not among the lines, and why; numbered behind them.
    pub(crate) rejects: Vec<Reject>,
    /// Lines without text.
    pub(crate) empty: u64,
    /// Lines that held invalid UTF-8, now U+FFFD.
    pub(crate) repaired: u32,
    numbers: BTreeMap<Labels, u16>,
    max_lines: usize,
    max_line: usize,
}

/// A line of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// First byte in the text.
    pub(crate) start: u32,
    /// One past its last byte.
    pub(crate) end: u32,
    /// When it was written, if the sender says so. Unit: nanoseconds since 1970.
    pub(crate) time: Option<i64>,
    /// Place of its labels in the batch's sets.
    pub(crate) set: u16,
}

impl Batch {
    /// An empty one.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            text: String::new(),
            lines: Vec::new(),
            sets: Vec::new(),
            rejects: Vec::new(),
            empty: 0,
            repaired: 0,
            numbers: BTreeMap::new(),
            max_lines: limits.max_lines,
            max_line: limits.max_line,
        }
    }

    /// How many lines it was given.
    pub(crate) fn given(&self) -> u64 {
        self.lines.len() as u64 + self.left_out()
    }

    /// How many of these are not in `lines`.
    pub(crate) fn left_out(&self) -> u64 {
        self.rejects.len() as u64 + self.empty
    }

    /// Adds a line.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn push(
        &mut self,
        line: &[u8],
        time: Option<i64>,
        labels: &Labels,
    ) -> Result<(), Full> {
        self.room()?;
        if line.is_empty() {
            self.empty += 1;
        } else if line.len() > self.max_line {
            self.put_aside(Reason::TooLong, line);
        } else {
            let set = self.number(labels)?;
            let start = place(self.text.len())?;
            let text = String::from_utf8_lossy(line);
            self.repaired += u32::from(matches!(text, Cow::Owned(_)));
            self.text.push_str(&text);
            let end = place(self.text.len())?;
            self.text.push('\n');
            self.lines.push(Line { start, end, time, set });
        }
        Ok(())
    }

    /// Sets aside a record that cannot be read.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn reject(&mut self, record: &[u8]) -> Result<(), Full> {
        self.room()?;
        self.put_aside(Reason::Payload, record);
        Ok(())
    }

    /// All of a body that is none.
    pub(crate) fn bad(limits: &Limits, body: &[u8]) -> Self {
        let mut batch = Self::new(limits);
        batch.put_aside(Reason::Payload, body);
        batch
    }

    fn put_aside(&mut self, reason: Reason, bytes: &[u8]) {
        self.rejects.push(Reject::new(0, reason, bytes, bytes.len()));
    }

    fn room(&self) -> Result<(), Full> {
        if self.given() < self.max_lines as u64 { Ok(()) } else { Err(Full) }
    }

    /// Orders the lines by their times; those of the same time stay as they came.
    pub(crate) fn sort_by_time(&mut self) {
        self.lines.sort_by_key(|line| line.time);
    }

    fn number(&mut self, labels: &Labels) -> Result<u16, Full> {
        if let Some(number) = self.numbers.get(labels) {
            return Ok(*number);
        }
        let number = u16::try_from(self.sets.len()).map_err(|_| Full)?;
        if self.sets.len() >= MAX_SETS {
            return Err(Full);
        }
        self.sets.push(Arc::clone(labels));
        self.numbers.insert(Arc::clone(labels), number);
        Ok(number)
    }
}

fn place(bytes: usize) -> Result<u32, Full> {
    u32::try_from(bytes).map_err(|_| Full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_what_the_limits_allow() {
        let limits = Limits { max_lines: 4, max_line: 3, ..Limits::default() };
        let mut batch = Batch::new(&limits);
        let labels = |value: &str| Arc::new(BTreeMap::from([("k".into(), value.into())]));
        batch.push(b"abc", Some(1), &labels("a")).unwrap();
        batch.push(b"abcd", None, &labels("a")).unwrap();
        batch.push(b"", None, &labels("a")).unwrap();
        batch.push("é".as_bytes(), None, &labels("b")).unwrap();
        assert_eq!(batch.push(b"x", None, &labels("b")), Err(Full));
        assert_eq!(batch.reject(b"x"), Err(Full));
        assert_eq!((batch.rejects.len(), batch.empty, batch.sets.len()), (1, 1, 2));
        assert_eq!(batch.rejects[0], Reject::new(0, Reason::TooLong, b"abcd", 4));
        assert_eq!((batch.lines[1].start, batch.lines[1].end, batch.lines[1].set), (4, 6, 1));
    }
}
