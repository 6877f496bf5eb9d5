//! Go string literals (`strconv.Quote`).

/// Whether Go prints a character as it is (`strconv.IsPrint`).
pub fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    if c.is_whitespace() {
        return false;
    }
    // Rust's own table of printable characters; behind another one it lets combining ones be.
    let probe = String::from_iter(['a', c]);
    probe.escape_debug().eq(probe.chars())
}

/// Writes a character as it stands between `quote`s.
pub fn push(c: char, quote: char, ascii: bool, out: &mut String) {
    if c == quote || c == '\\' {
        out.push('\\');
        return out.push(c);
    }
    if is_print(c) && (c.is_ascii() || !ascii) {
        return out.push(c);
    }
    match c {
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if c < ' ' || c == '\x7f' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
        c if u32::from(c) < 0x10000 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
    }
}

/// `strconv.Quote`, or `strconv.QuoteToASCII`.
pub fn quoted(text: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        push(c, '"', ascii, &mut out);
    }
    out.push('"');
    out
}

/// Whether the text can stand between backquotes (`strconv.CanBackquote`).
pub fn can_backquote(text: &str) -> bool {
    text.chars().all(|c| match c {
        '\t' => true,
        '`' | '\x7f' | '\u{feff}' => false,
        c => c >= ' ',
    })
}
