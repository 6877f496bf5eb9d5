//! Times as documents write them.

use crate::rfc3339;

/// Nanoseconds since 1970 of an RFC 3339 text, or of a number of seconds (with a fraction),
/// milliseconds, microseconds or nanoseconds; `None` for anything else.
pub(super) fn nanoseconds(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return number(whole);
    }
    if let Some((seconds, fraction)) = text.split_once('.')
        && let Ok(seconds) = seconds.parse::<i64>()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
    {
        return decimal(seconds, fraction);
    }
    rfc3339::nanoseconds(text)
}

fn number(value: i64) -> Option<i64> {
    let mut unit = 1_000_000_000;
    let mut end = 100_000_000_000_i64;
    while unit > 1 && value.checked_abs()? >= end {
        unit /= 1_000;
        end = end.saturating_mul(1_000);
    }
    value.checked_mul(unit)
}

/// Seconds, or milliseconds and more with a fraction that says nothing.
fn decimal(seconds: i64, fraction: &str) -> Option<i64> {
    if seconds.checked_abs()? >= 100_000_000_000 {
        return number(seconds);
    }
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    seconds.checked_mul(1_000_000_000)?.checked_add(digits.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_follows_from_the_size() {
        for text in [
            "1735787045",
            "1735787045000",
            "1735787045000000",
            "1735787045000000000",
            "1735787045.0",
            "2025-01-02T03:04:05Z",
            "2025-01-02T04:04:05+01:00",
            "2025-01-02 03:04:05.000Z",
        ] {
            assert_eq!(nanoseconds(text), Some(1_735_787_045_000_000_000), "{text}");
        }
        assert_eq!(nanoseconds("1735787045.123456"), Some(1_735_787_045_123_456_000));
        assert_eq!(nanoseconds("2025-01-02T03:04:05.5Z"), Some(1_735_787_045_500_000_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "yesterday", "1.x", "9999999999999999999", "2025-13-01T00:00:00Z", "null"]
        {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }
}
