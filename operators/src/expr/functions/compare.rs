//! Equality and order of values, as the `==` and `<` of expr-lang decide them.

use std::cmp::Ordering;
use std::sync::Arc;

use super::arguments::{entries, items, map_kind};
use super::format::type_name;
use crate::expr::context::Cx;
use crate::value::Value;

/// Deepest nesting that is compared.
const MAX_DEPTH: usize = 1000;

/// Whether two values are equal: numbers by value, times by instant, lists and maps by content.
pub fn equal(cx: &Cx<'_>, left: &Value, right: &Value) -> bool {
    equal_within(cx, left, right, 0)
}

fn equal_within(cx: &Cx<'_>, left: &Value, right: &Value, depth: usize) -> bool {
    match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Time(a), Value::Time(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Object(a), Value::Object(b)) if Arc::ptr_eq(a, b) => true,
        (Value::Event, Value::Event) => true,
        (Value::Held(a), Value::Held(b)) => Arc::ptr_eq(a, b),
        _ => match numbers(left, right) {
            Some(order) => order == Some(Ordering::Equal),
            None => depth < MAX_DEPTH && equal_content(cx, left, right, depth),
        },
    }
}

fn equal_content(cx: &Cx<'_>, left: &Value, right: &Value, depth: usize) -> bool {
    if let (Some(a), Some(b)) = (items(left), items(right)) {
        let mut pairs = a.iter().zip(b.iter());
        return a.len() == b.len() && pairs.all(|(a, b)| equal_within(cx, a, b, depth + 1));
    }
    if let (Some(a), Some(b)) = (entries(cx, left), entries(cx, right)) {
        let mut pairs = a.iter().zip(b.iter());
        if left.is_nil() || right.is_nil() {
            return left.is_nil() && right.is_nil();
        }
        return map_kind(left) == map_kind(right)
            && a.len() == b.len()
            && pairs.all(|(a, b)| a.0 == b.0 && equal_within(cx, &a.1, &b.1, depth + 1));
    }
    left.is_nil() && right.is_nil()
}

/// The order of two numbers (`Some(None)` with NaN), `None` where one is no number.
fn numbers(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    Some(match (left, right) {
        (Value::Int(a) | Value::Int64(a), Value::Int(b) | Value::Int64(b)) => Some(a.cmp(b)),
        (Value::Int(a) | Value::Int64(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Int(b) | Value::Int64(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        _ => return None,
    })
}

/// Whether `left < right`.
///
/// # Errors
/// Where the types have no order.
pub fn less(left: &Value, right: &Value) -> Result<bool, String> {
    if let Some(order) = numbers(left, right) {
        return Ok(order == Some(Ordering::Less));
    }
    match (left, right) {
        (Value::Str(a), Value::Str(b)) => Ok(a < b),
        (Value::Time(a), Value::Time(b)) => Ok(a.at < b.at),
        (Value::Duration(a), Value::Duration(b)) => Ok(a < b),
        _ => Err(format!("invalid operation: {} < {}", type_name(left), type_name(right))),
    }
}

/// A scalar as a key of a set. Two keys are equal when Go's map keys are (`exact`), or when `==`
/// says so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Nil,
    Bool(bool),
    Int(i64),
    Int64(i64),
    Float(u64),
    Str(Arc<str>),
    Time(i64, i32),
    Duration(i64),
    Pointer(usize),
}

/// The key of a scalar, `None` for lists, maps and NaN.
pub(super) fn key(value: &Value, exact: bool) -> Option<Key> {
    Some(match value {
        Value::Nil => Key::Nil,
        Value::Bool(flag) => Key::Bool(*flag),
        Value::Int64(number) if exact => Key::Int64(*number),
        Value::Int(number) | Value::Int64(number) => Key::Int(*number),
        Value::Float(number) if number.is_nan() => return None,
        Value::Float(number) if !exact && number.fract() == 0.0 && number.abs() < 9e15 => {
            Key::Int(*number as i64)
        }
        Value::Float(number) => Key::Float((number + 0.0).to_bits()),
        Value::Str(text) => Key::Str(text.clone()),
        Value::Time(stamp) if exact => Key::Time(stamp.at.0, stamp.offset),
        Value::Time(stamp) => Key::Time(stamp.at.0, 0),
        Value::Duration(ns) => Key::Duration(*ns),
        Value::Object(object) => Key::Pointer(Arc::as_ptr(object).cast::<()>() as usize),
        Value::Held(event) => Key::Pointer(Arc::as_ptr(event).cast::<()>() as usize),
        _ => return None,
    })
}
