//! Methods of events, times and durations.

use std::sync::Arc;

use super::functions::{in_location, location_of};
use super::objects::Named;
use crate::event::{Event, Kind};
use crate::schema::Space;
use crate::text::Text;
use crate::time::{GoDuration, Stamp};
use crate::value::{ListKind, Value};

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
        "ParseIPSources" => Ok(addresses(sources(event))),
        "SetMeta" | "SetParsed" => Err("an event of a queue cannot be changed".into()),
        _ => return None,
    })
}

/// `[]netip.Addr`.
fn addresses(items: Vec<Value>) -> Value {
    match items.is_empty() {
        true => Value::nil_list(ListKind::Typed),
        false => Value::slice(ListKind::Typed, items),
    }
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

/// A value of `time.Weekday` or `time.Month`, whose names begin with that of `first`.
fn named(type_name: &'static str, names: &[&'static str], number: i64, first: i64) -> Value {
    let name = usize::try_from(number - first).ok().and_then(|index| names.get(index));
    Value::Object(Arc::new(Named { type_name, name: name.copied().unwrap_or(""), number }))
}

/// Methods of `time.Time`.
pub(super) fn time(stamp: Stamp, name: &str, arguments: &[Value]) -> Called {
    let civil = stamp.civil();
    Some(Ok(match name {
        "Day" => Value::Int(civil.day),
        "Hour" => Value::Int(civil.hour),
        "Minute" => Value::Int(civil.minute),
        "Second" => Value::Int(civil.second),
        "Nanosecond" => Value::Int(stamp.nanosecond().into()),
        "Year" => Value::Int(civil.year),
        "YearDay" => Value::Int(civil.year_day()),
        "ISOWeek" => Value::Int(civil.iso_week().0),
        "Month" => named("time.Month", &MONTHS, civil.month, 1),
        "Weekday" => named("time.Weekday", &WEEKDAYS, civil.weekday(), 0),
        "Unix" => Value::Int64(stamp.unix()),
        "UnixMilli" => Value::Int64(stamp.unix_milli()),
        "UnixMicro" => Value::Int64(stamp.unix_micro()),
        "UnixNano" => Value::Int64(stamp.unix_nano()),
        "UTC" | "Local" => Value::Time(stamp.to_utc()),
        "IsZero" => Value::Bool(false),
        "IsDST" => Value::Bool(stamp.zone.is_some_and(|zone| zone.at(stamp.unix()).summer)),
        "In" => return Some(in_location(stamp, arguments)),
        "Location" => location_of(stamp),
        "Zone" => Value::str(&stamp.format("MST")),
        "String" | "GoString" => Value::str(&stamp.to_string()),
        "Format" => {
            return Some(text(arguments, 0).map(|layout| Value::str(&stamp.format(layout))));
        }
        "AddDate" => return Some(add_date(stamp, arguments)),
        "Add" | "Truncate" | "Round" => return Some(by_duration(stamp, name, arguments)),
        "After" | "Before" | "Equal" | "Compare" | "Sub" => {
            return Some(with_time(stamp, name, arguments));
        }
        _ => return None,
    }))
}

fn add_date(stamp: Stamp, arguments: &[Value]) -> Result<Value, String> {
    let [Value::Int(years), Value::Int(months), Value::Int(days)] = arguments else {
        return Err("AddDate takes three integers".into());
    };
    Ok(Value::Time(stamp.add_date(*years, *months, *days)))
}

fn by_duration(stamp: Stamp, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let Some(Value::Duration(by)) = arguments.first() else {
        return Err(format!("{name} takes a duration"));
    };
    let by = GoDuration(*by);
    Ok(Value::Time(match name {
        "Add" => stamp.plus(by),
        "Truncate" => stamp.truncate(by),
        _ => stamp.round(by),
    }))
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
pub(super) fn duration(nanos: i64, name: &str, arguments: &[Value]) -> Called {
    let whole = GoDuration(nanos);
    Some(Ok(match name {
        "Abs" => Value::Duration(nanos.saturating_abs()),
        "Hours" => Value::Float(whole.hours()),
        "Minutes" => Value::Float(whole.minutes()),
        "Seconds" => Value::Float(whole.seconds()),
        "Milliseconds" => Value::Int64(nanos / 1_000_000),
        "Microseconds" => Value::Int64(nanos / 1_000),
        "Nanoseconds" => Value::Int64(nanos),
        "String" => Value::str(&whole.to_string()),
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
