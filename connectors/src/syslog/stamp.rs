//! The time at the beginning of a message, as devices write it. Out comes what the hub's patterns
//! for times and its `ParseDate` read.

use std::fmt::Write;

use crate::rfc3339;

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const DAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];

/// A time as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp<'a> {
    /// `Nov 26 16:00:00`, perhaps with a fraction: without a year.
    Classic(&'a str),
    /// With a year, in the words of a device.
    Dated {
        year: &'a str,
        month: usize,
        day: &'a str,
        /// With its fraction.
        time: &'a str,
        utc: bool,
    },
    /// ISO 8601: date, time with its fraction, zone.
    Iso { date: &'a str, time: &'a str, zone: &'a str },
    /// Seconds since 1970, with their fraction.
    Seconds(&'a str),
}

impl<'a> Stamp<'a> {
    /// The time at the beginning of a message, and what follows it.
    pub(super) fn find(body: &'a str) -> Option<(Self, &'a str)> {
        let (stamp, rest) = match classic(body) {
            Some(found) => found,
            None => {
                let body = without_marks(body);
                classic(body).or_else(|| iso(body)).or_else(|| worded(body))?
            }
        };
        Some((stamp, without_zone_name(rest).trim_start_matches(' ')))
    }

    /// The time of a message of RFC 5424, or of one that claims to be; it is followed by a space.
    pub(super) fn modern(field: &'a str) -> Option<Self> {
        let (stamp, rest) = iso(field).or_else(|| seconds(field))?;
        rest.is_empty().then_some(stamp)
    }

    /// Appends it.
    pub(super) fn write(&self, line: &mut String) {
        match self {
            Self::Classic(text) => line.push_str(text),
            Self::Dated { year, month, day, time, utc } => {
                // Writing to a text cannot fail.
                let _ = write!(line, "{year}-{:02}-{:0>2}T{time}", month + 1, day.trim());
                line.push_str(if *utc { "Z" } else { "" });
            }
            Self::Iso { date, time, zone } => {
                for part in [date, "T", time] {
                    line.push_str(part);
                }
                match zone.split_at_checked(3) {
                    Some((hours, minutes)) if minutes.len() == 2 => {
                        for part in [hours, ":", minutes] {
                            line.push_str(part);
                        }
                    }
                    Some((hours, "")) => {
                        line.push_str(hours);
                        line.push_str(":00");
                    }
                    _ => line.push_str(zone),
                }
            }
            Self::Seconds(text) => {
                let _ = rfc3339::write(nanos(text), line);
            }
        }
    }
}

/// `Nov 26 16:00:00`: the day in two places, or in one.
fn classic(body: &str) -> Option<(Stamp<'_>, &str)> {
    let bytes = body.as_bytes();
    month(bytes.get(..3)?)?;
    let day = day(bytes, 4)?;
    let end = time(bytes, day + 1)?;
    let (stamp, rest) = body.split_at_checked(end)?;
    // A year behind it.
    if let Some((year, rest)) = year_behind(rest) {
        let dated = Stamp::Dated {
            year,
            month: month(bytes.get(..3)?)?,
            day: body.get(4..day)?,
            time: body.get(day + 1..end)?,
            utc: false,
        };
        return Some((dated, rest));
    }
    Some((Stamp::Classic(stamp), rest))
}

fn year_behind(rest: &str) -> Option<(&str, &str)> {
    let (year, rest) = rest.strip_prefix(' ')?.split_at_checked(4)?;
    (is_year(year.as_bytes()) && rest.starts_with(' ')).then_some((year, rest))
}

/// What devices put before the time: a running number (`29: `), marks of a clock that is not set
/// (`*`, `.`), a colon.
fn without_marks(body: &str) -> &str {
    let body = body.trim_start_matches(' ');
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    let behind = body.get(digits..).filter(|_| digits > 0).and_then(|rest| rest.strip_prefix(": "));
    behind.unwrap_or(body).trim_start_matches(['*', '.', ':', ' '])
}

/// ` UTC:` or ` CET:` behind a time, or the colon alone.
fn without_zone_name(rest: &str) -> &str {
    if let Some(rest) = rest.strip_prefix(':') {
        return rest;
    }
    let Some(word) = rest.strip_prefix(' ').and_then(|rest| rest.split(' ').next()) else {
        return rest;
    };
    let is_zone = word.strip_suffix(':').is_some_and(|name| {
        (2..=5).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_uppercase())
    });
    if is_zone { rest.get(word.len() + 1..).unwrap_or_default() } else { rest }
}

/// `Nov 26 2026 16:00:00`, `2026 Nov 26 16:00:00`, `Thu Nov 26 16:00:00 2026`.
fn worded(body: &str) -> Option<(Stamp<'_>, &str)> {
    let bytes = body.as_bytes();
    if DAYS.iter().any(|day| bytes.starts_with(*day)) {
        return classic(body.get(4..)?);
    }
    let (year, at) = if is_year(bytes.get(..4)?) { (body.get(..4), 5) } else { (None, 0) };
    let month = month(bytes.get(at..at + 3)?)?;
    let day_end = day(bytes, at + 4)?;
    let day = body.get(at + 4..day_end)?;
    let (year, from) = match year {
        Some(year) => (year, day_end + 1),
        None => (body.get(day_end + 1..day_end + 5)?, day_end + 6),
    };
    if !is_year(year.as_bytes()) {
        return None;
    }
    let end = time(bytes, from)?;
    let (time, rest) = (body.get(from..end)?, body.get(end..)?);
    let utc = rest.starts_with(" UTC:") || rest.starts_with(" GMT:");
    Some((Stamp::Dated { year, month, day, time, utc }, rest))
}

/// `2026-11-26T16:00:00.123+01:00`, a space for the `T` too, the zone not always.
fn iso(body: &str) -> Option<(Stamp<'_>, &str)> {
    let bytes = body.as_bytes();
    let date = bytes.get(..10)?;
    let numbers =
        [0, 1, 2, 3, 5, 6, 8, 9].iter().all(|at| date.get(*at).is_some_and(u8::is_ascii_digit));
    if !numbers || (date.get(4), date.get(7)) != (Some(&b'-'), Some(&b'-')) {
        return None;
    }
    matches!(bytes.get(10)?, b'T' | b' ').then_some(())?;
    let end = time(bytes, 11)?;
    let zone = zone(bytes, end);
    let stamp =
        Stamp::Iso { date: body.get(..10)?, time: body.get(11..end)?, zone: body.get(end..zone)? };
    Some((stamp, body.get(zone..)?))
}

/// Where a zone ends that begins at `at`.
fn zone(bytes: &[u8], at: usize) -> usize {
    let digits = |from: usize, count: usize| {
        bytes.get(from..from + count).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
    };
    match bytes.get(at) {
        Some(b'Z') => at + 1,
        Some(b'+' | b'-') if digits(at + 1, 2) => {
            if bytes.get(at + 3) == Some(&b':') && digits(at + 4, 2) {
                at + 6
            } else if digits(at + 3, 2) {
                at + 5
            } else {
                at + 3
            }
        }
        _ => at,
    }
}

fn seconds(body: &str) -> Option<(Stamp<'_>, &str)> {
    let whole = body.bytes().take_while(u8::is_ascii_digit).count();
    if !(9..=10).contains(&whole) {
        return None;
    }
    let end = fraction(body.as_bytes(), whole);
    let (stamp, rest) = body.split_at_checked(end)?;
    Some((Stamp::Seconds(stamp), rest))
}

fn nanos(seconds: &str) -> i64 {
    let (whole, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, ""));
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = digits.fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    whole.parse::<i64>().unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(nanos)
}

fn month(word: &[u8]) -> Option<usize> {
    MONTHS.iter().position(|month| *month == word)
}

fn is_year(word: &[u8]) -> bool {
    word.len() == 4
        && word.iter().all(u8::is_ascii_digit)
        && (word.starts_with(b"19") || word.starts_with(b"20") || word.starts_with(b"21"))
}

/// Where a day of the month ends that begins at `at`, after the space before it: two characters, the
/// first of which may be a space, or one.
fn day(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at - 1) != Some(&b' ') {
        return None;
    }
    let end = match (bytes.get(at)?, bytes.get(at + 1)?) {
        (b' ' | b'0'..=b'3', b'0'..=b'9') => at + 2,
        (b'1'..=b'9', b' ') => at + 1,
        _ => return None,
    };
    (bytes.get(end) == Some(&b' ')).then_some(end)
}

/// Where `16:00:00` ends that begins at `at`, with its fraction.
fn time(bytes: &[u8], at: usize) -> Option<usize> {
    let text = bytes.get(at..at + 8)?;
    let [b'0'..=b'2', b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9', b':', b'0'..=b'6', b'0'..=b'9'] =
        text
    else {
        return None;
    };
    Some(fraction(bytes, at + 8))
}

/// Where a fraction ends that may begin at `at`.
fn fraction(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at + 1..).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let begins = matches!(bytes.get(at), Some(b'.' | b','));
    if begins && digits > 0 { at + 1 + digits } else { at }
}
