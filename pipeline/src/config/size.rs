//! Numbers of bytes as people write them: `64MiB`, `1.5GB`, `4096`.

/// Units by name, without case, longest names first.
const UNITS: [(&str, u64); 10] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
    ("", 1),
];

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no number of bytes")]
pub struct SizeError(String);

/// The number of bytes that a text means.
///
/// # Errors
/// It is not a number, has an unknown unit, or is beyond 2⁶⁴.
pub fn parse(text: &str) -> Result<u64, SizeError> {
    let wrong = || SizeError(text.to_owned());
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((lower.strip_suffix(name)?.trim_end(), *unit)))
        .ok_or_else(wrong)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return Err(wrong());
    }
    let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| wrong())?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
    let bytes = digits.checked_mul(u128::from(unit)).ok_or_else(wrong)? / scale;
    u64::try_from(bytes).map_err(|_| wrong())
}

/// The shortest text that means so many bytes.
pub fn shown(bytes: u64) -> String {
    let binary = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = binary.into_iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match unit {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_both_kinds() {
        assert_eq!(parse("64MiB"), Ok(64 << 20));
        assert_eq!(parse("64 mb"), Ok(64_000_000));
        assert_eq!(parse("1.5kB"), Ok(1_500));
        assert_eq!(parse("1.5MiB"), Ok(3 << 19));
        assert_eq!(parse("0"), Ok(0));
        for wrong in ["", "MiB", "1.2.3", "-1", "1 parsec", "99999999999GiB", ".5MiB"] {
            assert_eq!(parse(wrong), Err(SizeError(wrong.to_owned())));
        }
    }

    #[test]
    fn what_is_shown_means_the_same() {
        for bytes in [0, 1, 1_000, 1 << 10, 64 << 20, 3 << 30, (1 << 20) + 1] {
            assert_eq!(parse(&shown(bytes)), Ok(bytes));
        }
        assert_eq!(shown(64 << 20), "64MiB");
    }
}
