//! Go durations: parsed and printed as `time.Duration` does.

use std::fmt;
use std::str::FromStr;

use crate::quote;

/// A duration as hub files write it (`10s`, `1h30m`). Unit: nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub i64);

const MAX: u64 = 1 << 63;
const DAY: i64 = 86_400_000_000_000;

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// No digits where a number must stand, or more nanoseconds than fit 63 bits.
    #[error("invalid duration {text:?}")]
    Invalid {
        /// The whole text.
        text: String,
    },
    /// A number without its unit.
    #[error("missing unit in duration {text:?}")]
    MissingUnit {
        /// The whole text.
        text: String,
    },
    /// A unit that does not exist.
    #[error("unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// Nothing, where days may stand.
    #[error("empty duration string")]
    Empty,
    /// Days that are not whole, or not in front.
    #[error("invalid day value in duration {}", quote::quoted(text, false))]
    Days {
        /// The whole text.
        text: String,
    },
    /// Days twice.
    #[error(
        "invalid duration {}: 'd' can appear only as the first unit",
        quote::quoted(text, false)
    )]
    DaysAgain {
        /// The whole text.
        text: String,
    },
    /// A minus anywhere but in front.
    #[error("misplaced negative sign in duration {}", quote::quoted(text, false))]
    Sign {
        /// The whole text.
        text: String,
    },
    /// More nanoseconds than fit 63 bits.
    #[error("duration {text:?} is too long: at most 106751d")]
    TooLong {
        /// The whole text.
        text: String,
    },
}

impl DurationError {
    /// As CrowdSec prints it: what Go's own library says bears its name.
    pub fn of_go(&self) -> String {
        match self {
            Self::Invalid { text } => format!("time: invalid duration {}", quoted(text)),
            Self::MissingUnit { text } => {
                format!("time: missing unit in duration {}", quoted(text))
            }
            Self::UnknownUnit { unit, text } => {
                format!("time: unknown unit {} in duration {}", quoted(unit), quoted(text))
            }
            _ => self.to_string(),
        }
    }
}

/// As Go's `time` quotes: what is no printable ASCII, byte by byte.
fn quoted(text: &str) -> String {
    let shown = text.chars().map(|char| match char {
        '"' | '\\' => format!("\\{char}"),
        ' '..='\u{7f}' => char.to_string(),
        _ => char.to_string().bytes().map(|byte| format!("\\x{byte:02x}")).collect(),
    });
    format!("\"{}\"", shown.collect::<String>())
}

impl GoDuration {
    /// `time.ParseDuration`.
    ///
    /// # Errors
    /// What Go refuses is refused.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let invalid = || DurationError::Invalid { text: text.into() };
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or("")),
            Some(b'+') => (false, text.get(1..).unwrap_or("")),
            _ => (false, text),
        };
        if unsigned == "0" {
            return Ok(Self(0));
        }
        let mut rest = unsigned;
        let mut total = 0_u64;
        loop {
            let (part, after) = term(rest, text)?;
            total = total.checked_add(part).filter(|total| *total <= MAX).ok_or_else(invalid)?;
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        if negative {
            Ok(Self(0_i64.wrapping_sub_unsigned(total)))
        } else {
            i64::try_from(total).map(Self).map_err(|_| invalid())
        }
    }

    /// Like [`GoDuration::parse`] with days (`1d12h`) in front, as profiles and
    /// `GetDecisionsSinceCount` take them (go-cs-lib `cstime.ParseDurationWithDays`).
    ///
    /// # Errors
    /// Other than `parse`: days that are not whole or not in front.
    pub fn parse_with_days(text: &str) -> Result<Self, DurationError> {
        let days_error = || DurationError::Days { text: text.into() };
        let invalid = || DurationError::Invalid { text: text.into() };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(DurationError::Empty);
        }
        let (negative, mut rest) = match trimmed.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, trimmed),
        };
        let mut total = 0_i64;
        if let Some((days, after)) = rest.split_once('d') {
            if after.contains('d') {
                return Err(DurationError::DaysAgain { text: text.into() });
            }
            let days: i64 = days.parse().map_err(|_| days_error())?;
            let too_long = || DurationError::TooLong { text: text.into() };
            total = days.checked_mul(DAY).ok_or_else(too_long)?;
            rest = after;
        }
        if rest.contains('-') {
            return Err(DurationError::Sign { text: text.into() });
        }
        if !rest.is_empty() {
            let part = Self::parse(rest)?;
            total = total.checked_add(part.0).ok_or_else(invalid)?;
        } else if trimmed == "-" {
            return Ok(Self(0));
        }
        Ok(Self(if negative { -total } else { total }))
    }

    /// `Duration.Seconds()`.
    pub fn seconds(self) -> f64 {
        self.in_units(1_000_000_000)
    }

    /// `Duration.Minutes()`.
    pub fn minutes(self) -> f64 {
        self.in_units(60_000_000_000)
    }

    /// `Duration.Hours()`.
    pub fn hours(self) -> f64 {
        self.in_units(3_600_000_000_000)
    }

    /// Whole and part apart, so that a cast back rounds as integers do.
    #[expect(clippy::cast_precision_loss, reason = "Go converts the same two numbers")]
    fn in_units(self, unit: i64) -> f64 {
        (self.0 / unit) as f64 + (self.0 % unit) as f64 / unit as f64
    }
}

/// One number with its unit: its nanoseconds and what follows.
fn term<'a>(rest: &'a str, text: &str) -> Result<(u64, &'a str), DurationError> {
    let invalid = || DurationError::Invalid { text: text.into() };
    let digits = |from: &str| from.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, mut rest) = rest.split_at(digits(rest));
    let mut fraction = "";
    if let Some(after) = rest.strip_prefix('.') {
        (fraction, rest) = after.split_at(digits(after));
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let whole = if whole.is_empty() {
        0
    } else {
        whole.parse::<u64>().ok().filter(|whole| *whole <= MAX).ok_or_else(invalid)?
    };
    let end = rest.bytes().position(|b| b == b'.' || b.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let nanos = match unit {
        "" => return Err(DurationError::MissingUnit { text: text.into() }),
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(DurationError::UnknownUnit { unit: unit.into(), text: text.into() }),
    };
    let whole = whole.checked_mul(nanos).filter(|whole| *whole <= MAX).ok_or_else(invalid)?;
    let sum = whole + fraction_of(fraction, nanos);
    if sum > MAX { Err(invalid()) } else { Ok((sum, rest)) }
}

/// Nanoseconds of the digits behind the point. Digits that no longer fit 63 bits are dropped.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "Go multiplies in float64 here and truncates; the product is between 0 and `unit`"
)]
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for digit in digits.bytes() {
        if value > (MAX - 1) / 10 {
            break;
        }
        let next = value * 10 + u64::from(digit - b'0');
        if next > MAX {
            break;
        }
        value = next;
        scale *= 10.0;
    }
    if value == 0 { 0 } else { (value as f64 * (unit as f64 / scale)) as u64 }
}

impl FromStr for GoDuration {
    type Err = DurationError;
    fn from_str(text: &str) -> Result<Self, DurationError> {
        Self::parse(text)
    }
}

/// `Duration.String()`.
impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let nanos = self.0.unsigned_abs();
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => fraction(f, nanos, 3, "µs"),
            1_000_000..1_000_000_000 => fraction(f, nanos, 6, "ms"),
            _ => {
                let minutes = nanos / 60_000_000_000;
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                fraction(f, nanos % 60_000_000_000, 9, "s")
            }
        }
    }
}

/// `value / 10^places` without trailing zeros.
fn fraction(
    f: &mut fmt::Formatter<'_>,
    value: u64,
    places: u32,
    unit: &'static str,
) -> fmt::Result {
    let scale = 10_u64.pow(places);
    write!(f, "{}", value / scale)?;
    let rest = value % scale;
    if rest != 0 {
        let digits = format!("{rest:0width$}", width = places as usize);
        write!(f, ".{}", digits.trim_end_matches('0'))?;
    }
    f.write_str(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, printed: &str) {
        assert_eq!(GoDuration::parse(text).expect(text).to_string(), printed);
    }

    #[test]
    fn durations_are_printed_as_go_does() {
        check("60s", "1m0s");
        check("1.5s", "1.5s");
        check("0", "0s");
        check("-1h30m", "-1h30m0s");
        check("1500us", "1.5ms");
        check("1.0005ms", "1.0005ms");
        check(".5h", "30m0s");
        check("1.µs", "1µs");
        check("-9223372036854775808ns", "-2562047h47m16.854775808s");
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in ["", "-", "1", "s", ".s", "1x", "1 s", "3000000h", "9223372036854775808ns"] {
            assert!(GoDuration::parse(text).is_err(), "{text:?}");
        }
        let error = GoDuration::parse("5d").unwrap_err().to_string();
        assert_eq!(error, "unknown unit \"d\" in duration \"5d\"");
    }

    #[test]
    fn gos_words_quote_bytes() {
        let told = |text: &str| GoDuration::parse(text).unwrap_err().of_go();
        assert_eq!(told("\u{e9}\"\\"), r#"time: invalid duration "\xc3\xa9\"\\""#);
        assert_eq!(told("5\u{e9}"), r#"time: unknown unit "\xc3\xa9" in duration "5\xc3\xa9""#);
        assert_eq!(told("5"), r#"time: missing unit in duration "5""#);
    }

    #[test]
    fn days_stand_in_front() {
        let parse = |text| GoDuration::parse_with_days(text).map(|d| d.to_string());
        assert_eq!(parse("1d12h").as_deref(), Ok("36h0m0s"));
        assert_eq!(parse(" -2d ").as_deref(), Ok("-48h0m0s"));
        assert_eq!(parse("4h").as_deref(), Ok("4h0m0s"));
        for (text, told) in [
            ("", "empty duration string"),
            ("12h1d", "invalid day value in duration \"12h1d\""),
            ("1.5d", "invalid day value in duration \"1.5d\""),
            ("d", "invalid day value in duration \"d\""),
            ("1d1d", "invalid duration \"1d1d\": 'd' can appear only as the first unit"),
            ("1d-1h", "misplaced negative sign in duration \"1d-1h\""),
            ("1day", "time: invalid duration \"ay\""),
            ("1w", "time: unknown unit \"w\" in duration \"1w\""),
        ] {
            let error = GoDuration::parse_with_days(text).unwrap_err();
            assert_eq!(error.of_go(), told);
        }
        let long = parse("109500d").unwrap_err().to_string();
        assert_eq!(long, "duration \"109500d\" is too long: at most 106751d");
    }
}
