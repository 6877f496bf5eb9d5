//! The stream in which a daemon gives a container's log: frames with a header, or raw text where the
//! container has a terminal. In: bytes as they come. Out: lines with their times.

use crate::record::SHOWN;
use crate::rfc3339;

/// A frame's header: the stream, three zeros, the length.
const HEADER: usize = 8;

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// As the daemon stamped it. Unit: nanoseconds since 1970.
    pub(crate) time: i64,
    /// Without its line end; the beginning of one that is too long.
    pub(crate) bytes: Vec<u8>,
    /// Its length.
    pub(crate) length: usize,
}

/// The bytes are no such stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the daemon's stream makes no sense")]
pub(crate) struct NoFrame;

/// Puts lines together.
#[derive(Debug)]
pub(crate) struct Frames {
    terminal: bool,
    max_line: usize,
    /// Of a header.
    header: Vec<u8>,
    /// Bytes of the frame that are to come.
    rest: usize,
    /// The stream of the frame.
    stream: usize,
    /// Bytes of the frame's time so far, until its end was seen.
    stamp: Option<Vec<u8>>,
    /// Unfinished lines of standard input, output and error.
    lines: [Option<Line>; 3],
}

impl Frames {
    /// Of a container, with a terminal or without. Longer lines than `max_line` are measured, and their beginning is kept.
    pub(crate) fn new(terminal: bool, max_line: usize) -> Self {
        let (header, lines) = (Vec::new(), [None, None, None]);
        let stamp = terminal.then(Vec::new);
        Self { terminal, max_line, header, rest: 0, stream: 0, stamp, lines }
    }

    /// Takes bytes and gives the lines that they end.
    ///
    /// # Errors
    /// They make no sense; what follows neither.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Line>, NoFrame> {
        let mut done = Vec::new();
        if self.terminal {
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                self.content(part);
                if part.ends_with(b"\n") {
                    done.extend(self.lines.first_mut().and_then(Option::take));
                    self.stamp = Some(Vec::new());
                }
            }
            done.iter_mut().for_each(Line::without_return);
            return Ok(done);
        }
        let mut bytes = bytes;
        while !bytes.is_empty() {
            if self.rest == 0 {
                let (part, after) = bytes.split_at(bytes.len().min(HEADER - self.header.len()));
                self.header.extend_from_slice(part);
                bytes = after;
                self.begin()?;
                continue;
            }
            let (part, after) = bytes.split_at(bytes.len().min(self.rest));
            bytes = after;
            self.rest -= part.len();
            self.content(part);
            if self.rest == 0 && part.ends_with(b"\n") {
                done.extend(self.lines.get_mut(self.stream).and_then(Option::take));
            }
        }
        Ok(done)
    }

    /// Begins a frame when its header is whole.
    fn begin(&mut self) -> Result<(), NoFrame> {
        let Ok([stream, 0, 0, 0, length @ ..]) = <[u8; HEADER]>::try_from(self.header.as_slice())
        else {
            return if self.header.len() < HEADER { Ok(()) } else { Err(NoFrame) };
        };
        self.header.clear();
        self.stream = usize::from(stream);
        if self.stream >= self.lines.len() {
            return Err(NoFrame);
        }
        self.rest = u32::from_be_bytes(length) as usize;
        self.stamp = Some(Vec::new());
        Ok(())
    }

    /// A part of a frame: its time first, then of a line.
    fn content(&mut self, part: &[u8]) {
        let mut part = part;
        if let Some(stamp) = &mut self.stamp {
            let end = part.iter().position(|byte| *byte == b' ');
            let (more, after) = part.split_at(end.unwrap_or(part.len()));
            // No time is longer.
            let room = 64_usize.saturating_sub(stamp.len());
            stamp.extend(more.iter().take(room));
            let Some(after) = after.strip_prefix(b" ") else { return };
            let time = str::from_utf8(stamp).ok().and_then(rfc3339::nanoseconds).unwrap_or(0);
            self.stamp = None;
            part = after;
            // A line that is longer than a frame has the time of its first.
            if let Some(line) = self.lines.get_mut(self.stream) {
                line.get_or_insert(Line { time, bytes: Vec::new(), length: 0 });
            }
        }
        if let Some(Some(line)) = self.lines.get_mut(self.stream) {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            line.length += text.len();
            // One more byte for a carriage return.
            let is_long = line.length > self.max_line + 1;
            let most = if is_long { SHOWN.min(self.max_line) } else { self.max_line + 1 };
            line.bytes.truncate(most);
            let room = most - line.bytes.len();
            line.bytes.extend_from_slice(text.get(..room).unwrap_or(text));
        }
    }
}

impl Line {
    /// A terminal ends lines with both.
    fn without_return(&mut self) {
        if self.bytes.last() == Some(&b'\r') {
            self.bytes.pop();
            self.length -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "2026-11-26T16:43:25.000000001Z ";

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let text = format!("{STAMP}{text}");
        let mut frame = vec![stream, 0, 0, 0];
        frame.extend((text.len() as u32).to_be_bytes());
        frame.extend(text.bytes());
        frame
    }

    fn shown(lines: &[Line]) -> Vec<(&str, usize)> {
        assert!(lines.iter().all(|line| line.time == 1_795_711_405_000_000_001));
        lines.iter().map(|line| (str::from_utf8(&line.bytes).unwrap(), line.length)).collect()
    }

    #[test]
    fn lines_are_put_together_wherever_the_bytes_are_cut() {
        let stream = [
            frame(1, "one\n"),
            frame(1, "be"),
            frame(2, "error\n"),
            frame(1, "gin\n"),
            frame(1, "\n"),
            frame(1, "0123456789ab\n"),
            frame(2, "x\n"),
        ]
        .concat();
        let expected =
            [("one", 3), ("error", 5), ("begin", 5), ("", 0), ("0123456789", 12), ("x", 1)];
        for piece in 1..=stream.len() {
            let mut frames = Frames::new(false, 10);
            let lines: Vec<Line> =
                stream.chunks(piece).flat_map(|bytes| frames.take(bytes).unwrap()).collect();
            assert_eq!(shown(&lines), expected, "{piece}");
        }
    }

    #[test]
    fn a_terminal_has_no_frames() {
        let stream = format!("{STAMP}one\r\n{STAMP}\r\n{STAMP}two\n{STAMP}0123456789ab\n{STAMP}x");
        for piece in 1..=stream.len() {
            let mut frames = Frames::new(true, 10);
            let bytes = stream.as_bytes().chunks(piece);
            let lines: Vec<Line> = bytes.flat_map(|bytes| frames.take(bytes).unwrap()).collect();
            assert_eq!(
                shown(&lines),
                [("one", 3), ("", 0), ("two", 3), ("0123456789", 12)],
                "{piece}"
            );
        }
    }

    #[test]
    fn rubbish_is_noticed_and_nothing_grows() {
        assert_eq!(Frames::new(false, 10).take(b"HTTP/1.1 500"), Err(NoFrame));
        assert_eq!(Frames::new(false, 10).take(&[3, 0, 0, 0, 0, 0, 0, 1]), Err(NoFrame));
        let mut endless = Frames::new(true, 10);
        for _ in 0..1000 {
            assert_eq!(endless.take(&[b'a'; 1000]).unwrap(), []);
        }
        assert!(endless.stamp.as_ref().is_some_and(|stamp| stamp.len() <= 64));
    }
}
