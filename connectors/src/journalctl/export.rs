//! The journal's export format (systemd: `JOURNAL_EXPORT_FORMATS.md`), read as it comes: fields are
//! `NAME=value` lines, or `NAME`, a length of eight bytes and so many bytes; an empty line ends an
//! entry. Bytes in, entries out; fields that are not asked for and text that is too long are passed
//! over.

use memchr::memchr;

use crate::record::SHOWN;

/// Longest value of a field that is no message. Unit: bytes.
const SHORT: usize = 4096;

/// What is read of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands in the journal.
    pub cursor: String,
    /// When the journal took it. Unit: microseconds since 1970.
    pub time: i64,
    /// `_HOSTNAME`.
    pub host: String,
    /// `SYSLOG_IDENTIFIER`.
    pub identifier: String,
    /// `_COMM`.
    pub command: String,
    /// `_PID`.
    pub pid: String,
    /// `SYSLOG_PID`.
    pub syslog_pid: String,
    /// `MESSAGE`, which need not be text.
    pub message: Vec<u8>,
    /// Length of a message that is too long, of which only the beginning is here. Unit: bytes.
    pub surplus: usize,
}

/// The fields that are asked for, besides those that always come.
pub const FIELDS: &str = "MESSAGE,_HOSTNAME,SYSLOG_IDENTIFIER,_COMM,_PID,SYSLOG_PID";

/// This is no journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what journalctl wrote is not the export format: it needs systemd 236 or later")]
pub struct Broken;

/// Reads entries from a stream.
#[derive(Clone, Debug)]
pub struct Reader {
    max: usize,
    entry: Entry,
    /// Whether the entry has a field.
    begun: bool,
    pass: Pass,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    No,
    /// So many bytes, and a line end.
    Bytes(usize),
    /// To the line end, of a message or of something else.
    Line {
        message: bool,
    },
}

impl Reader {
    /// For messages of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { max, entry: Entry::default(), begun: false, pass: Pass::No }
    }

    /// The next entry of `input`, which is moved behind what was read; `None` if more bytes are needed.
    /// Those that are left must stand before them at the next call.
    ///
    /// # Errors
    /// [`Broken`]: nothing that follows can be understood.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Entry>, Broken> {
        loop {
            if !self.pass_over(input) {
                return Ok(None);
            }
            let Some(end) = memchr(b'\n', input) else {
                self.pass_long_line(input);
                return Ok(None);
            };
            let (line, rest) = input.split_at_checked(end).ok_or(Broken)?;
            let rest = rest.get(1..).unwrap_or_default();
            if line.is_empty() {
                *input = rest;
                if std::mem::take(&mut self.begun) {
                    return Ok(Some(std::mem::take(&mut self.entry)));
                }
                continue;
            }
            self.begun = true;
            if line.len() > self.longest() {
                self.leave_out(line);
                *input = rest;
                continue;
            }
            match memchr(b'=', line).and_then(|at| Some((line.get(..at)?, line.get(at + 1..)?))) {
                Some((name, value)) => {
                    self.set(name, value);
                    *input = rest;
                }
                None => match self.binary(line, rest)? {
                    Some(behind) => *input = behind,
                    None => return Ok(None),
                },
            }
        }
    }

    /// A field with its length; where it ends, if it is all there or passed over.
    fn binary<'a>(&mut self, name: &[u8], rest: &'a [u8]) -> Result<Option<&'a [u8]>, Broken> {
        if !name
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
        {
            return Err(Broken);
        }
        let Some((length, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| Broken)?;
        if length > self.max.max(SHORT) {
            if rest.len() < SHOWN {
                return Ok(None);
            }
            if name == b"MESSAGE" {
                self.begin_long(rest, length);
            }
            self.pass = Pass::Bytes(length.checked_add(1).ok_or(Broken)?);
            return Ok(Some(rest));
        }
        let Some((value, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        match rest {
            [] => Ok(None),
            [b'\n', rest @ ..] => {
                self.set(name, value);
                Ok(Some(rest))
            }
            _ => Err(Broken),
        }
    }

    fn set(&mut self, name: &[u8], value: &[u8]) {
        let entry = &mut self.entry;
        let text = match name {
            b"MESSAGE" if value.len() > self.max => return self.begin_long(value, value.len()),
            b"MESSAGE" => return entry.message = value.to_vec(),
            b"__CURSOR" => &mut entry.cursor,
            b"__REALTIME_TIMESTAMP" => {
                entry.time =
                    str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
                return;
            }
            b"_HOSTNAME" => &mut entry.host,
            b"SYSLOG_IDENTIFIER" => &mut entry.identifier,
            b"_COMM" => &mut entry.command,
            b"_PID" => &mut entry.pid,
            b"SYSLOG_PID" => &mut entry.syslog_pid,
            _ => return,
        };
        let value = value.get(..SHORT).unwrap_or(value);
        *text = String::from_utf8_lossy(value).into_owned();
    }

    /// Goes on passing over; whether that is done.
    fn pass_over(&mut self, input: &mut &[u8]) -> bool {
        match self.pass {
            Pass::No => true,
            Pass::Bytes(left) => {
                let passed = left.min(input.len());
                *input = input.get(passed..).unwrap_or_default();
                self.pass = if passed < left { Pass::Bytes(left - passed) } else { Pass::No };
                passed == left
            }
            Pass::Line { message } => {
                let end = memchr(b'\n', input);
                let passed = end.unwrap_or(input.len());
                if message {
                    self.entry.surplus += passed;
                }
                *input = input.get(end.map_or(passed, |end| end + 1)..).unwrap_or_default();
                if end.is_some() {
                    self.pass = Pass::No;
                }
                end.is_some()
            }
        }
    }

    /// A line that is too long already, whatever follows.
    fn pass_long_line(&mut self, input: &mut &[u8]) {
        if input.len() > self.longest() {
            self.begun = true;
            self.pass = Pass::Line { message: self.leave_out(input) };
            *input = &[];
        }
    }

    /// How long a line may be. Unit: bytes.
    fn longest(&self) -> usize {
        self.max.max(SHORT) + 64
    }

    /// Leaves out a field that is too long; whether it is the message.
    fn leave_out(&mut self, line: &[u8]) -> bool {
        let message = line.strip_prefix(b"MESSAGE=");
        if let Some(message) = message {
            self.begin_long(message, message.len());
        }
        message.is_some()
    }

    /// A message is too long, of which so much is known.
    fn begin_long(&mut self, message: &[u8], length: usize) {
        self.entry.message = message.get(..SHOWN).unwrap_or(message).to_vec();
        self.entry.surplus = length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(stream: &[u8], part: usize) -> Result<Vec<Entry>, Broken> {
        let (mut reader, mut held, mut found) = (Reader::new(10), Vec::new(), Vec::new());
        for bytes in stream.chunks(part) {
            held.extend_from_slice(bytes);
            let mut input = &held[..];
            while let Some(entry) = reader.next(&mut input)? {
                found.push(entry);
            }
            held = input.to_vec();
        }
        Ok(found)
    }

    fn binary(name: &str, value: &[u8]) -> Vec<u8> {
        [name.as_bytes(), b"\n", &(value.len() as u64).to_le_bytes(), value, b"\n"].concat()
    }

    #[test]
    fn entries_are_read_wherever_the_stream_is_cut() {
        let stream = [
            b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=17\n_HOSTNAME=h\n_PID=9\nMESSAGE=a=b\n\n\n"
                .to_vec(),
            b"__CURSOR=s=2\n".to_vec(),
            binary("MESSAGE", b"two\nlines\xff"),
            binary("OTHER", b"\n\n"),
            b"\n__CURSOR=s=3\n".to_vec(),
            binary("MESSAGE", &[b'x'; 5000]),
            b"_COMM=c\n\n__CURSOR=s=4\nMESSAGE=".to_vec(),
            [b'y'; 6000].to_vec(),
            b"\n\n".to_vec(),
        ]
        .concat();
        for part in [1, 3, 64, 100_000] {
            let got = entries(&stream, part).unwrap();
            let cursors: Vec<&str> = got.iter().map(|entry| entry.cursor.as_str()).collect();
            assert_eq!(cursors, ["s=1", "s=2", "s=3", "s=4"]);
            assert_eq!((got[0].time, &*got[0].host, &*got[0].pid), (17, "h", "9"));
            assert_eq!(got[0].message, b"a=b");
            assert_eq!(got[1].message, b"two\nlines\xff");
            assert_eq!((got[2].surplus, &*got[2].command), (5000, "c"));
            assert_eq!((got[2].message.len(), got[3].message.len()), (SHOWN, SHOWN));
            assert_eq!(got[3].surplus, 6000);
        }
    }

    #[test]
    fn what_is_no_journal_is_broken() {
        assert_eq!(entries(b"Nov 26 10:00:00 host app: text\n", 1), Err(Broken));
    }
}
