//! Between bytes and lines: what was read and is no whole line yet waits here. Bytes come from a
//! file, an archive or a stream as they are read; whole lines leave as [`Chunk`]s, cut by
//! [`crate::lines`]. Memory: one buffer, however long a line is.

use crate::lines::split;
use crate::metric::Reason;
use crate::record::{Chunk, Reject, SHOWN};

/// No buffer is larger than this, whatever the options say, so that positions fit 32 bits even
/// where every byte becomes a U+FFFD. Unit: bytes.
pub const MAX_BUFFER: usize = 1 << 30;

/// Whether more bytes will follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Perhaps: the last line waits for its end.
    Open,
    /// No: the last line needs no end.
    Ended,
    /// They cannot be read: half a line could mean something else, so it is left out.
    Lost,
}

/// A line that is longer than allowed, being passed over.
#[derive(Debug, Default)]
struct Overlong {
    offset: u64,
    beginning: Vec<u8>,
    bytes: usize,
    ends_in_return: bool,
}

/// `buf[..filled]` is what was read and not handed out; it begins at byte `base` of the text, at the
/// start of a line unless one is being passed over.
#[derive(Debug)]
pub(crate) struct LineBuffer {
    buf: Vec<u8>,
    filled: usize,
    /// So many bytes of `buf` hold no line end.
    searched: usize,
    base: u64,
    overlong: Option<Overlong>,
    rejects: Vec<Reject>,
    max_line: usize,
}

impl LineBuffer {
    /// Empty, before byte `base` of a text whose lines may be `max_line` bytes long.
    pub(crate) fn new(base: u64, max_line: usize) -> Self {
        Self {
            buf: Vec::new(),
            filled: 0,
            searched: 0,
            base,
            overlong: None,
            rejects: Vec::new(),
            max_line: max_line.clamp(1, MAX_BUFFER - 2),
        }
    }

    /// Bytes that wait.
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// Where reading must begin again to get all that was not handed out.
    pub(crate) fn position(&self) -> u64 {
        self.overlong.as_ref().map_or(self.base, |line| line.offset)
    }

    /// Where the next byte that is read belongs.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.filled as u64
    }

    /// Whether all that is left follows [`LineBuffer::position`] in the text.
    pub(crate) fn is_between_lines(&self) -> bool {
        self.overlong.is_none() && self.rejects.is_empty()
    }

    /// How full it is to be after the next read: `target`, or more than it is, up to what a chunk
    /// holds or what decides that a line is too long.
    pub(crate) fn goal(&self, target: usize, chunk: usize) -> usize {
        target.max(self.filled.saturating_mul(2)).min(chunk.max(self.enough()))
    }

    /// How full it must be for its first line to be too long, whatever follows.
    fn enough(&self) -> usize {
        self.max_line + 2
    }

    /// Room to read into, so that `goal` bytes wait at most.
    pub(crate) fn free(&mut self, goal: usize) -> &mut [u8] {
        if self.buf.len() < goal {
            self.buf.resize(goal, 0);
        }
        self.buf.get_mut(self.filled..goal).unwrap_or_default()
    }

    /// `bytes` were read into [`LineBuffer::free`].
    pub(crate) fn add(&mut self, bytes: usize) {
        self.filled = (self.filled + bytes).min(self.buf.len());
    }

    /// Bytes that were read elsewhere.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let goal = self.filled + bytes.len();
        self.free(goal).copy_from_slice(bytes);
        self.filled = goal;
    }

    /// The whole lines so far, and rejects; `None` if there are none (yet).
    pub(crate) fn take(&mut self, rest: Rest) -> Option<Chunk> {
        self.pass_over(rest);
        let end = self.whole_lines(rest);
        if end == 0 && self.rejects.is_empty() {
            // Even with a line end next, and a carriage return before it, it is too long.
            if rest == Rest::Open && self.overlong.is_none() && self.filled >= self.enough() {
                self.overlong = Some(Overlong { offset: self.base, ..Overlong::default() });
                self.pass_over(rest);
            }
            return None;
        }
        let bytes = self.buf.get(..end).unwrap_or_default();
        let mut chunk = split(bytes, self.base, self.max_line);
        self.consume(end);
        chunk.rejects.splice(0..0, self.rejects.drain(..));
        (!chunk.is_empty()).then_some(chunk)
    }

    /// How many bytes are whole lines.
    fn whole_lines(&mut self, rest: Rest) -> usize {
        if rest == Rest::Ended {
            return self.filled;
        }
        let fresh = self.buf.get(self.searched..self.filled).unwrap_or_default();
        match memchr::memrchr(b'\n', fresh) {
            Some(newline) => self.searched + newline + 1,
            None => {
                self.searched = self.filled;
                0
            }
        }
    }

    /// Drops the bytes of a line that is too long, up to its end.
    fn pass_over(&mut self, rest: Rest) {
        let Some(mut line) = self.overlong.take() else { return };
        let bytes = self.buf.get(..self.filled).unwrap_or_default();
        let newline = memchr::memchr(b'\n', bytes);
        let part = bytes.get(..newline.unwrap_or(bytes.len())).unwrap_or_default();
        line.bytes += part.len();
        let room = SHOWN - line.beginning.len().min(SHOWN);
        line.beginning.extend_from_slice(part.get(..room).unwrap_or(part));
        if let Some(last) = part.last() {
            line.ends_in_return = *last == b'\r';
        }
        if newline.is_some() || rest != Rest::Open {
            let bytes = line.bytes - usize::from(line.ends_in_return);
            line.beginning.truncate(bytes);
            let reject = Reject::new(line.offset, Reason::TooLong, &line.beginning, bytes);
            self.rejects.push(reject);
        } else {
            self.overlong = Some(line);
        }
        self.consume(newline.map_or(self.filled, |at| at + 1));
    }

    /// Removes the first bytes.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.buf.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
        self.base += bytes as u64;
        self.searched = 0;
    }

    /// Goes on at another byte of the text: what waits is forgotten.
    pub(crate) fn restart(&mut self, base: u64) {
        *self = Self { buf: std::mem::take(&mut self.buf), ..Self::new(base, self.max_line) };
    }

    /// Gives its memory away but for what waits.
    pub(crate) fn release(&mut self) -> Vec<u8> {
        let held = self.buf.get(..self.filled).unwrap_or_default().to_vec();
        std::mem::replace(&mut self.buf, held)
    }

    /// Uses this memory from now on.
    pub(crate) fn adopt(&mut self, mut memory: Vec<u8>) {
        if memory.len() < self.filled {
            memory.resize(self.filled, 0);
        }
        if let (Some(to), Some(from)) = (memory.get_mut(..self.filled), self.buf.get(..self.filled))
        {
            to.copy_from_slice(from);
        }
        self.buf = memory;
    }
}
