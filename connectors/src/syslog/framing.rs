//! Where a message ends in a stream: RFC 6587, told anew for each message, so that senders of both
//! kinds share a listener. Bytes in, messages out; nothing is copied here.
//!
//! * `LENGTH SP <…`: that many bytes (octet counting, also RFC 5425).
//! * Anything else: up to a line end or a NUL. A text that only begins like a count is a line, unless
//!   this peer has counted before.

use memchr::memchr2;

use crate::record::SHOWN;

/// So many digits a count may have.
const DIGITS: usize = 9;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message, which may be empty.
    Message(&'a [u8]),
    /// A message that is longer than allowed. It is passed over.
    TooLong {
        /// How it begins: as much as is shown of it.
        beginning: &'a [u8],
        /// Its length; of one whose end is not there yet, as much as was seen. Unit: bytes.
        bytes: usize,
    },
    /// Bytes that belong to no message, or half of one. They are passed over.
    Broken(&'a [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// Nothing.
    No,
    /// So many bytes.
    Bytes(usize),
    /// Up to a line end, a NUL among them.
    Line,
}

/// Cuts the stream of one peer.
#[derive(Clone, Debug)]
pub struct Framer {
    max: usize,
    pass: Pass,
    has_counted: bool,
}

impl Framer {
    /// For messages of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { max, pass: Pass::No, has_counted: false }
    }

    /// The next message of `input`, which is moved behind it; `None` if more bytes are needed. Those
    /// that are left must stand before them at the next call: at most a count and a whole message.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Frame<'a>> {
        self.pass_over(input);
        if input.is_empty() {
            return None;
        }
        match self.count(input) {
            Count::Open => None,
            Count::None => self.line(input),
            Count::Of { digits, length } => self.counted(input, digits, length),
        }
    }

    /// Whether a message is being passed over.
    pub fn is_passing(&self) -> bool {
        self.pass != Pass::No
    }

    /// What is left when the peer has ended: a last line needs no end.
    pub fn rest<'a>(&mut self, input: &'a [u8]) -> Option<Frame<'a>> {
        let mut input = input;
        self.pass_over(&mut input);
        if input.is_empty() {
            return None;
        }
        Some(match self.count(input) {
            Count::None => Frame::Message(input),
            Count::Of { digits, length } if length > self.max => {
                let beginning = input.get(digits + 1..).unwrap_or_default();
                Frame::TooLong { beginning, bytes: length }
            }
            Count::Of { .. } | Count::Open => Frame::Broken(input),
        })
    }

    /// How much is shown of a message that is too long. Unit: bytes.
    fn shown(&self) -> usize {
        SHOWN.min(self.max)
    }

    fn counted<'a>(
        &mut self,
        input: &mut &'a [u8],
        digits: usize,
        length: usize,
    ) -> Option<Frame<'a>> {
        let begin = digits + 1;
        if length > self.max {
            let beginning = input.get(begin..begin + self.shown())?;
            self.has_counted = true;
            self.pass = Pass::Bytes(begin + length);
            self.pass_over(input);
            return Some(Frame::TooLong { beginning, bytes: length });
        }
        let message = input.get(begin..begin + length)?;
        self.has_counted = true;
        *input = input.get(begin + length..).unwrap_or_default();
        Some(Frame::Message(message))
    }

    fn line<'a>(&mut self, input: &mut &'a [u8]) -> Option<Frame<'a>> {
        let Some(end) = memchr2(b'\n', 0, input) else {
            if input.len() <= self.max {
                return None;
            }
            self.pass = Pass::Line;
            let seen = std::mem::take(input);
            let beginning = seen.get(..self.shown())?;
            return Some(Frame::TooLong { beginning, bytes: seen.len() });
        };
        let (line, rest) = (input.get(..end)?, input.get(end + 1..)?);
        *input = rest;
        if end > self.max {
            return Some(Frame::TooLong { beginning: line.get(..self.shown())?, bytes: end });
        }
        // Behind a wrong count comes the middle of a message.
        let is_lost = self.has_counted && !line.is_empty() && !line.starts_with(b"<");
        Some(if is_lost { Frame::Broken(line) } else { Frame::Message(line) })
    }

    fn pass_over(&mut self, input: &mut &[u8]) {
        let passed = match self.pass {
            Pass::No => return,
            Pass::Bytes(left) => {
                let passed = left.min(input.len());
                self.pass = if passed < left { Pass::Bytes(left - passed) } else { Pass::No };
                passed
            }
            Pass::Line => match memchr2(b'\n', 0, input) {
                Some(end) => {
                    self.pass = Pass::No;
                    end + 1
                }
                None => input.len(),
            },
        };
        *input = input.get(passed..).unwrap_or_default();
    }

    fn count(&self, input: &[u8]) -> Count {
        if !matches!(input.first(), Some(b'1'..=b'9')) {
            return Count::None;
        }
        let digits = input.iter().take(DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        if digits > DIGITS {
            return Count::None;
        }
        match (input.get(digits), input.get(digits + 1)) {
            (None, _) | (Some(b' '), None) => Count::Open,
            (Some(b' '), Some(next)) if *next == b'<' || self.has_counted => {
                let digit = |byte: &u8| usize::from(byte - b'0');
                let number = input.iter().take(digits);
                let length = number.fold(0, |number, byte| number * 10 + digit(byte));
                Count::Of { digits, length }
            }
            _ => Count::None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    /// More bytes are needed to tell.
    Open,
    /// There is none.
    None,
    Of {
        digits: usize,
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `parts` one after the other, as reads would give them.
    fn frames(max: usize, parts: &[&[u8]]) -> Vec<String> {
        let (mut framer, mut held, mut found) = (Framer::new(max), Vec::new(), Vec::new());
        let shown = |frame: Frame<'_>| match frame {
            Frame::Message(message) => String::from_utf8_lossy(message).into_owned(),
            Frame::TooLong { beginning, .. } => {
                format!("long {}", String::from_utf8_lossy(beginning))
            }
            Frame::Broken(bytes) => format!("broken {}", String::from_utf8_lossy(bytes)),
        };
        for part in parts {
            held.extend_from_slice(part);
            let mut input = &held[..];
            while let Some(frame) = framer.next(&mut input) {
                found.push(shown(frame));
            }
            assert!(input.len() <= max + DIGITS + 1, "{}", input.len());
            held = input.to_vec();
        }
        found.extend(framer.rest(&held).map(shown));
        found
    }

    #[track_caller]
    fn check(stream: &[u8], expected: &[&str]) {
        let whole = frames(20, &[stream]);
        assert_eq!(whole, expected);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(frames(20, &bytes), expected, "byte by byte");
    }

    #[test]
    fn both_kinds_may_follow_each_other() {
        check(b"<1>a\n5 <2>bc<3>d\n4 <4>e", &["<1>a", "<2>bc", "<3>d", "<4>e"]);
        check(b"6 <1>a\nb<2>c\r\n", &["<1>a\nb", "<2>c\r"]);
        check(b"<1>a\0<2>b\0", &["<1>a", "<2>b"]);
    }

    #[test]
    fn a_line_may_begin_like_a_count() {
        check(
            b"12 monkeys\n2026-11-26 x\n1234567890 <1>\n",
            &["12 monkeys", "2026-11-26 x", "1234567890 <1>"],
        );
    }

    #[test]
    fn who_has_counted_counts() {
        check(b"4 <1>a3 bcd", &["<1>a", "bcd"]);
    }

    #[test]
    fn what_is_too_long_is_passed_over() {
        let long = "long <1>aaaaaaaaaaaaaaaaa";
        check(b"<1>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n<2>b\n", &[long, "<2>b"]);
        check(b"<1>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0<2>b\n<3>c\n", &[long, "<2>b", "<3>c"]);
        check(b"25 <1>aaaaaaaaaaaaaaaaaaaaaa4 <2>b", &[long, "<2>b"]);
        check(b"999999999 <1>a", &["long <1>a"]);
    }

    #[test]
    fn a_wrong_count_is_told_and_the_next_line_end_helps() {
        check(b"4 <1>abc\n<2>d\n", &["<1>a", "broken bc", "<2>d"]);
        check(b"4 <1>a9 <2>", &["<1>a", "broken 9 <2>"]);
    }

    #[test]
    fn the_last_line_needs_no_end() {
        check(b"<1>a\n<2>b", &["<1>a", "<2>b"]);
        check(b"", &[]);
        check(b"<1>a\n\n", &["<1>a", ""]);
    }
}
