//! CrowdSec's helpers for numbers (`pkg/exprhelpers/helpers.go`), and numbers in text as Go's
//! `strconv` reads them.

use super::arguments::kinds::{BOOL, FLOAT, STR};
use super::arguments::{Outcome, float, text};
use super::{Function, sphere};
use crate::expr::context::Cx;
use crate::value::Value;

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("Atof", &[STR], FLOAT, atof)
        .about("the number, 0 where it is none", r#"Atof("1.5")"#, "1.5"),
    Function::new("FloatApproxEqual", &[FLOAT, FLOAT], BOOL, approximately_equal)
        .about("whether they are less than a millionth apart",
            "FloatApproxEqual(0.3, 0.1 + 0.2)", "true"),
    Function::new("Distance", &[STR, STR, STR, STR], FLOAT, distance)
        .about("kilometres between two points (latitude, longitude, latitude, longitude), 0 where \
                one is 0,0",
            r#"Distance("48.85", "2.35", "51.51", "-0.13") > 340"#, "true"),
];

/// `strconv.ParseFloat`: decimal, with an exponent, hexadecimal, `inf`, `nan`; no white space. An
/// error carries what Go returns beside it: 0, or an infinity where the number is too large.
pub(super) fn parse_float(text: &str) -> Result<f64, f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let lower = unsigned.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" => return Ok(sign * f64::INFINITY),
        "nan" => return Ok(f64::NAN),
        _ => {}
    }
    if let Some(digits) = lower.strip_prefix("0x").filter(|digits| !digits.contains('_')) {
        return hexadecimal(digits).map(|number| sign * number).ok_or(0.0);
    }
    if !lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(0.0);
    }
    if lower.contains('_') {
        let plain = text.replace('_', "");
        return if underscores_fit(&lower) { parse_float(&plain) } else { Err(0.0) };
    }
    match unsigned.parse::<f64>() {
        Ok(number) if number.is_infinite() => Err(sign * number),
        Ok(number) => Ok(sign * number),
        Err(_) => Err(0.0),
    }
}

/// Whether every `_` stands between digits, or behind `0x`: then it counts as nothing.
fn underscores_fit(lower: &str) -> bool {
    #[derive(PartialEq)]
    enum Sign {
        Digit,
        Underscore,
        Other,
    }
    let (digits, radix, mut last) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16, Sign::Digit),
        None => (lower, 10, Sign::Other),
    };
    for c in digits.chars() {
        let sign = match c {
            '_' => Sign::Underscore,
            _ if c.is_digit(radix) => Sign::Digit,
            _ => Sign::Other,
        };
        if sign == Sign::Underscore && last != Sign::Digit
            || last == Sign::Underscore && sign != Sign::Digit
        {
            return false;
        }
        last = sign;
    }
    last != Sign::Underscore
}

/// `1.8p3`, without its `0x`. The exponent is required; digits beyond 60 bits are cut.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (mut bits, mut scale) = (0_u64, 0_i32);
    for c in whole.chars() {
        let digit = u64::from(c.to_digit(16)?);
        if bits < 1 << 56 { bits = bits << 4 | digit } else { scale = scale.checked_add(4)? }
    }
    for c in fraction.chars() {
        let digit = u64::from(c.to_digit(16)?);
        if bits < 1 << 56 {
            bits = bits << 4 | digit;
            scale = scale.checked_sub(4)?;
        }
    }
    let exponent: i32 = exponent.parse().ok()?;
    Some(bits as f64 * 2_f64.powi(exponent.checked_add(scale)?.clamp(-1100, 1100)))
}

fn atof(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Float(parse_float(text(a, 0)?).unwrap_or_else(|number| number)))
}

fn approximately_equal(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::Bool((float(a, 0)? - float(a, 1)?).abs() < 1e-6))
}

fn distance(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let places = [text(a, 0)?, text(a, 1)?, text(a, 2)?, text(a, 3)?];
    distance_between(places).map(Value::Float)
}

/// The distance of two places, latitude and longitude of each, as they are written. Unit: kilometres.
pub(in crate::expr) fn distance_between(places: [&str; 4]) -> Result<f64, String> {
    let mut degrees = [0.0; 4];
    let named = ["lat1", "long1", "lat2", "long2"].into_iter().zip(places);
    for (degree, (name, text)) in degrees.iter_mut().zip(named) {
        *degree = parse_float(text)
            .map_err(|_| format!("{name} is not a float : {text:?}: invalid syntax"))?;
    }
    if degrees[..2] == [0.0, 0.0] || degrees[2..] == [0.0, 0.0] {
        return Ok(0.0);
    }
    Ok(sphere::distance(degrees))
}
