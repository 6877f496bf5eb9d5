//! CrowdSec's helpers for times (`pkg/exprhelpers/helpers.go`).

use super::Function;
use super::arguments::kinds::{ANY, SPAN, STR};
use super::arguments::{Outcome, items, mismatch, text};
use crate::expr::context::Cx;
use crate::time::{EventTime, Stamp};
use crate::value::Value;

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("TimeNow", &[], STR, time_now).impure()
        .about("the current time in RFC 3339, UTC", "len(TimeNow())", "20"),
    Function::new("ParseUnix", &[STR], STR, parse_unix)
        .about("seconds since 1970 as RFC 3339, UTC, \"\" where malformed (CrowdSec: in its own zone)",
            r#"ParseUnix("1136239445.9")"#, "2006-01-02T22:04:05Z"),
    Function::new("AverageInterval", &[ANY], SPAN, average_interval)
        .about("the mean time between these times, sorted first",
            r#"AverageInterval([date("2024-01-01"), date("2024-01-02"), date("2024-01-05")])"#,
            "48h0m0s"),
    Function::new("MedianInterval", &[ANY], SPAN, median_interval)
        .about("the median time between these times, sorted first",
            r#"MedianInterval([date("2024-01-01"), date("2024-01-02"), date("2024-01-05")])"#,
            "48h0m0s"),
];

/// A time as `time.Time.String` prints it.
pub(super) fn display(stamp: Stamp) -> String {
    let zone = zone(stamp, false);
    let name = if stamp.utc { "UTC".to_owned() } else { zone_name(stamp) };
    format!("{} {zone} {name}", date_time(stamp, ' '))
}

/// A time in RFC 3339 with as many decimals as it has.
pub(super) fn rfc3339_nano(stamp: Stamp) -> String {
    let zone = if stamp.offset == 0 { "Z".to_owned() } else { zone(stamp, true) };
    format!("{}{zone}", date_time(stamp, 'T'))
}

/// Go names a zone without a name by its offset.
fn zone_name(stamp: Stamp) -> String {
    let name = zone(stamp, false);
    name.strip_suffix("00").map(str::to_owned).unwrap_or(name)
}

fn zone(stamp: Stamp, colon: bool) -> String {
    let sign = if stamp.offset < 0 { '-' } else { '+' };
    let minutes = stamp.offset.unsigned_abs() / 60;
    let between = if colon { ":" } else { "" };
    format!("{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
}

fn date_time(stamp: Stamp, between: char) -> String {
    let seconds = stamp.at.0.div_euclid(1_000_000_000) + i64::from(stamp.offset);
    let nanos = stamp.at.0.rem_euclid(1_000_000_000);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let mut text = format!(
        "{year:04}-{month:02}-{day:02}{between}{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    if nanos > 0 {
        let decimals = format!("{nanos:09}");
        text.push('.');
        text.push_str(decimals.trim_end_matches('0'));
    }
    text
}

/// Year, month and day of a day since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn time_now(cx: &mut Cx<'_>, _: &[Value]) -> Outcome {
    let at = EventTime(cx.lookups.now().at.0.div_euclid(1_000_000_000) * 1_000_000_000);
    Ok(Value::Str(rfc3339_nano(Stamp { at, offset: 0, utc: true }).into()))
}

fn parse_unix(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let whole = text(a, 0)?.split('.').next().unwrap_or("");
    let seconds: Option<i64> = whole.parse().ok().filter(|seconds| *seconds > 0);
    let at = seconds.and_then(|seconds| seconds.checked_mul(1_000_000_000)).map(EventTime);
    let text = at.map(|at| rfc3339_nano(Stamp { at, offset: 0, utc: true }));
    Ok(Value::Str(text.unwrap_or_default().into()))
}

/// The nanoseconds between the times, sorted.
fn gaps(a: &[Value]) -> Result<Vec<i64>, String> {
    let items = a.first().and_then(items).ok_or_else(|| mismatch(a, 0, "a list of times"))?;
    let mut times = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item {
            Value::Time(stamp) => times.push(stamp.at.0),
            _ => return Err(format!("element at index {index} is not a time.Time")),
        }
    }
    if times.len() < 2 {
        return Err("need at least two times to calculate an interval".to_owned());
    }
    times.sort_unstable();
    Ok(times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect())
}

fn average_interval(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let gaps = gaps(a)?;
    let total = gaps.iter().fold(0_i64, |total, gap| total.saturating_add(*gap));
    Ok(Value::Duration(total / i64::try_from(gaps.len()).unwrap_or(i64::MAX)))
}

fn median_interval(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let mut gaps = gaps(a)?;
    gaps.sort_unstable();
    let middle = gaps.len() / 2;
    Ok(Value::Duration(if gaps.len() % 2 == 1 {
        gaps[middle]
    } else {
        gaps[middle - 1].wrapping_add(gaps[middle]) / 2
    }))
}
