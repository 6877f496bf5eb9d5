//! Floats as text, as Go's `strconv.FormatFloat` writes them.

/// No `f64` has more decimal digits than this before they are all zeros.
const MOST_DIGITS: usize = 1100;

/// Decimal digits of a finite number and the place of its point: `0.d1d2d3… × 10^point`.
struct Decimal {
    digits: String,
    point: i32,
}

impl Decimal {
    /// Of Rust's `d.ddde±x`.
    fn read(scientific: &str) -> Self {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() {
            return Self { digits: String::new(), point: 0 };
        }
        let point = exponent.parse::<i32>().unwrap_or(0) + 1;
        Self { digits: digits.to_owned(), point }
    }

    /// `count` digits from `from` on, with zeros where there are none.
    fn take(&self, from: i32, count: usize, out: &mut String) {
        let zeros = usize::try_from(-from).unwrap_or(0).min(count);
        out.extend(std::iter::repeat_n('0', zeros));
        let start = usize::try_from(from).unwrap_or(0).min(self.digits.len());
        let end = (start + count - zeros).min(self.digits.len());
        out.push_str(&self.digits[start..end]);
        out.extend(std::iter::repeat_n('0', count - zeros - (end - start)));
    }

    fn positional(&self, precision: usize, out: &mut String) {
        match usize::try_from(self.point) {
            Ok(whole) if whole > 0 => self.take(0, whole, out),
            _ => out.push('0'),
        }
        if precision > 0 {
            out.push('.');
            self.take(self.point, precision, out);
        }
    }

    fn scientific(&self, precision: usize, letter: char, out: &mut String) {
        self.take(0, 1, out);
        if precision > 0 {
            out.push('.');
            self.take(1, precision, out);
        }
        let exponent = if self.digits.is_empty() { 0 } else { self.point - 1 };
        out.push(letter);
        out.push(if exponent < 0 { '-' } else { '+' });
        out.push_str(&format!("{:02}", exponent.unsigned_abs()));
    }
}

/// `strconv.FormatFloat(number, verb, precision, 64)`; `None` is as many digits as it takes.
pub(super) fn append(number: f64, verb: char, precision: Option<usize>, out: &mut String) {
    if number.is_nan() {
        return out.push_str("NaN");
    }
    if number.is_infinite() {
        return out.push_str(if number > 0.0 { "+Inf" } else { "-Inf" });
    }
    if number.is_sign_negative() {
        out.push('-');
    }
    let number = number.abs();
    match verb {
        'e' | 'E' => {
            let decimal = rounded(number, precision);
            let precision = precision.unwrap_or(decimal.digits.len().saturating_sub(1));
            decimal.scientific(precision, verb, out);
        }
        'f' | 'F' => fixed(number, precision, out),
        'b' => binary(number, out),
        'x' | 'X' => hexadecimal(number, verb, precision, out),
        _ => general(number, verb, precision, out),
    }
}

/// The digits of `%e` with that precision.
fn rounded(number: f64, precision: Option<usize>) -> Decimal {
    match precision {
        None => Decimal::read(&format!("{number:e}")),
        Some(precision) => Decimal::read(&format!("{number:.*e}", precision.min(MOST_DIGITS))),
    }
}

fn fixed(number: f64, precision: Option<usize>, out: &mut String) {
    match precision {
        None => {
            let decimal = rounded(number, None);
            let after = i32::try_from(decimal.digits.len()).unwrap_or(0) - decimal.point;
            decimal.positional(usize::try_from(after).unwrap_or(0), out);
        }
        Some(precision) => {
            let exact = precision.min(MOST_DIGITS);
            out.push_str(&format!("{number:.exact$}"));
            out.extend(std::iter::repeat_n('0', precision - exact));
        }
    }
}

fn general(number: f64, verb: char, precision: Option<usize>, out: &mut String) {
    let precision = precision.map(|precision| precision.max(1));
    let decimal = rounded(number, precision.map(|precision| precision - 1));
    let digits = decimal.digits.len();
    let point = decimal.point;
    let threshold = match precision {
        None => 6,
        Some(precision) => {
            let whole = i32::try_from(digits).is_ok_and(|digits| digits >= point);
            if precision > digits && whole { digits } else { precision }
        }
    };
    let exponent = point - 1;
    if exponent < -4 || exponent >= i32::try_from(threshold).unwrap_or(i32::MAX) {
        let letter = if verb == 'G' { 'E' } else { 'e' };
        return decimal.scientific(digits.saturating_sub(1), letter, out);
    }
    let after = i32::try_from(digits).unwrap_or(0) - point;
    decimal.positional(usize::try_from(after).unwrap_or(0), out);
}

/// Mantissa and exponent of 2 of a finite number.
fn parts(number: f64) -> (u64, i32) {
    let bits = number.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    let mantissa = bits & ((1 << 52) - 1);
    if exponent == 0 { (mantissa, -1074) } else { (mantissa | (1 << 52), exponent - 1075) }
}

fn binary(number: f64, out: &mut String) {
    let (mantissa, exponent) = parts(number);
    out.push_str(&format!("{mantissa}p{exponent:+}"));
}

fn hexadecimal(number: f64, verb: char, precision: Option<usize>, out: &mut String) {
    let (mut mantissa, mut exponent) = parts(number);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // The leading 1 goes to bit 60: fifteen hexadecimal digits follow it.
        let shift = mantissa.leading_zeros() - 3;
        mantissa <<= shift;
        exponent += 60 - i32::try_from(shift).unwrap_or(0);
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let cut = u32::try_from((15 - precision) * 4).unwrap_or(60);
        let extra = mantissa & ((1 << cut) - 1);
        mantissa >>= cut;
        let half = 1 << (cut - 1);
        if extra > half || (extra == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= cut;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let all = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let digits = match precision {
        None => all.trim_end_matches('0').to_owned(),
        Some(precision) if precision <= 15 => all[..precision].to_owned(),
        Some(precision) => format!("{all:0<precision$}", precision = precision.min(MOST_DIGITS)),
    };
    let point = if digits.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    let text = format!("0x{}{point}{digits}p{sign}{:02}", mantissa >> 60, exponent.unsigned_abs());
    out.push_str(&if verb == 'X' { text.to_ascii_uppercase() } else { text });
}

/// A float as `%v` prints it.
pub fn shortest(number: f64) -> String {
    let mut out = String::new();
    append(number, 'g', None, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::append;

    #[track_caller]
    fn check(number: f64, verb: char, precision: Option<usize>, expected: &str) {
        let mut out = String::new();
        append(number, verb, precision, &mut out);
        assert_eq!(out, expected, "{number} {verb} {precision:?}");
    }

    #[test]
    fn large_and_small_numbers_have_an_exponent() {
        check(123_456.0, 'g', None, "123456");
        check(1e20, 'g', None, "1e+20");
        check(100_000.0, 'g', None, "100000");
        check(1e6, 'g', None, "1e+06");
        check(0.0001, 'g', None, "0.0001");
        check(0.000_01, 'g', None, "1e-05");
        check(f64::MIN_POSITIVE, 'g', None, "2.2250738585072014e-308");
    }

    #[test]
    fn precision_beyond_the_digits_gives_zeros() {
        check(0.1, 'f', Some(60), "0.100000000000000005551115123125782702118158340454101562500000");
        check(1.5, 'f', Some(0), "2");
        check(2.5, 'f', Some(0), "2");
        check(1.0, 'x', None, "0x1p+00");
        check(-0.1, 'x', Some(3), "-0x1.99ap-04");
        let mut long = String::new();
        append(1.0, 'e', Some(100_000), &mut long);
        assert_eq!(long.len(), 100_006);
    }
}
