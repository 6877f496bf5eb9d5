//! Bytes to lines: splits at `\n`, strips one `\r`, skips empty lines, replaces what is not UTF-8.
//! The caller ([`crate::reader`]) passes whole lines only.

use std::sync::Arc;

use crate::metric::Reason;
use crate::record::{Chunk, Reject, Span};

/// Typical bytes per line, to reserve the table of spans once.
const TYPICAL_LINE: usize = 96;

/// Appends the lines of `bytes`, whose first byte stands at `base` in the input, to a new chunk.
/// A line above `max_line` bytes becomes a reject.
pub(crate) fn split(bytes: &[u8], base: u64, max_line: usize) -> Chunk {
    let mut chunk =
        Chunk { lines: Vec::with_capacity(bytes.len() / TYPICAL_LINE), ..Chunk::default() };
    if let Ok(text) = str::from_utf8(bytes) {
        chunk.text = Arc::from(text);
        let Chunk { lines, rejects, .. } = &mut chunk;
        each_line(bytes, |start, end| {
            let offset = base + start as u64;
            if end - start > max_line {
                rejects.push(too_long(bytes, (start, end), offset));
            } else {
                lines.push(Span { start: position(start), end: position(end), offset });
            }
        });
    } else {
        repair(bytes, base, max_line, &mut chunk);
    }
    chunk
}

/// The slow way, for bytes that are not all UTF-8: the text is put together line by line.
fn repair(bytes: &[u8], base: u64, max_line: usize, chunk: &mut Chunk) {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    each_line(bytes, |start, end| {
        let offset = base + start as u64;
        if end - start > max_line {
            chunk.rejects.push(too_long(bytes, (start, end), offset));
            return;
        }
        let line = String::from_utf8_lossy(bytes.get(start..end).unwrap_or_default());
        chunk.repaired += u32::from(matches!(line, std::borrow::Cow::Owned(_)));
        let first = position(text.len());
        text.push_str(&line);
        chunk.lines.push(Span { start: first, end: position(text.len()), offset });
    });
    chunk.text = Arc::from(text);
}

fn too_long(bytes: &[u8], (start, end): (usize, usize), offset: u64) -> Reject {
    let line = bytes.get(start..end).unwrap_or_default();
    Reject::new(offset, Reason::TooLong, line, line.len())
}

/// Calls `take(start, end)` for each line that is not empty.
#[inline]
fn each_line(bytes: &[u8], mut take: impl FnMut(usize, usize)) {
    let mut start = 0;
    for newline in memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]) {
        let end = without_return(bytes, start, newline);
        if end > start {
            take(start, end);
        }
        start = newline + 1;
    }
}

/// `end`, less one carriage return before it.
#[inline]
fn without_return(bytes: &[u8], start: usize, end: usize) -> usize {
    let has_return = end > start && bytes.get(end - 1) == Some(&b'\r');
    end - usize::from(has_return)
}

/// Texts are bounded by [`crate::reader::MAX_BUFFER`], so nothing is cut here.
#[inline]
fn position(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: &[(u64, &str)]) {
        let chunk = split(input, 0, 10);
        let got: Vec<_> = chunk.records().map(|r| (r.span.offset, r.line())).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn lines_end_at_newlines_and_lose_one_carriage_return() {
        check(b"a\nb\r\nc\r\r\n\nd\r", &[(0, "a"), (2, "b"), (5, "c\r"), (10, "d")]);
    }

    #[test]
    fn empty_lines_are_skipped() {
        check(b"\n\r\n\n", &[]);
        check(b"", &[]);
    }

    #[test]
    fn nul_bytes_are_kept() {
        check(b"a\0b\n", &[(0, "a\0b")]);
    }

    #[test]
    fn invalid_bytes_are_replaced_line_by_line_and_offsets_stay_those_of_the_input() {
        check(
            b"\xe2\x82\nok\n\xff\xff\nend",
            &[(0, "\u{fffd}"), (3, "ok"), (6, "\u{fffd}\u{fffd}"), (9, "end")],
        );
        assert_eq!(split(b"\xe2\x82\nok\n\xff\xff\nend", 0, 10).repaired, 2);
    }

    #[test]
    fn a_long_line_is_a_reject_also_among_invalid_ones() {
        for input in [&b"0123456789\n0123456789a\nb\n"[..], b"0123456789\n0123456789a\nb\n\xff"] {
            let chunk = split(input, 100, 10);
            assert_eq!(chunk.rejects, [Reject::new(111, Reason::TooLong, b"0123456789a", 11)]);
            assert_eq!(chunk.records().next().map(|r| r.line()), Some("0123456789"));
            assert_eq!(chunk.lines[1].offset, 123);
        }
    }
}
