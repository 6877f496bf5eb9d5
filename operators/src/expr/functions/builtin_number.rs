//! Builtins of expr-lang for numbers and types (`builtin/lib.go`).

use super::Function;
use super::accept;
use super::arguments::kinds::{ANY, FLOAT, INT, STR};
use super::arguments::{Outcome, entry_count, items};
use super::compare::less;
use super::format::{type_name, verbatim};
use super::number::parse_float;
use crate::expr::context::Cx;
use crate::value::Value;

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("len", &[ANY], INT, len).shallow().accepts(accept::length)
        .about("how many characters, elements or keys", r#"len("añb")"#, "3"),
    Function::new("type", &[ANY], STR, type_of).shallow()
        .about("the kind of the value", r#"type(1.5)"#, "float"),
    Function::new("abs", &[ANY], ANY, abs).accepts(accept::same_number).about("without its sign", "abs(-5)", "5"),
    Function::new("ceil", &[ANY], FLOAT, ceil).accepts(accept::rounded).about("rounded up", "ceil(1.2)", "2"),
    Function::new("floor", &[ANY], FLOAT, floor).accepts(accept::rounded).about("rounded down", "floor(1.8)", "1"),
    Function::new("round", &[ANY], FLOAT, round).accepts(accept::rounded)
        .about("rounded, halves away from zero", "round(2.5)", "3"),
    Function::new("int", &[ANY], INT, int_of).accepts(accept::whole)
        .about("as an integer, cut towards zero; fails on text that is none", r#"int("42")"#, "42"),
    Function::new("float", &[ANY], FLOAT, float_of).accepts(accept::fraction)
        .about("as a float; fails on text that is none", r#"float("1.5")"#, "1.5"),
    Function::new("string", &[ANY], STR, string_of)
        .about("as Sprintf(\"%v\") prints it", "string([1, 2])", "[1 2]"),
    Function::new("max", &[], ANY, max).rest(ANY).accepts(accept::aggregate)
        .about("the largest number of the arguments and of lists in them", "max(1, [5, 2])", "5"),
    Function::new("min", &[], ANY, min).rest(ANY).accepts(accept::aggregate)
        .about("the smallest number of the arguments and of lists in them", "min(4, [5, 2])", "2"),
    Function::new("mean", &[], FLOAT, mean).rest(ANY).accepts(accept::aggregate)
        .about("the mean of the arguments and of lists in them", "mean([1, 2, 6])", "3"),
    Function::new("median", &[], FLOAT, median).rest(ANY).accepts(accept::aggregate)
        .about("the median of the arguments and of lists in them", "median([1, 2, 6])", "2"),
    Function::new("bitand", &[INT, INT], INT, |_, a| bits(a, "bitand", |x, y| Ok(x & y)))
        .about("bitwise and", "bitand(12, 10)", "8"),
    Function::new("bitor", &[INT, INT], INT, |_, a| bits(a, "bitor", |x, y| Ok(x | y)))
        .about("bitwise or", "bitor(12, 10)", "14"),
    Function::new("bitxor", &[INT, INT], INT, |_, a| bits(a, "bitxor", |x, y| Ok(x ^ y)))
        .about("bitwise exclusive or", "bitxor(12, 10)", "6"),
    Function::new("bitnand", &[INT, INT], INT, |_, a| bits(a, "bitnand", |x, y| Ok(x & !y)))
        .about("the bits of the first that the second has not", "bitnand(12, 10)", "4"),
    Function::new("bitshl", &[INT, INT], INT, |_, a| bits(a, "bitshl", shift_left))
        .about("shifted to the left", "bitshl(1, 4)", "16"),
    Function::new("bitshr", &[INT, INT], INT, |_, a| bits(a, "bitshr", shift_right))
        .about("shifted to the right, keeping the sign", "bitshr(-16, 2)", "-4"),
    Function::new("bitushr", &[INT, INT], INT, |_, a| bits(a, "bitushr", shift_right_unsigned))
        .about("shifted to the right, filled with zeros", "bitushr(16, 2)", "4"),
    Function::new("bitnot", &[INT], INT, |_, a| Ok(Value::Int(!bit_int(a, 0, "bitnot")?)))
        .about("every bit inverted", "bitnot(0)", "-1"),
];

fn one(a: &[Value]) -> &Value {
    a.first().unwrap_or(&Value::Nil)
}

fn count(length: usize) -> Value {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}

fn len(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let value = one(a);
    let length = match value {
        Value::Str(text) => Some(text.chars().count()),
        Value::List(list) => Some(list.items.len()),
        _ => entry_count(cx, value).or_else(|| items(value).map(|items| items.len())),
    };
    length.map(count).ok_or_else(|| format!("invalid argument for len (type {})", type_name(value)))
}

fn type_of(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::str(match one(a) {
        Value::Nil => "nil",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Int64(_) => "int",
        Value::Float(_) => "float",
        Value::Str(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) | Value::Unmarshaled | Value::Labels | Value::Fields(_) => "map",
        Value::Time(_) => "time.Time",
        Value::Duration(_) => "time.Duration",
        Value::Object(object) if object.items().is_some() => "array",
        Value::Object(object) if object.is_nil() => "nil",
        Value::Object(object) if object.number().is_some() => object.type_name(),
        Value::Event | Value::Held(_) | Value::Object(_) => "unknown",
    }))
}

fn abs(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(match one(a) {
        Value::Int(number) => Value::Int(number.wrapping_abs()),
        Value::Int64(number) => Value::Int64(number.wrapping_abs()),
        Value::Float(number) if *number < 0.0 => Value::Float(-number),
        value @ Value::Float(_) => value.clone(),
        value => return Err(format!("invalid argument for abs (type {})", type_name(value))),
    })
}

fn rounded(a: &[Value], name: &str, round: fn(f64) -> f64) -> Outcome {
    match one(a) {
        Value::Float(number) => Ok(Value::Float(round(*number))),
        Value::Int(number) | Value::Int64(number) => Ok(Value::Float(*number as f64)),
        value => Err(format!("invalid argument for {name} (type {})", type_name(value))),
    }
}

fn ceil(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    rounded(a, "ceil", f64::ceil)
}

fn floor(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    rounded(a, "floor", f64::floor)
}

fn round(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    rounded(a, "round", f64::round)
}

/// Go's conversion on x86-64: towards zero, what does not fit becomes the smallest integer.
fn truncated(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) { number as i64 } else { i64::MIN }
}

fn int_of(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Int(match one(a) {
        Value::Int(number) | Value::Int64(number) | Value::Duration(number) => *number,
        Value::Float(number) => truncated(*number),
        Value::Str(text) => text.parse().map_err(|_| format!("invalid operation: int({text})"))?,
        value => match value {
            Value::Object(object) => object.number(),
            _ => None,
        }
        .ok_or_else(|| format!("invalid operation: int({})", type_name(value)))?,
    }))
}

fn float_of(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Float(match one(a) {
        Value::Int(number) | Value::Int64(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Str(text) => {
            parse_float(text).map_err(|_| format!("invalid operation: float({text})"))?
        }
        value => return Err(format!("invalid operation: float({})", type_name(value))),
    }))
}

fn string_of(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    match one(a) {
        value @ Value::Str(_) => Ok(value.clone()),
        value => Ok(Value::Str(verbatim(cx, value).into())),
    }
}

/// The numbers of the arguments and of the lists in them.
fn numbers(a: &[Value], name: &str) -> Result<Vec<Value>, String> {
    let flat = super::collection::flattened(a, false)?;
    match flat.iter().find(|value| as_float(value).is_none()) {
        Some(odd) => Err(format!("invalid argument for {name} (type {})", type_name(odd))),
        None => Ok(flat),
    }
}

fn as_float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) | Value::Int64(number) | Value::Duration(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// The value that wins against all before it.
fn extreme(a: &[Value], name: &str, wins: fn(&Value, &Value) -> Result<bool, String>) -> Outcome {
    if let [only] = a
        && items(only).is_none()
    {
        return Ok(only.clone());
    }
    let mut best: Option<Value> = None;
    for value in numbers(a, name)? {
        let better = match &best {
            Some(best) => wins(best, &value)?,
            None => true,
        };
        if better {
            best = Some(value);
        }
    }
    Ok(best.unwrap_or(Value::Nil))
}

fn max(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    extreme(a, "max", less)
}

fn min(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    extreme(a, "min", |best, value| less(value, best))
}

fn floats(a: &[Value], name: &str) -> Result<Vec<f64>, String> {
    Ok(numbers(a, name)?.iter().filter_map(as_float).collect())
}

fn mean(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let numbers = floats(a, "mean")?;
    if numbers.is_empty() {
        return Ok(Value::Float(0.0));
    }
    let sum = numbers.iter().fold(0.0, |sum, number| sum + number);
    Ok(Value::Float(sum / numbers.len() as f64))
}

fn median(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let mut numbers = floats(a, "median")?;
    // Go puts NaN first.
    numbers.sort_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(b),
        (left, right) => right.cmp(&left),
    });
    let middle = numbers.len() / 2;
    Ok(Value::Float(match numbers.get(middle) {
        None => 0.0,
        Some(upper) if numbers.len() % 2 == 1 => *upper,
        Some(upper) => (numbers[middle - 1] + upper) / 2.0,
    }))
}

fn bit_int(a: &[Value], index: usize, name: &str) -> Result<i64, String> {
    match a.get(index) {
        Some(Value::Int(number) | Value::Int64(number)) => Ok(*number),
        value => {
            let name_of = type_name(value.unwrap_or(&Value::Nil));
            Err(format!("cannot use {name_of} as argument (type int) to call {name}"))
        }
    }
}

fn bits(a: &[Value], name: &str, operate: fn(i64, i64) -> Result<i64, String>) -> Outcome {
    operate(bit_int(a, 0, name)?, bit_int(a, 1, name)?).map(Value::Int)
}

/// The number of bits to shift by; 64 and more shift everything out.
fn by(count: i64) -> Result<u32, String> {
    if count < 0 {
        return Err(format!("invalid operation: negative shift count {count} (type int)"));
    }
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

fn shift_left(x: i64, y: i64) -> Result<i64, String> {
    Ok(x.checked_shl(by(y)?).unwrap_or(0))
}

fn shift_right(x: i64, y: i64) -> Result<i64, String> {
    Ok(x >> by(y)?.min(63))
}

fn shift_right_unsigned(x: i64, y: i64) -> Result<i64, String> {
    Ok(x.cast_unsigned().checked_shr(by(y)?).unwrap_or(0).cast_signed())
}
