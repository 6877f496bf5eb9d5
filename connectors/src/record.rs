//! What a source hands on: chunks, each one shared text with the spans of its lines, so that a
//! line costs no allocation and no copy. Comes from [`crate::reader`], goes to the parsers.

use std::sync::Arc;

use crate::metric::{Counter, Meter, Reason};

/// Some consecutive lines of one input.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// The text that the lines are slices of. It also holds what stands between them (line ends).
    pub text: Arc<str>,
    /// The lines in input order, none of them empty.
    pub lines: Vec<Span>,
    /// Lines of this stretch of the input that are not in `lines`, and why.
    pub rejects: Vec<Reject>,
    /// How many of `lines` held invalid UTF-8, now U+FFFD.
    pub repaired: usize,
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte of the line in [`Chunk::text`].
    pub start: u32,
    /// One past its last byte there, line end excluded.
    pub end: u32,
    /// First byte of the line in the decompressed input. Unit: bytes from its start.
    pub offset: u64,
}

/// A line or record that is counted, not read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// It was longer than [`crate::ReadOptions::max_line`].
    TooLong {
        /// First byte of the line in the decompressed input.
        offset: u64,
        /// Its length in bytes without the line end.
        bytes: u64,
    },
    /// A record that holds no line, or none that can be read.
    Record {
        /// Where it stands, as a line of it would.
        offset: u64,
        /// What is wrong with it.
        reason: Reason,
        /// Its beginning.
        text: Box<str>,
        /// Its length in bytes.
        bytes: u64,
    },
}

impl Reject {
    /// What to count it under.
    pub fn reason(&self) -> Reason {
        match self {
            Self::TooLong { .. } => Reason::TooLong,
            Self::Record { reason, .. } => *reason,
        }
    }

    /// What it takes in memory. Unit: bytes.
    pub(crate) fn size(&self) -> usize {
        let text = match self {
            Self::TooLong { .. } => 0,
            Self::Record { text, .. } => text.len(),
        };
        text + size_of::<Self>()
    }

    /// Where it stands, as lines do.
    pub fn offset(&self) -> u64 {
        match self {
            Self::TooLong { offset, .. } | Self::Record { offset, .. } => *offset,
        }
    }
}

/// One line of a chunk.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The text of the chunk; clone it to keep the line.
    pub buffer: &'a Arc<str>,
    /// Where the line stands in it and in the input.
    pub span: Span,
}

impl<'a> Record<'a> {
    /// The line, without its line end.
    #[inline]
    pub fn line(&self) -> &'a str {
        self.buffer.get(self.span.start as usize..self.span.end as usize).unwrap_or("")
    }
}

impl Chunk {
    /// The lines in input order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.lines.iter().map(|span| Record { buffer: &self.text, span: *span })
    }

    /// Counts it as handed over: lines, their bytes, repaired ones, and what was left out.
    pub(crate) fn count(&self, meter: &Meter) {
        let bytes: u64 = self.lines.iter().map(|line| u64::from(line.end - line.start)).sum();
        meter.add(Counter::Lines, self.lines.len() as u64);
        meter.add(Counter::Bytes, bytes);
        meter.add(Counter::Repaired, self.repaired as u64);
        for reject in &self.rejects {
            meter.reject(reject.reason(), 1);
        }
    }

    /// Whether it holds neither lines nor rejects.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.rejects.is_empty()
    }
}
