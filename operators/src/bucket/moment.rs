//! Instants and durations as Go writes them into alerts.

use crate::time::{EventTime, Stamp};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// Go's RFC3339Nano: fraction without trailing zeros, `Z` for UTC.
pub fn rfc3339(stamp: Stamp) -> String {
    let zone = if stamp.offset == 0 { "Z".to_owned() } else { zone(stamp.offset, ":") };
    format!("{}{zone}", civil(stamp, 'T'))
}

/// Go's `Time.String`: `2006-01-02 15:04:05.999999999 -0700 MST`. A parsed offset has no name, and
/// Go prints the offset again in its place.
pub fn go_string(stamp: Stamp) -> String {
    let offset = zone(stamp.offset, "");
    let name = if stamp.offset == 0 { "UTC" } else { &offset };
    format!("{} {offset} {name}", civil(stamp, ' '))
}

/// Go's `Duration.String`: `1h30m0s`, `840.923µs`, `0s`.
pub fn go_duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let part = |unit: u64, name: &str| {
        let rest = fraction(ns % unit, unit.ilog10());
        format!("{sign}{}{rest}{name}", ns / unit)
    };
    match ns {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{ns}ns"),
        1_000..1_000_000 => part(1_000, "µs"),
        1_000_000..1_000_000_000 => part(1_000_000, "ms"),
        _ => {
            let whole = ns / 1_000_000_000;
            let rest = fraction(ns % 1_000_000_000, 9);
            let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{seconds}{rest}s"),
                (0, _) => format!("{sign}{minutes}m{seconds}{rest}s"),
                _ => format!("{sign}{hours}h{minutes}m{seconds}{rest}s"),
            }
        }
    }
}

/// The instant of an RFC 3339 text, `None` where it is none (Go's `Time.UnmarshalText`).
pub fn parse(text: &str) -> Option<Stamp> {
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| text.as_bytes().get(*at) != Some(byte)) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let valid = (1..=12).contains(&month) && day >= 1 && day <= days_in(year, month);
    if !valid || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, zone) = split_fraction(text.get(19..)?)?;
    let (offset, utc) = offset_of(zone)?;
    let at = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    let at = (at - i64::from(offset)).checked_mul(SECOND)?.checked_add(nanos)?;
    Some(Stamp { at: EventTime(at), offset, utc })
}

fn split_fraction(rest: &str) -> Option<(i64, &str)> {
    let Some(fraction) = rest.strip_prefix('.') else { return Some((0, rest)) };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, zone) = fraction.split_at(digits);
    if digits.is_empty() {
        return None;
    }
    // Go keeps nine digits and drops the rest.
    let kept = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some((kept.fold(0, |ns, digit| ns * 10 + i64::from(digit - b'0')), zone))
}

fn offset_of(zone: &str) -> Option<(i32, bool)> {
    if zone == "Z" {
        return Some((0, true));
    }
    let sign = match zone.as_bytes() {
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    let (hours, minutes) = (zone.get(1..3)?, zone.get(4..6)?);
    if !(hours.bytes().chain(minutes.bytes()).all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then(|| (sign * (hours * 3600 + minutes * 60), false))
}

fn civil(stamp: Stamp, between: char) -> String {
    let local = stamp.at.0.div_euclid(SECOND) + i64::from(stamp.offset);
    let nanos = stamp.at.0.rem_euclid(SECOND);
    let (year, month, day) = civil_from_days(local.div_euclid(DAY));
    let second = local.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = fraction(nanos.unsigned_abs(), 9);
    format!("{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}{fraction}")
}

fn fraction(rest: u64, digits: u32) -> String {
    if rest == 0 {
        return String::new();
    }
    let text = format!(".{rest:0width$}", width = digits as usize);
    text.trim_end_matches('0').to_owned()
}

fn zone(offset: i32, between: &str) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.unsigned_abs() / 60;
    format!("{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// The proleptic Gregorian calendar in eras of 400 years, with March as first month.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for text in [
            "2026-11-21T03:18:04Z",
            "2026-11-21T03:18:04.948269882Z",
            "2024-02-29T23:59:59.5+02:00",
            "1969-12-31T23:59:59.999999999-09:30",
            "2000-03-01T00:00:00Z",
        ] {
            assert_eq!(parse(text).map(rfc3339).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-02-30T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21 03:18:04Z",
            "2026-11-21T03:18:04",
            "2026-11-21T03:18:04.Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn printed_as_go_prints() {
        let of = |text: &str| parse(text).map(go_string).unwrap_or_default();
        assert_eq!(of("2026-11-21T03:18:04.948269663Z"), "2026-11-21 03:18:04.948269663 +0000 UTC");
        assert_eq!(of("2026-11-21T03:18:04+02:00"), "2026-11-21 03:18:04 +0200 +0200");
        let durations = [
            (0, "0s"),
            (840_923, "840.923µs"),
            (1_042_101, "1.042101ms"),
            (10 * SECOND, "10s"),
            (60 * SECOND, "1m0s"),
            (5_400_500_000_000, "1h30m0.5s"),
            (-1_500_000_000, "-1.5s"),
            (999, "999ns"),
            (500_000_000, "500ms"),
        ];
        for (ns, text) in durations {
            assert_eq!(go_duration(ns), text);
        }
    }
}
