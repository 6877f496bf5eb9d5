//! Operators over values, after expr-lang's `vm/runtime`.

use std::cmp::Ordering;
use std::ops::Range;

use super::ast::Op;
use crate::time::{GoDuration, Stamp};
use crate::value::{ListKind, Value};

/// Elements that one evaluation may make (expr-lang's `conf.DefaultMemoryBudget`).
pub(super) const BUDGET: usize = 1_000_000;

/// The result of an operator, or what is wrong with the operands. `in`, `matches` and `??` are not
/// here: they need more than two values.
pub(super) fn apply(op: Op, a: &Value, b: &Value) -> Result<Value, String> {
    match op {
        Op::Equal => Ok(Value::Bool(a.equal(b))),
        Op::NotEqual => Ok(Value::Bool(!a.equal(b))),
        Op::Less | Op::More | Op::LessOrEqual | Op::MoreOrEqual => ordered(op, a, b),
        Op::Contains | Op::StartsWith | Op::EndsWith => text_test(op, a, b).map(Value::Bool),
        Op::Range => range(a, b),
        _ => arithmetic(op, a, b),
    }
}

fn mismatch<T>(op: Op, a: &Value, b: &Value) -> Result<T, String> {
    Err(format!("invalid operation: {} {} {}", a.type_name(), op.sign(), b.type_name()))
}

fn ordered(op: Op, a: &Value, b: &Value) -> Result<Value, String> {
    let Some(order) = a.order(b) else { return mismatch(op, a, b) };
    let holds = match op {
        Op::Less => order == Some(Ordering::Less),
        Op::More => order == Some(Ordering::Greater),
        Op::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    };
    Ok(Value::Bool(holds))
}

/// `contains`, `startsWith` and `endsWith`: false where one side is nil.
pub(super) fn text_test(op: Op, a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Str(a), Value::Str(b)) => Ok(match op {
            Op::StartsWith => a.starts_with(&**b),
            Op::EndsWith => a.ends_with(&**b),
            _ => a.contains(&**b),
        }),
        _ => mismatch(op, a, b),
    }
}

fn range(a: &Value, b: &Value) -> Result<Value, String> {
    let (from, to) = (integer(a)?, integer(b)?);
    let size = to.saturating_sub(from).saturating_add(1).max(0);
    if usize::try_from(size).map_or(true, |size| size >= BUDGET) {
        return Err("memory budget exceeded".into());
    }
    let items = (0..size).map(|i| Value::Int(from + i)).collect();
    Ok(Value::slice(ListKind::Typed, items))
}

/// A number as an index, floats truncated.
pub(super) fn integer(value: &Value) -> Result<i64, String> {
    match value {
        Value::Int(x) | Value::Int64(x) => Ok(*x),
        #[expect(clippy::cast_possible_truncation, reason = "as Go converts")]
        Value::Float(x) => Ok(*x as i64),
        _ => Err(format!("invalid operation: int({})", value.type_name())),
    }
}

#[expect(clippy::cast_precision_loss, reason = "as Go converts")]
fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(x) | Value::Int64(x) => Some(*x as f64),
        Value::Float(x) => Some(*x),
        _ => None,
    }
}

/// An index into something of a length; negative ones count from the end.
pub(super) fn position(index: i64, length: usize) -> Result<usize, String> {
    let size = i64::try_from(length).unwrap_or(i64::MAX);
    let from_start = if index < 0 { index.saturating_add(size) } else { index };
    usize::try_from(from_start)
        .ok()
        .filter(|i| *i < length)
        .ok_or_else(|| format!("index out of range: {from_start} (array length is {length})"))
}

/// The part of something of a length that a slice is; negative bounds count from the end.
pub(super) fn bounds(from: Option<i64>, to: Option<i64>, length: usize) -> Range<usize> {
    let size = i64::try_from(length).unwrap_or(i64::MAX);
    let place = |x: i64| if x < 0 { x.saturating_add(size).max(0) } else { x };
    let to = place(to.unwrap_or(size)).min(size);
    let from = place(from.unwrap_or(0)).min(to);
    usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0)
}

fn arithmetic(op: Op, a: &Value, b: &Value) -> Result<Value, String> {
    use Value::{Duration, Int, Int64, Str, Time};
    match (a, b) {
        (Int(x) | Int64(x), Int(y) | Int64(y)) => return whole(op, *x, *y),
        (Str(x), Str(y)) if op == Op::Add => return Ok(Str([&**x, &**y].concat().into())),
        (Time(x), Duration(y)) | (Duration(y), Time(x)) if op == Op::Add => {
            return Ok(Time(shift(*x, *y)));
        }
        (Time(x), Duration(y)) if op == Op::Subtract => return Ok(Time(shift(*x, -*y))),
        (Time(x), Time(y)) if op == Op::Subtract => {
            return Ok(Duration(x.at.0.saturating_sub(y.at.0)));
        }
        (Duration(x), Duration(y)) => match op {
            Op::Add => return Ok(Duration(x.wrapping_add(*y))),
            Op::Subtract => return Ok(Duration(x.wrapping_sub(*y))),
            Op::Multiply => return Ok(Duration(x.wrapping_mul(*y))),
            _ => {}
        },
        (Duration(x), Int(y) | Int64(y)) | (Int(y) | Int64(y), Duration(x))
            if op == Op::Multiply =>
        {
            return Ok(Duration(x.wrapping_mul(*y)));
        }
        #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
        (Duration(x), Value::Float(y)) | (Value::Float(y), Duration(x)) if op == Op::Multiply => {
            // A plain number of nanoseconds, in expr-lang too.
            return Ok(Value::Float(*x as f64 * y));
        }
        _ => {}
    }
    let (Some(x), Some(y)) = (float(a), float(b)) else { return mismatch(op, a, b) };
    Ok(Value::Float(match op {
        Op::Add => x + y,
        Op::Subtract => x - y,
        Op::Multiply => x * y,
        Op::Divide => x / y,
        Op::Power => x.powf(y),
        _ => return mismatch(op, a, b),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "as Go converts")]
fn whole(op: Op, x: i64, y: i64) -> Result<Value, String> {
    Ok(match op {
        Op::Add => Value::Int(x.wrapping_add(y)),
        Op::Subtract => Value::Int(x.wrapping_sub(y)),
        Op::Multiply => Value::Int(x.wrapping_mul(y)),
        Op::Divide => Value::Float(x as f64 / y as f64),
        Op::Power => Value::Float((x as f64).powf(y as f64)),
        _ => match x.checked_rem(y) {
            Some(rest) => Value::Int(rest),
            None if y == -1 => Value::Int(0),
            None => return Err("integer divide by zero".into()),
        },
    })
}

/// The instant `by` nanoseconds later, in the same zone.
pub(super) fn shift(stamp: Stamp, by: i64) -> Stamp {
    stamp.plus(GoDuration(by))
}

/// Unary minus.
pub(super) fn negate(value: &Value) -> Result<Value, String> {
    Ok(match value {
        Value::Int(x) => Value::Int(x.wrapping_neg()),
        Value::Int64(x) => Value::Int64(x.wrapping_neg()),
        Value::Float(x) => Value::Float(-x),
        _ => return Err(format!("invalid operation: - {}", value.type_name())),
    })
}
