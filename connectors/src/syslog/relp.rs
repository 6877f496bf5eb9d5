//! RELP, rsyslog's reliable protocol, the server's side: `TXNR COMMAND LENGTH [DATA]\n`. A message is
//! acknowledged when it is kept, so that a sender which keeps what is not acknowledged loses nothing
//! (rsyslog's `omrelp`; librelp's `relp.html`). Its window bounds how much is on the way: with the
//! usual 128 messages and a commit every 100 ms, a connection carries 1,280 messages a second.

use std::io::Write;
use std::sync::Arc;

use super::collector::Adding;
use super::session::{Session, answer};
use crate::metric::Reason;
use crate::record::SHOWN;

/// Digits of a number, and letters of a command.
const DIGITS: usize = 9;
const LETTERS: usize = 32;

/// What the sender is told of us.
const OFFERS: &str = "200 OK\nrelp_version=0\nrelp_software=spillway\ncommands=syslog";

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    number: u32,
    command: &'a [u8],
    /// The data, or how it begins.
    data: &'a [u8],
    /// Length of data that is too long and will be passed over. Unit: bytes.
    surplus: usize,
}

/// This is no RELP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// Cuts the stream of a sender.
#[derive(Clone, Debug)]
pub struct Reader {
    max: usize,
    pass: usize,
}

impl Reader {
    /// For messages of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { max, pass: 0 }
    }

    /// Whether a message is being passed over.
    pub fn is_passing(&self) -> bool {
        self.pass > 0
    }

    /// The next frame of `input`, which is moved behind it; `None` if more bytes are needed.
    ///
    /// # Errors
    /// [`Broken`]: nothing that follows can be understood.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Broken> {
        self.pass_over(input);
        // The line end of a frame that was passed over, or an empty line.
        while let [b'\n', rest @ ..] = *input {
            *input = rest;
        }
        let mut rest = *input;
        let Some(number) = word(&mut rest, DIGITS, u8::is_ascii_digit)? else { return Ok(None) };
        let Some(command) = word(&mut rest, LETTERS, u8::is_ascii_alphabetic)? else {
            return Ok(None);
        };
        let digits = rest.iter().take(DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let (length, behind) = rest.split_at_checked(digits).unwrap_or((rest, &[]));
        if digits == 0 || digits > DIGITS {
            return if rest.is_empty() { Ok(None) } else { Err(Broken) };
        }
        let (number, length) = (value(number), value(length) as usize);
        // An empty frame may end in a space too.
        let begin = match behind {
            [] => return Ok(None),
            [b' ', behind @ ..] => behind,
            [b'\n', ..] if length == 0 => behind,
            _ => return Err(Broken),
        };
        if length > self.max {
            let Some(data) = begin.get(..SHOWN.min(self.max)) else { return Ok(None) };
            self.pass = length;
            let frame = Frame { number, command, data, surplus: length };
            *input = begin;
            self.pass_over(input);
            return Ok(Some(frame));
        }
        let Some((data, behind)) = begin.split_at_checked(length) else { return Ok(None) };
        match behind {
            [] => Ok(None),
            [b'\n', behind @ ..] => {
                *input = behind;
                Ok(Some(Frame { number, command, data, surplus: 0 }))
            }
            _ => Err(Broken),
        }
    }

    fn pass_over(&mut self, input: &mut &[u8]) {
        let passed = self.pass.min(input.len());
        self.pass -= passed;
        *input = input.get(passed..).unwrap_or_default();
    }
}

/// A word and the space behind it; `None` if more bytes are needed.
fn word<'a>(
    input: &mut &'a [u8],
    longest: usize,
    belongs: impl Fn(&u8) -> bool,
) -> Result<Option<&'a [u8]>, Broken> {
    let length = input.iter().take(longest + 1).take_while(|byte| belongs(byte)).count();
    if length > longest || (length == 0 && !input.is_empty()) {
        return Err(Broken);
    }
    let (word, rest) = input.split_at_checked(length).unwrap_or((*input, &[]));
    match rest {
        [] => Ok(None),
        [b' ', rest @ ..] => {
            *input = rest;
            Ok(Some(word))
        }
        _ => Err(Broken),
    }
}

fn value(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'))
}

/// What a frame means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It goes on.
    Read,
    /// It ends.
    Close,
}

/// Does what a frame asks; `out` takes what the sender is to be told at once.
pub(super) fn obey(
    frame: Frame<'_>,
    session: &Arc<Session>,
    adding: &mut Adding<'_>,
    out: &mut Vec<u8>,
) -> Then {
    match frame.command {
        b"syslog" if frame.surplus > 0 => {
            // Refused, it would come again and again.
            adding.reject_of(session, frame.number, (Reason::TooLong, frame.data, frame.surplus));
        }
        b"syslog" => adding.message_of(session, frame.number, frame.data),
        b"open" => answer(frame.number, OFFERS, out),
        b"close" => {
            let _ = write!(out, "{} rsp 0\n0 serverclose 0\n", frame.number);
            return Then::Close;
        }
        _ => answer(frame.number, "500 command not known", out),
    }
    Then::Read
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(stream: &[u8], part: usize) -> Result<Vec<(u32, String, String)>, Broken> {
        let (mut reader, mut held, mut found) = (Reader::new(20), Vec::new(), Vec::new());
        for bytes in stream.chunks(part) {
            held.extend_from_slice(bytes);
            let mut input = &held[..];
            while let Some(frame) = reader.next(&mut input)? {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let long = if frame.surplus > 0 { "too long: " } else { "" };
                let data = format!("{long}{}", text(frame.data));
                found.push((frame.number, text(frame.command), data));
            }
            held = input.to_vec();
        }
        Ok(found)
    }

    #[test]
    fn frames_are_cut_wherever_the_stream_is() {
        let stream = b"1 open 5 a=b\nc\n2 syslog 3 <1>\n3 syslog 25 aaaaaaaaaaaaaaaaaaaaaaaaa\n4 syslog 0 \n5 close 0\n";
        for part in [1, 2, 7, 1000] {
            let got = frames(stream, part).unwrap();
            let got: Vec<_> =
                got.iter().map(|(number, command, data)| (*number, &**command, &**data)).collect();
            assert_eq!(
                got,
                [
                    (1, "open", "a=b\nc"),
                    (2, "syslog", "<1>"),
                    (3, "syslog", "too long: aaaaaaaaaaaaaaaaaaaa"),
                    (4, "syslog", ""),
                    (5, "close", ""),
                ]
            );
        }
    }

    #[test]
    fn what_is_no_relp_is_broken() {
        for stream in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x16\x03\x01",
            b"1 syslog 3 <1>x\n",
            b"1 syslog x\n",
            b"1234567890 syslog 1 a\n",
            b"1 syslog 1234567890 a\n",
            b"1 sys1og 1 a\n",
        ] {
            assert_eq!(frames(stream, 1), Err(Broken), "{}", stream.escape_ascii());
        }
    }
}
