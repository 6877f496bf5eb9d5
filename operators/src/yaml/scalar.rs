//! What an unquoted scalar means: the YAML 1.1 rules of go-yaml v2 (`resolve.go`).

/// A scalar's meaning.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// Nothing, `~`, `null`.
    Null,
    /// `true`, `yes`, `on`, …
    Bool(bool),
    /// Decimal, `0x`, `0o`, `0b` or octal with a leading 0; underscores are skipped.
    Int(i64),
    /// A number with a fraction or an exponent, `.inf`, `.nan`.
    Float(f64),
    /// Anything else.
    Text,
}

/// The meaning of a plain scalar without a tag.
pub fn resolve(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Resolved::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Resolved::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Resolved::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if numeric { number(text) } else { Resolved::Text }
}

fn number(text: &str) -> Resolved {
    let plain = text.replace('_', "");
    if let Some(int) = integer(&plain) {
        return Resolved::Int(int);
    }
    let body = plain.trim_start_matches(['+', '-']);
    let shaped = body.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && body.contains(|c: char| c.is_ascii_digit())
        && body.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c))
        && plain.len() - body.len() <= 1;
    match plain.parse() {
        Ok(float) if shaped => Resolved::Float(float),
        _ => Resolved::Text,
    }
}

fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?);
    i64::try_from(if negative { -value } else { value }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_yaml_1_1_are_booleans() {
        for word in ["yes", "on", "True", "Y"] {
            assert_eq!(resolve(word), Resolved::Bool(true), "{word}");
        }
        for word in ["no", "OFF", "false", "n"] {
            assert_eq!(resolve(word), Resolved::Bool(false), "{word}");
        }
        assert_eq!(resolve("yEs"), Resolved::Text);
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        assert_eq!(resolve("-1"), Resolved::Int(-1));
        assert_eq!(resolve("0x1F"), Resolved::Int(31));
        assert_eq!(resolve("010"), Resolved::Int(8));
        assert_eq!(resolve("1_000"), Resolved::Int(1000));
        assert_eq!(resolve("0.5"), Resolved::Float(0.5));
        assert_eq!(resolve("1e3"), Resolved::Float(1000.0));
        assert_eq!(resolve("-.5"), Resolved::Float(-0.5));
        assert_eq!(resolve("99999999999999999999"), Resolved::Float(1e20));
    }

    #[test]
    fn what_looks_like_a_number_may_be_text() {
        for text in ["1.2.3", "10s", "-", "+", ".", "1.2.3.4/24", "--1", "infinity", "0x"] {
            assert_eq!(resolve(text), Resolved::Text, "{text}");
        }
    }
}
