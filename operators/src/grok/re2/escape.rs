//! Backslash escapes of RE2: one character, or a class of them.

use super::Re2Error;

/// What an escape stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// One character.
    Char(char),
    /// A class, as the items of a `regex` character class; negated or not.
    Class(&'static str, bool),
    /// A Unicode property by name; negated or not.
    Property(String, bool),
}

/// Reads the escape at the head of `rest`, which starts with a backslash and lies at `offset`.
/// Returns it with its length in bytes.
pub(super) fn read(rest: &str, offset: usize) -> Result<(Escape, usize), Re2Error> {
    let mut chars = rest.chars();
    chars.next();
    let Some(letter) = chars.next() else {
        return Err(Re2Error::new("trailing backslash at the end of the expression", offset));
    };
    let one = |c| Ok((Escape::Char(c), 2));
    match letter {
        'd' | 'D' => Ok((Escape::Class("0-9", letter == 'D'), 2)),
        's' | 'S' => Ok((Escape::Class(r"\t\n\x0c\r\x20", letter == 'S'), 2)),
        'w' | 'W' => Ok((Escape::Class("0-9A-Za-z_", letter == 'W'), 2)),
        'p' | 'P' => property(rest, offset, letter == 'P'),
        'a' => one('\x07'),
        'f' => one('\x0c'),
        'n' => one('\n'),
        'r' => one('\r'),
        't' => one('\t'),
        'v' => one('\x0b'),
        'x' => hexadecimal(rest, offset),
        '0'..='7' => octal(rest, offset, letter),
        _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => one(letter),
        _ => Err(unknown(letter, offset)),
    }
}

fn unknown(letter: char, offset: usize) -> Re2Error {
    Re2Error::new(format!("unknown escape `\\{letter}`"), offset)
}

/// `\0` with up to two digits, `\1` to `\7` only with further digits: there are no back references.
fn octal(rest: &str, offset: usize, first: char) -> Result<(Escape, usize), Re2Error> {
    let digits = rest.bytes().skip(1).take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
    if first != '0' && digits == 1 {
        let message = format!("`\\{first}` refers back to a group, which RE2 cannot do");
        return Err(Re2Error::new(message, offset));
    }
    let text = rest.get(1..=digits).unwrap_or("0");
    code_point(u32::from_str_radix(text, 8).unwrap_or(0), 1 + digits, offset)
}

/// `\x7F` or `\x{10FFFF}`.
fn hexadecimal(rest: &str, offset: usize) -> Result<(Escape, usize), Re2Error> {
    let body = rest.get(2..).unwrap_or("");
    let (digits, length) = match body.strip_prefix('{') {
        Some(inner) => {
            let end = inner.find('}').unwrap_or(0);
            (inner.get(..end).unwrap_or(""), end + 4)
        }
        None => (body.get(..2).unwrap_or(""), 4),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Re2Error::new("`\\x` needs two hexadecimal digits or `{…}`", offset));
    }
    code_point(u32::from_str_radix(digits, 16).unwrap_or(u32::MAX), length, offset)
}

fn code_point(code: u32, length: usize, offset: usize) -> Result<(Escape, usize), Re2Error> {
    match char::from_u32(code) {
        Some(c) => Ok((Escape::Char(c), length)),
        None => Err(Re2Error::new(format!("no character has the number {code:#x}"), offset)),
    }
}

/// `\pN`, `\p{Greek}`, `\p{^Greek}`.
fn property(rest: &str, offset: usize, negated: bool) -> Result<(Escape, usize), Re2Error> {
    let missing = || Re2Error::new("`\\p` needs the name of a Unicode class", offset);
    let body = rest.get(2..).unwrap_or("");
    let Some(inner) = body.strip_prefix('{') else {
        let name = body.chars().next().ok_or_else(missing)?;
        return Ok((Escape::Property(name.to_string(), negated), 2 + name.len_utf8()));
    };
    let end = inner.find('}').ok_or_else(missing)?;
    let name = inner.get(..end).unwrap_or("");
    let (name, flipped) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b' ' | b'-'));
    if name.is_empty() || !plain {
        return Err(missing());
    }
    Ok((Escape::Property(name.to_owned(), negated != flipped), end + 4))
}
