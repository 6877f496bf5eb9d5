//! How stories look: tree glyphs and colours, and texts of logs made harmless for a terminal.

use std::io::IsTerminal;

/// What the output can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Draw with box characters and ticks instead of ASCII.
    pub unicode: bool,
    /// Use ANSI colours.
    pub colour: bool,
    /// Escape every character that is not ASCII.
    pub escape: bool,
}

/// Colours by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    /// Success.
    Good,
    /// Failure.
    Bad,
    /// Names.
    Strong,
    /// What matters less.
    Dim,
}

/// The longest piece of a log that is shown in one line. Unit: characters.
pub const LONGEST: usize = 400;

impl Style {
    /// For standard output as it is: box characters on a terminal that takes UTF-8, colours on a
    /// terminal where `NO_COLOR` is not set.
    pub fn of_stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let utf8 = is_utf8(|name| std::env::var(name).ok());
        Self { unicode: terminal && utf8, colour: terminal && !refused, escape: terminal && !utf8 }
    }

    /// A text in a colour.
    pub fn tinted(self, tint: Tint, text: &str) -> String {
        let code = match tint {
            Tint::Good => "32",
            Tint::Bad => "31",
            Tint::Strong => "1",
            Tint::Dim => "2",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The sign of success or failure.
    pub fn sign(self, good: bool) -> String {
        match (good, self.unicode) {
            (true, true) => self.tinted(Tint::Good, "✓"),
            (true, false) => self.tinted(Tint::Good, "+"),
            (false, true) => self.tinted(Tint::Bad, "✗"),
            (false, false) => self.tinted(Tint::Bad, "-"),
        }
    }

    /// What stands between old and new.
    pub fn arrow(self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }

    /// What stands for text that is left out.
    pub fn gap(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// A text that cannot steer a terminal: control characters and those that turn the direction
    /// of writing are replaced.
    pub fn clean(self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                c if steers(c) => clean.push(if self.escape { '?' } else { '\u{fffd}' }),
                c if self.escape && !c.is_ascii() => clean.extend(c.escape_unicode()),
                c => clean.push(c),
            }
        }
        clean
    }

    /// The same, cut at [`LONGEST`] characters.
    pub fn short(self, text: &str) -> String {
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => {
                let left = text.get(..end).unwrap_or("");
                format!("{}{} ({} bytes)", self.clean(left), self.gap(), text.len())
            }
            None => self.clean(text),
        }
    }
}

/// Whether a character does something to a terminal or to the order of what is shown.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether the locale says UTF-8, as POSIX reads it.
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let set = names.iter().filter_map(|name| variable(name)).find(|value| !value.is_empty());
    set.is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_log_steers_the_terminal() {
        let style = Style { unicode: true, colour: true, escape: false };
        let clean = style.clean("a\u{1b}[31m\u{9b}\r\n\u{202e}é");
        assert_eq!(clean, "a\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}é");
        let ascii = Style { escape: true, ..Style::default() };
        assert_eq!(ascii.clean("é\u{7}"), "\\u{e9}?");
    }

    #[test]
    fn the_first_variable_that_is_set_names_the_locale() {
        let of = |pairs: &'static [(&str, &str)]| {
            is_utf8(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        assert!(of(&[("LANG", "de_DE.UTF-8")]));
        assert!(!of(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(of(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]));
        assert!(!of(&[]));
    }
}
