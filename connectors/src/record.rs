//! What a source hands on: chunks, each one shared text with the spans of its lines, so that a
//! line costs no allocation and no copy. Comes from [`crate::reader`], goes to the parsers.

use std::ops::Range;
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
    pub repaired: u32,
    /// Whether the text also holds the messages that lines were made of; see [`raw`].
    pub has_raw: bool,
}

/// The message that a line was made of, in a text that holds both: what stands between the end of the
/// line `before` it and its own. Either the message ends with the line, or it stands before it, with a
/// line end behind.
pub fn raw(text: &str, before: usize, line: Range<usize>) -> Option<&str> {
    match text.get(before..line.start)?.strip_suffix('\n') {
        Some(message) => Some(message),
        None => text.get(before..line.end),
    }
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

/// So much is kept of what is not read. Unit: bytes.
pub(crate) const SHOWN: usize = 4 << 10;

/// A line or record that is counted, not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Where it stands, as a line of it would.
    pub offset: u64,
    /// What is wrong with it.
    pub reason: Reason,
    /// Its beginning. What is no UTF-8 there is U+FFFD.
    pub text: Box<str>,
    /// Its length, without a line end; of one that never ended, as much as was seen. Unit: bytes.
    pub bytes: u64,
}

impl Reject {
    /// Something of `bytes` bytes that begins with `beginning`, of which [`SHOWN`] bytes are kept.
    pub(crate) fn new(offset: u64, reason: Reason, beginning: &[u8], bytes: usize) -> Self {
        let shown = beginning.get(..SHOWN).unwrap_or(beginning);
        // Half a character at the cut is none.
        let whole = match str::from_utf8(shown) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => shown.len(),
        };
        let text = String::from_utf8_lossy(shown.get(..whole).unwrap_or_default());
        Self { offset, reason, text: text.into(), bytes: bytes as u64 }
    }

    /// What it takes in memory. Unit: bytes.
    pub(crate) fn size(&self) -> usize {
        self.text.len() + size_of::<Self>()
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
        meter.add(Counter::Repaired, u64::from(self.repaired));
        for reject in &self.rejects {
            meter.reject(reject.reason, 1);
        }
    }

    /// Whether it holds neither lines nor rejects.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.rejects.is_empty()
    }
}
