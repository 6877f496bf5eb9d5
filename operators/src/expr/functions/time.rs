//! CrowdSec's helpers for times (`pkg/exprhelpers/helpers.go`).

use super::Function;
use super::accept;
use super::arguments::kinds::{ANY, SPAN, STR};
use super::arguments::{Outcome, items, mismatch, text};
use crate::expr::context::Cx;
use crate::time::Moment;
use crate::value::Value;

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("TimeNow", &[], STR, time_now).impure()
        .about("the current time in RFC 3339, UTC", "len(TimeNow())", "20"),
    Function::new("ParseUnix", &[STR], STR, parse_unix)
        .about("seconds since 1970 as RFC 3339, UTC, \"\" where malformed (CrowdSec: in its own zone)",
            r#"ParseUnix("1136239445.9")"#, "2006-01-02T22:04:05Z"),
    Function::new("AverageInterval", &[ANY], SPAN, average_interval).accepts(accept::times)
        .about("the mean time between these times, sorted first",
            r#"AverageInterval([date("2024-01-01"), date("2024-01-02"), date("2024-01-05")])"#,
            "48h0m0s"),
    Function::new("MedianInterval", &[ANY], SPAN, median_interval).accepts(accept::times)
        .about("the median time between these times, sorted first",
            r#"MedianInterval([date("2024-01-01"), date("2024-01-02"), date("2024-01-05")])"#,
            "48h0m0s"),
];

fn time_now(cx: &mut Cx<'_>, _: &[Value]) -> Outcome {
    Ok(Value::Str(cx.lookups.now().to_utc().rfc3339().into()))
}

fn parse_unix(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let whole = text(a, 0)?.split('.').next().unwrap_or("");
    let seconds: Option<i64> = whole.parse().ok().filter(|seconds| *seconds > 0);
    let text = seconds.map(|seconds| Moment::utc(seconds, 0).rfc3339());
    Ok(Value::Str(text.unwrap_or_default().into()))
}

fn times(a: &[Value]) -> Result<Vec<i64>, String> {
    let items = a.first().and_then(items).ok_or_else(|| mismatch(a, 0, "a list of times"))?;
    let mut times = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item {
            Value::Time(stamp) => times.push(stamp.at.0),
            _ => return Err(format!("element at index {index} is not a time.Time")),
        }
    }
    Ok(times)
}

/// The nanoseconds between the times, sorted.
fn gaps(times: &mut [i64]) -> Result<&mut [i64], String> {
    if times.len() < 2 {
        return Err("need at least two times to calculate an interval".to_owned());
    }
    times.sort_unstable();
    for place in 1..times.len() {
        times[place - 1] = times[place].saturating_sub(times[place - 1]);
    }
    let last = times.len() - 1;
    Ok(&mut times[..last])
}

/// The mean of the gaps between instants. Unit: nanoseconds.
pub(in crate::expr) fn average(times: &mut [i64]) -> Result<i64, String> {
    let gaps = gaps(times)?;
    let total = gaps.iter().fold(0_i64, |total, gap| total.saturating_add(*gap));
    Ok(total / i64::try_from(gaps.len()).unwrap_or(i64::MAX))
}

/// The median of the gaps between instants. Unit: nanoseconds.
pub(in crate::expr) fn median(times: &mut [i64]) -> Result<i64, String> {
    let gaps = gaps(times)?;
    gaps.sort_unstable();
    let middle = gaps.len() / 2;
    Ok(if gaps.len() % 2 == 1 {
        gaps[middle]
    } else {
        gaps[middle - 1].wrapping_add(gaps[middle]) / 2
    })
}

fn average_interval(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    average(&mut times(a)?).map(Value::Duration)
}

fn median_interval(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    median(&mut times(a)?).map(Value::Duration)
}
