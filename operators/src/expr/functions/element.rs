//! One value under one verb: the half of Go's `fmt` that knows widths, precisions and flags.

use super::float;
use crate::quote;

/// Flags, width and precision of one verb.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%+v`.
    pub(super) plus_v: bool,
    /// `%#v`.
    pub(super) sharp_v: bool,
}

impl Layout {
    fn padding(&self, count: usize, out: &mut String) {
        let fill = if self.zero && !self.minus { '0' } else { ' ' };
        out.extend(std::iter::repeat_n(fill, count));
    }

    /// Writes text padded to the width.
    pub(super) fn pad(&self, text: &str, out: &mut String) {
        let missing = match self.width {
            Some(width) if width > 0 => width.saturating_sub(text.chars().count()),
            _ => 0,
        };
        if self.minus {
            out.push_str(text);
        }
        self.padding(missing, out);
        if !self.minus {
            out.push_str(text);
        }
    }

    fn pad_blank(&self, text: &str, out: &mut String) {
        Self { zero: false, ..*self }.pad(text, out);
    }

    /// The text cut to the precision.
    pub(super) fn cut<'a>(&self, text: &'a str) -> &'a str {
        let Some(precision) = self.precision else { return text };
        match text.char_indices().nth(precision) {
            Some((end, _)) => &text[..end],
            None => text,
        }
    }

    /// `%q`.
    pub(super) fn quoted(&self, text: &str, out: &mut String) {
        let text = self.cut(text);
        if self.sharp && quote::can_backquote(text) {
            self.pad(&format!("`{text}`"), out);
        } else {
            self.pad(&quote::quoted(text, self.plus), out);
        }
    }

    /// `%x` and `%X` of a string.
    pub(super) fn bytes(&self, text: &str, upper: bool, out: &mut String) {
        let bytes = text.as_bytes();
        let bytes = &bytes[..self.precision.unwrap_or(usize::MAX).min(bytes.len())];
        let prefix = if upper { "0X" } else { "0x" };
        let mut hex = String::with_capacity(bytes.len() * 2);
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 && self.space {
                hex.push(' ');
            }
            if self.sharp && (index == 0 || self.space) {
                hex.push_str(prefix);
            }
            let digits = if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
            hex.push_str(&digits);
        }
        self.pad(&hex, out);
    }

    /// An integer in base 2, 8, 10 or 16.
    pub(super) fn integer(&self, number: i64, verb: char, out: &mut String) {
        let magnitude = number.unsigned_abs();
        let signed = number < 0 || self.plus || self.space;
        let mut least = 0;
        match (self.precision, self.width) {
            (Some(0), _) if number == 0 => {
                return Self { zero: false, ..*self }.padding(self.width.unwrap_or(0), out);
            }
            (Some(precision), _) => least = precision,
            (None, Some(width)) if self.zero && !self.minus => {
                least = width - usize::from(signed && width > 0);
            }
            _ => {}
        }
        let digits = match verb {
            'b' => format!("{magnitude:b}"),
            'o' | 'O' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            _ => magnitude.to_string(),
        };
        let mut text = String::with_capacity(least.max(digits.len()) + 3);
        match number {
            ..0 => text.push('-'),
            _ if self.plus => text.push('+'),
            _ if self.space => text.push(' '),
            _ => {}
        }
        let zeros = least.saturating_sub(digits.len());
        text.push_str(match verb {
            'O' => "0o",
            'b' if self.sharp => "0b",
            'x' if self.sharp => "0x",
            'X' if self.sharp => "0X",
            'o' if self.sharp && zeros == 0 && !digits.starts_with('0') => "0",
            _ => "",
        });
        if verb == 'O' && self.sharp && zeros == 0 && !digits.starts_with('0') {
            text.push('0');
        }
        text.extend(std::iter::repeat_n('0', zeros));
        text.push_str(&digits);
        self.pad_blank(&text, out);
    }

    /// `%c`.
    pub(super) fn character(&self, number: i64, out: &mut String) {
        self.pad(character(number).encode_utf8(&mut [0; 4]), out);
    }

    /// `%q` of an integer.
    pub(super) fn quoted_character(&self, number: i64, out: &mut String) {
        let mut text = String::from("'");
        quote::push(character(number), '\'', self.plus, &mut text);
        text.push('\'');
        self.pad(&text, out);
    }

    /// `%U`.
    pub(super) fn unicode(&self, number: i64, out: &mut String) {
        let least = self.precision.unwrap_or(4).max(4);
        let mut text = String::from("U+");
        let digits = format!("{number:X}");
        text.extend(std::iter::repeat_n('0', least.saturating_sub(digits.len())));
        text.push_str(&digits);
        let named = u32::try_from(number).ok().and_then(char::from_u32);
        if let Some(c) = named.filter(|c| self.sharp && quote::is_print(*c)) {
            text.push_str(" '");
            text.push(c);
            text.push('\'');
        }
        self.pad_blank(&text, out);
    }

    /// A float; `precision` is the verb's own where none was written.
    pub(super) fn float(
        &self,
        number: f64,
        verb: char,
        precision: Option<usize>,
        out: &mut String,
    ) {
        let precision = self.precision.or(precision);
        let mut text = String::new();
        float::append(number, verb, precision, &mut text);
        if !text.starts_with(['-', '+']) {
            text.insert(0, '+');
        }
        if self.space && !self.plus && text.starts_with('+') {
            text.replace_range(..1, " ");
        }
        if !number.is_finite() {
            let bare = number.is_nan() && !self.space && !self.plus;
            return self.pad_blank(if bare { &text[1..] } else { &text }, out);
        }
        if self.sharp && verb != 'b' {
            text = sharpened(&text, verb, precision);
        }
        if self.plus || !text.starts_with('+') {
            let width = self.width.unwrap_or(0);
            if self.zero && !self.minus && width > text.len() {
                out.push_str(&text[..1]);
                self.padding(width - text.len(), out);
                return out.push_str(&text[1..]);
            }
            return self.pad(&text, out);
        }
        self.pad(&text[1..], out);
    }
}

fn character(number: i64) -> char {
    u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// `#` for floats: always a point, and the zeros that `%g` dropped.
fn sharpened(text: &str, verb: char, precision: Option<usize>) -> String {
    let mut digits = match verb {
        'v' | 'g' | 'G' | 'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let hexadecimal = matches!(verb, 'x' | 'X');
    let tail_at = text
        .find(|c| matches!(c, 'p' | 'P') || (!hexadecimal && matches!(c, 'e' | 'E')))
        .unwrap_or(text.len());
    let (head, tail) = text.split_at(tail_at);
    let mut significant = false;
    for c in head.chars().skip(1).filter(|c| *c != '.') {
        significant |= c != '0';
        if significant {
            digits = digits.saturating_sub(1);
        }
    }
    let mut sharp = head.to_owned();
    if !head.contains('.') {
        if head.len() == 2 && head.ends_with('0') {
            digits = digits.saturating_sub(1);
        }
        sharp.push('.');
    }
    sharp.extend(std::iter::repeat_n('0', digits));
    sharp.push_str(tail);
    sharp
}
