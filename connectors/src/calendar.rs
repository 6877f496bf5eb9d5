//! Instants as text, for lines that come without one: ISO 8601 in UTC.

use std::fmt::{self, Write};

/// Appends an instant as `2026-11-26T16:00:00.123456Z`, with as many digits as it has, in threes.
/// Unit: nanoseconds since 1970.
///
/// # Errors
/// Those of the writer.
pub(crate) fn write_iso(nanos: i64, out: &mut impl Write) -> fmt::Result {
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
            write_iso(nanos, &mut out).unwrap();
            assert_eq!(out, text);
        }
    }
}
