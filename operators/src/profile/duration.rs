//! Durations of decisions: Go's notation with days before it (go-cs-lib cstime
//! `ParseDurationWithDays`).

/// Nanoseconds of `4h`, `7d`, `1d12h`, `-2d`; `None` where it is no duration.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if text.is_empty() || text.contains('-') {
        return (text.is_empty() && negative).then_some(0);
    }
    let (days, rest) = match text.split_once('d') {
        Some((days, rest)) if !rest.contains('d') => (days.parse::<i64>().ok()?, rest),
        Some(_) => return None,
        None => (0, text),
    };
    let rest = if rest.is_empty() { 0 } else { go(rest)? };
    let total = days.checked_mul(86_400_000_000_000)?.checked_add(rest)?;
    Some(if negative { -total } else { total })
}

/// Go's `time.ParseDuration` without a minus sign.
fn go(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0_i64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (name, after) = tail.split_at(letters);
        let (_, unit) = UNITS.iter().find(|(known, _)| *known == name)?;
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(*unit)?)?.checked_add(part(fraction, *unit))?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// A decimal fraction of a unit, cut to whole nanoseconds.
fn part(digits: &str, unit: i64) -> i64 {
    let (mut value, mut scale) = (0_i128, 1_i128);
    for digit in digits.bytes().take(18) {
        value = value * 10 + i128::from(digit - b'0');
        scale *= 10;
    }
    i64::try_from(value * i128::from(unit) / scale).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn days_stand_before_go_units() {
        let hour = 3_600_000_000_000;
        for (text, ns) in [
            ("4h", 4 * hour),
            ("7d", 7 * 24 * hour),
            ("1d12h", 36 * hour),
            ("-2d", -48 * hour),
            ("-1d2h", -26 * hour),
            ("1.5h", hour + hour / 2),
            ("2h45m30s", 9_930_000_000_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Some(ns), "{text}");
        }
        for text in ["", "4", "h", "1d-2h", "1d2d", "2x", "1h2d", "ban", "."] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
