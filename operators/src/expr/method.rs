//! Methods of events, times and durations.

use std::sync::Arc;

use super::objects::Named;
use super::operation::shift;
use crate::event::{Event, Kind};
use crate::schema::Space;
use crate::text::Text;
use crate::time::{EventTime, Stamp};
use crate::value::Value;

type Called = Option<Result<Value, String>>;

fn text(arguments: &[Value], index: usize) -> Result<&str, String> {
    let found = arguments.get(index).and_then(Value::as_str);
    found.ok_or_else(|| format!("argument {} must be a string", index + 1))
}

/// Methods of the live event that change it.
pub(super) fn write(event: &mut Event, name: &str, arguments: &[Value]) -> Called {
    let space = match name {
        "SetMeta" => Space::Meta,
        "SetParsed" => Space::Parsed,
        _ => return None,
    };
    Some(text(arguments, 0).and_then(|key| {
        let value = match arguments.get(1) {
            Some(Value::Str(value)) => Text::from(Arc::clone(value)),
            _ => return Err("argument 2 must be a string".into()),
        };
        event.set_named(space, key, value);
        Ok(Value::Bool(true))
    }))
}

/// Methods of an event that only read it.
pub(super) fn event(event: &Event, name: &str, arguments: &[Value]) -> Called {
    Some(match name {
        "GetType" => Ok(Value::str(match event.kind {
            Kind::Log => "log",
            Kind::Overflow => "overflow",
            Kind::Appsec => "unknown",
        })),
        "GetMeta" => text(arguments, 0).map(|key| Value::str(meta(event, key))),
        "ParseIPSources" => Ok(Value::list(sources(event))),
        "SetMeta" | "SetParsed" => Err("an event of a queue cannot be changed".into()),
        _ => return None,
    })
}

fn meta<'a>(event: &'a Event, key: &str) -> &'a str {
    match event.kind {
        Kind::Log => event.get_named(Space::Meta, key).unwrap_or(""),
        Kind::Overflow => {
            let events = event.overflow.iter().flat_map(|overflow| overflow.alert.events.iter());
            let mut values = events.flat_map(|event| event.meta.iter());
            let found = values.find(|(k, value)| &**k == key && !value.is_empty());
            found.map_or("", |(_, value)| value)
        }
        Kind::Appsec => "",
    }
}

fn sources(event: &Event) -> Vec<Value> {
    let valid = |text: &str| text.parse::<std::net::IpAddr>().is_ok().then(|| Value::str(text));
    match event.kind {
        Kind::Log => {
            event.get_named(Space::Meta, "source_ip").and_then(valid).into_iter().collect()
        }
        Kind::Overflow => event
            .overflow
            .iter()
            .flat_map(|overflow| overflow.sources.keys())
            .filter_map(|key| valid(key))
            .collect(),
        Kind::Appsec => Vec::new(),
    }
}

const SECOND: i64 = 1_000_000_000;
const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A stamp on the calendar of its zone.
struct Civil {
    days: i64,
    seconds: i64,
    year: i64,
    month: usize,
    day: i64,
}

impl Civil {
    fn of(stamp: Stamp) -> Self {
        let local = stamp.at.0.div_euclid(SECOND) + i64::from(stamp.offset);
        let (days, seconds) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        // Days since 0000-03-01, in eras of 400 years (H. Hinnant, "chrono-compatible algorithms").
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { days, seconds, year, month: usize::try_from(month).unwrap_or(1), day }
    }

    fn weekday(&self) -> usize {
        usize::try_from((self.days + 4).rem_euclid(7)).unwrap_or(0)
    }

    fn day_of_year(&self) -> i64 {
        self.days - days_before(self.year, 1, 1) + 1
    }

    /// The week's year and number after ISO 8601.
    fn iso_year(&self) -> i64 {
        let weekday = (self.days + 3).rem_euclid(7);
        let thursday = self.days - weekday + 3;
        Self::of(Stamp { at: EventTime(thursday * 86_400 * SECOND), offset: 0, utc: true }).year
    }
}

/// Days from the epoch to a date of the Gregorian calendar; months beyond a year carry over.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The instant in RFC 3339 with as many digits of the fraction as it has.
pub(super) fn rfc3339(stamp: Stamp) -> String {
    let civil = Civil::of(stamp);
    let (h, m, s) = (civil.seconds / 3600, civil.seconds / 60 % 60, civil.seconds % 60);
    let mut out =
        format!("{:04}-{:02}-{:02}T{h:02}:{m:02}:{s:02}", civil.year, civil.month, civil.day);
    let nanos = stamp.at.0.rem_euclid(SECOND);
    if nanos != 0 {
        out.push('.');
        out.push_str(format!("{nanos:09}").trim_end_matches('0'));
    }
    if stamp.utc || stamp.offset == 0 {
        out.push('Z');
    } else {
        let minutes = stamp.offset.abs() / 60;
        let sign = if stamp.offset < 0 { '-' } else { '+' };
        out.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
    }
    out
}

fn named(type_name: &'static str, name: &'static str) -> Value {
    Value::Object(Arc::new(Named { type_name, name }))
}

/// Methods of `time.Time`.
pub(super) fn time(stamp: Stamp, name: &str, arguments: &[Value]) -> Called {
    let civil = Civil::of(stamp);
    let nanos = stamp.at.0;
    Some(Ok(match name {
        "Day" => Value::Int(civil.day),
        "Hour" => Value::Int(civil.seconds / 3600),
        "Minute" => Value::Int(civil.seconds / 60 % 60),
        "Second" => Value::Int(civil.seconds % 60),
        "Nanosecond" => Value::Int(nanos.rem_euclid(SECOND)),
        "Year" => Value::Int(civil.year),
        "YearDay" => Value::Int(civil.day_of_year()),
        "ISOWeek" => Value::Int(civil.iso_year()),
        "Month" => named("time.Month", MONTHS.get(civil.month - 1).copied().unwrap_or("")),
        "Weekday" => named("time.Weekday", WEEKDAYS.get(civil.weekday()).copied().unwrap_or("")),
        "Unix" => Value::Int64(nanos.div_euclid(SECOND)),
        "UnixMilli" => Value::Int64(nanos.div_euclid(1_000_000)),
        "UnixMicro" => Value::Int64(nanos.div_euclid(1_000)),
        "UnixNano" => Value::Int64(nanos),
        "UTC" | "Local" => Value::Time(Stamp { offset: 0, utc: true, ..stamp }),
        "IsZero" | "IsDST" => Value::Bool(false),
        "Zone" if stamp.utc => Value::str("UTC"),
        "Zone" => Value::str(""),
        "AddDate" => return Some(add_date(stamp, &civil, arguments)),
        "Add" | "Truncate" | "Round" => return Some(by_duration(stamp, name, arguments)),
        "After" | "Before" | "Equal" | "Compare" | "Sub" => {
            return Some(with_time(stamp, name, arguments));
        }
        _ => return None,
    }))
}

fn add_date(stamp: Stamp, civil: &Civil, arguments: &[Value]) -> Result<Value, String> {
    let [Value::Int(years), Value::Int(months), Value::Int(days)] = arguments else {
        return Err("AddDate takes three integers".into());
    };
    let month = i64::try_from(civil.month).unwrap_or(1);
    let date = days_before(civil.year + years, month + months, 1) + civil.day - 1 + days;
    let by = date.saturating_sub(civil.days).saturating_mul(86_400 * SECOND);
    Ok(Value::Time(shift(stamp, by)))
}

fn by_duration(stamp: Stamp, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let Some(Value::Duration(by)) = arguments.first() else {
        return Err(format!("{name} takes a duration"));
    };
    if name == "Add" {
        return Ok(Value::Time(shift(stamp, *by)));
    }
    // Go counts from the year 1, which is no multiple of a week away from the epoch.
    let since_zero = i128::from(stamp.at.0) + 62_135_596_800 * i128::from(SECOND);
    let rest = if *by > 0 { since_zero.rem_euclid(i128::from(*by)) } else { 0 };
    let rest = i64::try_from(rest).unwrap_or(0);
    let up = name == "Round" && rest != 0 && rest >= *by - rest;
    Ok(Value::Time(shift(stamp, if up { *by - rest } else { -rest })))
}

fn with_time(stamp: Stamp, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let Some(Value::Time(other)) = arguments.first() else {
        return Err(format!("{name} takes a time"));
    };
    let order = stamp.at.cmp(&other.at);
    Ok(match name {
        "After" => Value::Bool(order.is_gt()),
        "Before" => Value::Bool(order.is_lt()),
        "Equal" => Value::Bool(order.is_eq()),
        "Compare" => Value::Int(order as i64),
        _ => Value::Duration(stamp.at.0.saturating_sub(other.at.0)),
    })
}

/// Methods of `time.Duration`.
#[expect(clippy::cast_precision_loss, reason = "as Go converts")]
pub(super) fn duration(nanos: i64, name: &str, arguments: &[Value]) -> Called {
    let whole_and_rest = |unit: i64| (nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64;
    Some(Ok(match name {
        "Abs" => Value::Duration(nanos.saturating_abs()),
        "Hours" => Value::Float(whole_and_rest(3600 * SECOND)),
        "Minutes" => Value::Float(whole_and_rest(60 * SECOND)),
        "Seconds" => Value::Float(whole_and_rest(SECOND)),
        "Milliseconds" => Value::Int64(nanos / 1_000_000),
        "Microseconds" => Value::Int64(nanos / 1_000),
        "Nanoseconds" => Value::Int64(nanos),
        "Truncate" | "Round" => {
            let Some(Value::Duration(unit)) = arguments.first() else {
                return Some(Err(format!("{name} takes a duration")));
            };
            if *unit <= 0 {
                return Some(Ok(Value::Duration(nanos)));
            }
            let rest = nanos % unit;
            let up = name == "Round" && rest.saturating_abs() >= unit - rest.saturating_abs();
            let away = if up { unit * nanos.signum() } else { 0 };
            Value::Duration((nanos - rest).saturating_add(away))
        }
        _ => return None,
    }))
}
