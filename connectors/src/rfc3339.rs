//! Times as RFC 3339 writes them, which is how HTTP APIs of log stores write theirs, and lines that
//! come without one are given it. Text to nanoseconds since 1970, and back.

use std::fmt::{self, Write};

/// Reads `2026-11-26T15:04:05.123456789Z`, with any fraction and zone.
pub(crate) fn nanoseconds(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (clock, rest) = rest.strip_prefix(['T', 't', ' '])?.split_at_checked(8)?;
    let [year, month, day] = parts(date, '-')?;
    let [hour, minute, second] = parts(clock, ':')?;
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let fraction = rest.strip_suffix(zone)?;
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let [hours, minutes] = parts(zone.strip_prefix(['+', '-'])?, ':')?;
            sign * (hours * 3600 + minutes * 60)
        }
    };
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day);
    let valid = valid && hour < 24 && minute < 60 && second <= 60;
    let seconds = valid.then(|| days(year, month, day) * 86_400)?;
    let seconds = seconds + hour * 3600 + minute * 60 + second - offset;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos(fraction)?)
}

fn parts<const N: usize>(text: &str, between: char) -> Option<[i64; N]> {
    let digits = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse().ok())?
    };
    let parts: Option<Vec<i64>> = text.split(between).map(digits).collect();
    parts?.try_into().ok()
}

/// Days since 1970, after Howard Hinnant's `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `.5` is half a second; digits beyond nanoseconds are dropped.
fn nanos(fraction: &str) -> Option<i64> {
    let Some(digits) = fraction.strip_prefix('.') else {
        return fraction.is_empty().then_some(0);
    };
    if digits.is_empty() || digits.contains('.') {
        return None;
    }
    digits.chars().chain("000000000".chars()).take(9).collect::<String>().parse().ok()
}

/// Appends an instant as `2026-11-26T16:00:00.123456Z`, with as many digits as it has, in threes.
/// Unit: nanoseconds since 1970.
///
/// # Errors
/// Those of the writer.
pub(crate) fn write(nanos: i64, out: &mut impl Write) -> fmt::Result {
    let (seconds, fraction) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, date) = civil(day);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    write!(out, "{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{:02}", second % 60)?;
    match fraction {
        0 => out.write_char('Z'),
        _ if fraction % 1_000_000 == 0 => write!(out, ".{:03}Z", fraction / 1_000_000),
        _ if fraction % 1_000 == 0 => write!(out, ".{:06}Z", fraction / 1_000),
        _ => write!(out, ".{fraction:09}Z"),
    }
}

/// Year, month and day of a day since 1970, of the Gregorian calendar: eras of 400 years, years that
/// begin in March.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let date = of_year - (153 * shifted + 2) / 5 + 1;
    (year + era * 400 + i64::from(month <= 2), month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(nanoseconds(text), expected, "{text}");
    }

    #[test]
    fn times_have_fractions_and_zones() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2022-09-26T15:24:52.316938Z", Some(1_664_205_892_316_938_000));
        check("2022-09-26T17:24:52.316938+02:00", Some(1_664_205_892_316_938_000));
        check("1969-12-31T23:59:59.9999999999Z", Some(-1));
        check("2024-02-29T12:00:00-00:30", Some(1_709_209_800_000_000_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2022-09-26",
            "2022-13-26T15:24:52Z",
            "2022-09-26T15:24:52",
            "é022-09-26T15:24:52Z",
            "2022-09-26T15:24:52.Z",
            "2022-09-26T15:24:52+0200",
            "9999-09-26T15:24:52Z",
            "2022-09-26T-1:24:52Z",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn instants_are_written_as_they_are() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (1_795_708_800_123_000_000, "2026-11-26T16:00:00.123Z"),
            (1_795_708_800_123_456_000, "2026-11-26T16:00:00.123456Z"),
            (1_795_708_800_123_456_789, "2026-11-26T16:00:00.123456789Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            let mut out = String::new();
            write(nanos, &mut out).unwrap();
            assert_eq!(out, text);
        }
    }
}
