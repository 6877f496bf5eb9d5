//! Numbers as written: decimal, with a fraction or an exponent, hexadecimal, octal, binary.

use super::ast::Kind;

/// The literal of a number.
pub(super) fn number(text: &str) -> Option<Kind> {
    let lower = text.to_ascii_lowercase();
    let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok().map(Kind::Int);
    if let Some(digits) = lower.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if lower.contains(['.', 'e']) {
        return lower.parse().ok().filter(|x: &f64| x.is_finite()).map(Kind::Float);
    }
    if let Some(digits) = lower.strip_prefix("0b") {
        return radix(digits, 2);
    }
    if let Some(digits) = lower.strip_prefix("0o") {
        return radix(digits, 8);
    }
    radix(&lower, 10)
}
