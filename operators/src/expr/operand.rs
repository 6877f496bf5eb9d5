//! Which types operators take, and what they give.

use std::ops::Range;

use super::ast::Op;
use super::check::{Checked, fail};
use super::types::Type;

/// The type of arithmetic and of comparisons; `None` where the operands do not fit.
pub(super) fn arithmetic(op: Op, l: Type, r: Type) -> Option<Type> {
    use Type::{Any, Bool, Duration, Float, Int, String, Time};
    let numbers = l.is_number() && r.is_number();
    let promoted = if l == Float || r == Float { Float } else { Int };
    // With one side unknown, the other must be of a kind that the operator takes at all.
    let maybe = |kinds: &[Type]| {
        let takes =
            |t: Type| t.is_any() || kinds.contains(&t) || t.is_number() && kinds.contains(&Int);
        (l.is_any() || r.is_any()) && takes(l) && takes(r)
    };
    match op {
        Op::Less | Op::More | Op::LessOrEqual | Op::MoreOrEqual => {
            let same = l == r && matches!(l, String | Time | Duration);
            (numbers || same || maybe(&[Int, String, Time, Duration])).then_some(Bool)
        }
        Op::Add => match (l, r) {
            _ if numbers => Some(promoted),
            (String, String) => Some(String),
            (Time, Duration) | (Duration, Time) => Some(Time),
            (Duration, Duration) => Some(Duration),
            _ => maybe(&[Int, String, Time, Duration]).then_some(Any),
        },
        Op::Subtract => match (l, r) {
            _ if numbers => Some(promoted),
            (Time, Time) | (Duration, Duration) => Some(Duration),
            (Time, Duration) => Some(Time),
            _ => maybe(&[Int, Time, Duration]).then_some(Any),
        },
        Op::Multiply => match (l, r) {
            _ if numbers => Some(promoted),
            (Duration, Duration) => Some(Duration),
            (Duration, other) | (other, Duration) if other.is_number() => Some(Duration),
            _ => maybe(&[Int, Duration]).then_some(Any),
        },
        Op::Divide | Op::Power => (numbers || maybe(&[Int])).then_some(Float),
        Op::Modulo => {
            let whole = |t: Type| t.is_integer() || t.is_any();
            (whole(l) && whole(r)).then_some(Int)
        }
        Op::Range => {
            let whole = |t: Type| t.is_integer() || t.is_any();
            (whole(l) && whole(r)).then_some(Type::Items(&Int))
        }
        _ => None,
    }
}

/// The type of `l in r`.
pub(super) fn member_test(l: Type, r: Type, span: &Range<usize>) -> Checked {
    if let Some(element) = r.element() {
        if !l.comparable(element) {
            return fail(format!("cannot use {l} as type {element} in array"), span);
        }
        return Ok(Type::Bool);
    }
    match r {
        Type::Map(_) if !matches!(l, Type::String | Type::Any) => {
            fail(format!("cannot use {l} as type string in map key"), span)
        }
        Type::Map(_) | Type::Any => Ok(Type::Bool),
        Type::Struct(_) | Type::Time if matches!(l, Type::String | Type::Any) => Ok(Type::Bool),
        Type::String if l.is_any() => Ok(Type::Bool),
        _ => fail(format!("invalid operation: in (mismatched types {l} and {r})"), span),
    }
}
