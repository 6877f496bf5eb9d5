//! Bracket expressions `[…]` of RE2. In them `[`, `&&`, `--` and `~~` are plain characters.

use std::fmt::Write as _;

use super::Re2Error;
use super::escape::{self, Escape};

/// Reads the bracket expression at the head of `rest` (which starts with `[` and lies at
/// `offset`), writes its translation to `out`, and returns its length in bytes.
pub(super) fn read(rest: &str, offset: usize, out: &mut String) -> Result<usize, Re2Error> {
    let mut at = 1;
    out.push('[');
    if rest.get(at..).is_some_and(|tail| tail.starts_with('^')) {
        out.push('^');
        at += 1;
    }
    let mut first = true;
    loop {
        let tail = rest.get(at..).unwrap_or("");
        match tail.chars().next() {
            None => return Err(Re2Error::new("missing closing `]`", offset)),
            Some(']') if !first => break,
            Some(_) => at += item(tail, offset + at, out)?,
        }
        first = false;
    }
    out.push(']');
    Ok(at + 1)
}

/// One class or range. Returns its length.
fn item(tail: &str, offset: usize, out: &mut String) -> Result<usize, Re2Error> {
    if let Some(length) = posix(tail, offset, out)? {
        return Ok(length);
    }
    let (low, mut length) = member(tail, offset)?;
    let low = match low {
        Escape::Char(c) => c,
        class => {
            write_class(&class, out);
            return Ok(length);
        }
    };
    let after = tail.get(length..).unwrap_or("");
    let mut high = low;
    if after.starts_with('-') && after.len() > 1 && !after.starts_with("-]") {
        let (member, more) = member(after.get(1..).unwrap_or(""), offset + length + 1)?;
        length += 1 + more;
        high = match member {
            Escape::Char(c) if c >= low => c,
            _ => return Err(Re2Error::new("range ends before it starts", offset)),
        };
    }
    write_char(low, out);
    if high != low {
        out.push('-');
        write_char(high, out);
    }
    Ok(length)
}

/// A POSIX class such as `[:alpha:]`; a `[` that opens none is a plain character.
fn posix(tail: &str, offset: usize, out: &mut String) -> Result<Option<usize>, Re2Error> {
    const NAMES: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
        "space", "upper", "word", "xdigit",
    ];
    let Some(body) = tail.strip_prefix("[:") else { return Ok(None) };
    let Some(end) = body.find(":]") else { return Ok(None) };
    let name = body.get(..end).unwrap_or("");
    if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(Re2Error::new(format!("unknown class `[:{name}:]`"), offset));
    }
    out.push_str(tail.get(..end + 4).unwrap_or(""));
    Ok(Some(end + 4))
}

fn member(tail: &str, offset: usize) -> Result<(Escape, usize), Re2Error> {
    match tail.chars().next() {
        Some('\\') => escape::read(tail, offset),
        Some(c) => Ok((Escape::Char(c), c.len_utf8())),
        None => Err(Re2Error::new("missing closing `]`", offset)),
    }
}

/// Writes a class so that it can stand alone and within brackets.
pub(super) fn write_class(class: &Escape, out: &mut String) {
    match class {
        Escape::Char(c) => write_char(*c, out),
        Escape::Class(items, negated) => {
            out.push_str(if *negated { "[^" } else { "[" });
            out.push_str(items);
            out.push(']');
        }
        Escape::Property(name, negated) => {
            let letter = if *negated { 'P' } else { 'p' };
            // Writing to a string cannot fail.
            let _ = write!(out, "\\{letter}{{{name}}}");
        }
    }
}

/// Writes a character so that it stands for itself, within brackets and outside.
pub(super) fn write_char(c: char, out: &mut String) {
    if c.is_ascii() && !c.is_ascii_alphanumeric() {
        let _ = write!(out, "\\x{:02x}", u32::from(c));
    } else {
        out.push(c);
    }
}
