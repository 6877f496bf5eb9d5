//! Moments, and the three ways in which the generated logs write them.

use std::fmt;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: u64 = 86_400;

/// A point in time. Unit: milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Default for Moment {
    /// 2026-03-02T06:00:00Z, a Monday morning.
    fn default() -> Self {
        Self(1_772_431_200_000)
    }
}

impl Moment {
    /// From whole seconds since the Unix epoch.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    /// This moment and some milliseconds.
    #[must_use]
    pub const fn after(self, milliseconds: u64) -> Self {
        Self(self.0 + milliseconds)
    }

    /// `Mar  2 06:00:00`, RFC 3164.
    #[must_use]
    pub fn syslog(self) -> impl fmt::Display {
        let (_, month, day, clock) = self.parts();
        format!("{} {day:>2} {clock}", MONTHS[month])
    }

    /// `02/Mar/2026:06:00:00 +0000`, the combined log format.
    #[must_use]
    pub fn combined(self) -> impl fmt::Display {
        let (year, month, day, clock) = self.parts();
        format!("{day:02}/{}/{year}:{clock} +0000", MONTHS[month])
    }

    /// `2026/03/02 06:00:00`, nginx's error log.
    #[must_use]
    pub fn nginx_error(self) -> impl fmt::Display {
        let (year, month, day, clock) = self.parts();
        format!("{year}/{:02}/{day:02} {clock}", month + 1)
    }

    /// Year, month from 0, day from 1, `HH:MM:SS`.
    fn parts(self) -> (u64, usize, u64, String) {
        let seconds = self.0 / 1000;
        let (mut days, of_day) = (seconds / DAY, seconds % DAY);
        let mut year = 1970;
        while days >= days_of(year) {
            days -= days_of(year);
            year += 1;
        }
        let february = if days_of(year) == 366 { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while days >= lengths[month] {
            days -= lengths[month];
            month += 1;
        }
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        (year, month, days + 1, format!("{hour:02}:{minute:02}:{second:02}"))
    }
}

const fn days_of(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_each_log_writes_them() {
        let morning = Moment::default();
        assert_eq!(morning.syslog().to_string(), "Mar  2 06:00:00");
        assert_eq!(morning.combined().to_string(), "02/Mar/2026:06:00:00 +0000");
        assert_eq!(morning.nginx_error().to_string(), "2026/03/02 06:00:00");
        let leap = Moment::from_seconds(1_709_164_800).after(1500);
        assert_eq!(leap.combined().to_string(), "29/Feb/2024:00:00:01 +0000");
    }
}
