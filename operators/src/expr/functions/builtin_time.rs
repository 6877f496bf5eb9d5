//! Builtins of expr-lang for times (`builtin/builtin.go`).

use std::sync::Arc;

use super::Function;
use super::accept;
use super::arguments::kinds::{ANY, SPAN, STR, TIME};
use super::arguments::{Outcome, mismatch, text};
use crate::expr::context::Cx;
use crate::time::{GoDuration, Layout, Stamp, Zone};
use crate::value::{Object, Value};

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("now", &[ANY], TIME, now).required(0).impure().accepts(accept::zone)
        .about("the current time, UTC or in a time zone", r#"type(now())"#, "time.Time"),
    Function::new("duration", &[STR], SPAN, duration)
        .about("a Go duration", r#"duration("1h30m")"#, "1h30m0s"),
    Function::new("date", &[ANY, ANY, ANY, ANY], TIME, date).required(1)
        .about("the time that a text tells, after a Go layout (and in a time zone) if given",
            r#"date("2023-08-14 00:00:00")"#, "2023-08-14 00:00:00 +0000 UTC"),
    Function::new("timezone", &[STR], ANY, timezone)
        .about("a time zone by name", r#"timezone("Europe/Paris").String()"#, "Europe/Paris"),
];

/// Go's `*time.Location`.
#[derive(Clone, Copy, Debug)]
enum Location {
    Utc,
    Named(Zone),
    /// A zone that was written as an offset: it has no name, and leads nowhere.
    Fixed,
}

impl Object for Location {
    fn type_name(&self) -> &'static str {
        LOCATION
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn call(&self, method: &str, _: &[Value]) -> Option<Outcome> {
        let name = match self {
            Self::Utc => "UTC",
            Self::Named(zone) => zone.name(),
            Self::Fixed => "",
        };
        (method == "String").then(|| Ok(Value::str(name)))
    }
}

const LOCATION: &str = "*time.Location";

/// The zone of this name (`time.LoadLocation`). "Local" is UTC: results do not depend on the host.
fn location(name: &str) -> Result<Option<Zone>, String> {
    match name {
        "" | "UTC" | "Local" => Ok(None),
        _ => Zone::named(name).map(Some).ok_or_else(|| format!("unknown time zone {name}")),
    }
}

/// The zone that a value names, if it does; `None` within is UTC.
fn zone_of(value: Option<&Value>) -> Option<Option<Zone>> {
    let Value::Object(object) = value? else { return None };
    if object.type_name() != LOCATION {
        return None;
    }
    match object.call("String", &[])? {
        Ok(Value::Str(name)) if !name.is_empty() => location(&name).ok(),
        _ => None,
    }
}

fn shown(stamp: Stamp, zone: Option<Zone>) -> Stamp {
    zone.map_or(stamp.to_utc(), |zone| stamp.in_zone(zone))
}

/// `Time.In`.
pub(in crate::expr) fn in_location(stamp: Stamp, arguments: &[Value]) -> Outcome {
    let zone = zone_of(arguments.first()).ok_or_else(|| mismatch(arguments, 0, LOCATION))?;
    Ok(Value::Time(shown(stamp, zone)))
}

/// `Time.Location`.
pub(in crate::expr) fn location_of(stamp: Stamp) -> Value {
    Value::Object(Arc::new(match stamp.zone {
        Some(zone) => Location::Named(zone),
        None if stamp.utc => Location::Utc,
        None => Location::Fixed,
    }))
}

fn now(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let now = cx.lookups.now();
    if a.is_empty() { Ok(Value::Time(now)) } else { in_location(now, a) }
}

fn duration(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let parsed = GoDuration::parse(text(a, 0)?).map_err(|error| error.to_string())?;
    Ok(Value::Duration(parsed.0))
}

/// What `date` tries without a layout.
const LAYOUTS: [&str; 7] = [
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
];

fn date(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let given = zone_of(a.first());
    let a = if given.is_some() { a.get(1..).unwrap_or_default() } else { a };
    let value = text(a, 0)?;
    let zone = if a.len() >= 3 { location(text(a, 2)?)? } else { given.flatten() };
    let parse = |layout: &str| match zone {
        Some(zone) => Layout::compile(layout).parse_in(value, zone),
        None => Layout::compile(layout).parse(value),
    };
    if a.len() >= 2 {
        let parsed = parse(text(a, 1)?);
        return parsed
            .map(|moment| Value::Time(moment.stamp()))
            .map_err(|error| format!("parsing time {value:?}: {error}"));
    }
    let parsed = LAYOUTS.iter().find_map(|layout| parse(layout).ok());
    parsed.map(|moment| Value::Time(moment.stamp())).ok_or_else(|| format!("invalid date {value}"))
}

fn timezone(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let zone = location(text(a, 0)?)?;
    Ok(Value::Object(Arc::new(zone.map_or(Location::Utc, Location::Named))))
}
