//! Builtins of expr-lang for times (`builtin/builtin.go`).

use super::Function;
use super::arguments::kinds::{ANY, SPAN, STR, TIME};
use super::arguments::{Outcome, mismatch, text};
use crate::expr::context::Cx;
use crate::time::GoDuration;
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
