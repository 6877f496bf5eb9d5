//! Builtins of expr-lang for times (`builtin/builtin.go`).

use std::sync::Arc;

use super::Function;
use super::arguments::kinds::{ANY, SPAN, STR, TIME};
use super::arguments::{Outcome, mismatch, text};
use crate::expr::context::Cx;
use crate::time::{GoDuration, Layout};
use crate::value::{Object, Value};

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("now", &[ANY], TIME, now).required(0).impure()
        .about("the current time, UTC or in a time zone", r#"type(now())"#, "time.Time"),
    Function::new("duration", &[STR], SPAN, duration)
        .about("a Go duration", r#"duration("1h30m")"#, "1h30m0s"),
    Function::new("date", &[ANY, STR, STR, STR], TIME, date).required(1)
        .about("the time that a text tells, after a Go layout (and in a time zone) if given",
            r#"date("2023-08-14 00:00:00")"#, "2023-08-14 00:00:00 +0000 UTC"),
    Function::new("timezone", &[STR], ANY, timezone)
        .about("a time zone by name", r#"timezone("UTC")"#, "UTC"),
];

/// Go's `*time.Location`. UTC alone: the rules of other zones are not in the product.
#[derive(Debug)]
struct Zone;

impl Object for Zone {
    fn type_name(&self) -> &'static str {
        "*time.Location"
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn call(&self, method: &str, _: &[Value]) -> Option<Outcome> {
        (method == "String").then(|| Ok(Value::str("UTC")))
    }
}

/// Checks the name of a zone. "Local" is UTC: results do not depend on the host.
fn zone(name: &str) -> Result<(), String> {
    match name {
        "" | "UTC" | "Local" => Ok(()),
        _ => Err(format!("unknown time zone {name}: only UTC is known")),
    }
}

fn is_zone(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Object(object)) if object.type_name() == "*time.Location")
}

fn now(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    if !a.is_empty() && !is_zone(a.first()) {
        return Err(mismatch(a, 0, "*time.Location"));
    }
    Ok(Value::Time(cx.lookups.now()))
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
    let a = if is_zone(a.first()) { &a[1..] } else { a };
    let value = text(a, 0)?;
    if a.len() >= 3 {
        zone(text(a, 2)?)?;
    }
    if a.len() >= 2 {
        let parsed = Layout::compile(text(a, 1)?).parse(value);
        return parsed
            .map(|moment| Value::Time(moment.stamp()))
            .map_err(|error| format!("parsing time {value:?}: {error}"));
    }
    let parsed = LAYOUTS.iter().find_map(|layout| Layout::compile(layout).parse(value).ok());
    parsed.map(|moment| Value::Time(moment.stamp())).ok_or_else(|| format!("invalid date {value}"))
}

fn timezone(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    zone(text(a, 0)?)?;
    Ok(Value::Object(Arc::new(Zone)))
}
