//! Hand-written readers of the layouts that nearly every log uses. Each takes a strict subset of
//! what its layout takes, with the same result; whatever else goes to the general reader.

use super::parse::{fraction_prefix, in_offset};
use super::rfc3339;
use crate::time::Moment;
use crate::time::civil::{Civil, days_in_month};

/// A layout that has its own reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Familiar {
    /// `2006-01-02T15:04:05Z07:00`, with or without a fraction.
    Rfc3339,
    /// `02/Jan/2006:15:04:05 -0700` of web servers.
    CommonLog,
    /// `Jan  2 15:04:05` of syslog, with one or two spaces or `_2`.
    Syslog,
}

impl Familiar {
    pub(super) fn of(layout: &str) -> Option<Self> {
        match layout {
            "2006-01-02T15:04:05Z07:00" | "2006-01-02T15:04:05.999999999Z07:00" => {
                Some(Self::Rfc3339)
            }
            "02/Jan/2006:15:04:05 -0700" => Some(Self::CommonLog),
            "Jan  2 15:04:05" | "Jan 2 15:04:05" | "Jan _2 15:04:05" => Some(Self::Syslog),
            _ => None,
        }
    }

    /// Reads a value; `None` says nothing about it.
    #[inline]
    pub(super) fn read(self, value: &[u8]) -> Option<Moment> {
        match self {
            Self::Rfc3339 => rfc3339::read(value),
            Self::CommonLog => common_log(value),
            Self::Syslog => syslog(value),
        }
    }
}

/// Slices that answer `None` instead of panicking, under a short name.
pub(super) trait Cut {
    fn cut(&self, from: usize) -> Option<&Self>;
}

impl Cut for [u8] {
    #[inline]
    fn cut(&self, from: usize) -> Option<&Self> {
        self.get(from..)
    }
}

/// The number that `length` digits at `from` show.
#[inline]
pub(super) fn digits(value: &[u8], from: usize, length: usize) -> Option<i64> {
    let mut number = 0;
    for byte in value.get(from..from + length)? {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(byte - b'0');
    }
    Some(number)
}

/// The month of an abbreviation as it is mostly written.
#[inline]
fn month(name: &[u8]) -> Option<i64> {
    Some(match name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

/// `15:04:05` at `from`, checked.
#[inline]
fn clock(value: &[u8], from: usize) -> Option<(i64, i64, i64)> {
    let (hour, minute) = (digits(value, from, 2)?, digits(value, from + 3, 2)?);
    let second = digits(value, from + 6, 2)?;
    let separated = value.get(from + 2) == Some(&b':') && value.get(from + 5) == Some(&b':');
    (separated && hour < 24 && minute < 60 && second < 60).then_some((hour, minute, second))
}

fn common_log(value: &[u8]) -> Option<Moment> {
    let [_, _, b'/', _, _, _, b'/', _, _, _, _, b':', .., b' ', sign @ (b'+' | b'-'), _, _, _, _] =
        value
    else {
        return None;
    };
    if value.len() != 26 {
        return None;
    }
    let (day, month) = (digits(value, 0, 2)?, month(value.get(3..6)?)?);
    let year = digits(value, 7, 4)?;
    let (hour, minute, second) = clock(value, 12)?;
    let (hours, minutes) = (digits(value, 22, 2)?, digits(value, 24, 2)?);
    if !(1..=days_in_month(year, month)).contains(&day) || hours > 23 || minutes > 59 {
        return None;
    }
    let offset = i32::try_from(hours * 3_600 + minutes * 60).ok()?;
    let seconds = Civil { year, month, day, hour, minute, second }.seconds();
    Some(in_offset(seconds, 0, if *sign == b'-' { -offset } else { offset }))
}

fn syslog(value: &[u8]) -> Option<Moment> {
    let month = month(value.get(..3)?)?;
    if value.get(3) != Some(&b' ') || value.get(6) != Some(&b' ') {
        return None;
    }
    let day = match value.get(4)? {
        b' ' => digits(value, 5, 1)?,
        _ => digits(value, 4, 2)?,
    };
    let (hour, minute, second) = clock(value, 7)?;
    let (nanos, used) = fraction_prefix(value.cut(15)?);
    if value.len() != 15 + used || !(1..=days_in_month(0, month)).contains(&day) {
        return None;
    }
    let seconds = Civil { year: 0, month, day, hour, minute, second }.seconds();
    Some(Moment::utc(seconds, nanos))
}
