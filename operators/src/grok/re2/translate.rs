//! The translation itself: one pass over the expression, token by token.

use super::Re2Error;
use regex_syntax::ast::{Ast, Position};

use super::bracket::{self, write_char, write_class};
use super::escape::{self, Escape};
use super::limits::REPEATS;

/// An expression in the syntax of the `regex` crate.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The translated expression.
    pub text: String,
    /// Byte offsets, in the expression as written, of the parentheses that open capture groups.
    /// Group `n` is entry `n - 1`.
    pub groups: Vec<usize>,
    /// The syntax tree of `text`.
    pub(super) tree: Ast,
    /// (offset in `text`, offset as written) of every token.
    tokens: Vec<(usize, usize)>,
}

impl Translation {
    /// An error at `offset` of `text`, told at its place in the expression as written.
    pub(super) fn error(&self, message: String, offset: usize) -> Re2Error {
        let after = self.tokens.partition_point(|(translated, _)| *translated <= offset);
        let token = after.checked_sub(1).and_then(|last| self.tokens.get(last));
        Re2Error { message, offset: token.map_or(0, |(_, written)| *written) }
    }
}

/// What a repetition operator would apply to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Atom,
    Repeat,
}

struct Translator<'p> {
    pattern: &'p str,
    at: usize,
    before: Before,
    done: Translation,
}

/// Translates, without the checks that need the whole tree.
pub(super) fn translation(pattern: &str) -> Result<Translation, Re2Error> {
    let text = String::with_capacity(pattern.len() + pattern.len() / 2);
    let tree = Ast::empty(regex_syntax::ast::Span::splat(Position::new(0, 1, 1)));
    let done = Translation { text, groups: Vec::new(), tree, tokens: Vec::new() };
    let mut translator = Translator { pattern, at: 0, before: Before::Nothing, done };
    while let Some(c) = translator.rest().chars().next() {
        translator.done.tokens.push((translator.done.text.len(), translator.at));
        translator.token(c)?;
    }
    Ok(translator.done)
}

impl<'p> Translator<'p> {
    fn rest(&self) -> &'p str {
        self.pattern.get(self.at..).unwrap_or("")
    }

    fn refuse<T>(&self, message: impl Into<String>) -> Result<T, Re2Error> {
        Err(Re2Error::new(message, self.at))
    }

    /// Passes `length` bytes of the pattern through unchanged.
    fn keep(&mut self, length: usize, before: Before) {
        let text = self.rest().get(..length).unwrap_or("");
        self.done.text.push_str(text);
        self.at += length;
        self.before = before;
    }

    fn literal(&mut self, c: char) {
        write_char(c, &mut self.done.text);
        self.before = Before::Atom;
    }

    fn token(&mut self, c: char) -> Result<(), Re2Error> {
        match c {
            '(' => self.open(),
            ')' => {
                self.keep(1, Before::Atom);
                Ok(())
            }
            '|' => {
                self.keep(1, Before::Nothing);
                Ok(())
            }
            '.' | '^' | '$' => {
                self.keep(1, Before::Atom);
                Ok(())
            }
            '*' | '+' | '?' => self.repeat(1),
            '{' => match counts(self.rest()) {
                Some((length, low, high)) if low > REPEATS || high > REPEATS || low > high => {
                    let text = self.rest().get(..length).unwrap_or("");
                    self.refuse(format!("invalid repeat count `{text}`: {REPEATS} is the most"))
                }
                Some((length, ..)) => self.repeat(length),
                None => self.plain(c),
            },
            '[' => {
                let length = bracket::read(self.rest(), self.at, &mut self.done.text)?;
                self.at += length;
                self.before = Before::Atom;
                Ok(())
            }
            '\\' => self.backslash(),
            _ => self.plain(c),
        }
    }

    fn plain(&mut self, c: char) -> Result<(), Re2Error> {
        self.literal(c);
        self.at += c.len_utf8();
        Ok(())
    }

    /// A repetition operator of `length` bytes, with its `?`.
    fn repeat(&mut self, length: usize) -> Result<(), Re2Error> {
        match self.before {
            Before::Nothing => return self.refuse("nothing to repeat"),
            Before::Repeat => return self.refuse("one repetition operator follows another"),
            Before::Atom => {}
        }
        let lazy = self.rest().get(length..).is_some_and(|tail| tail.starts_with('?'));
        self.keep(length + usize::from(lazy), Before::Repeat);
        Ok(())
    }

    fn open(&mut self) -> Result<(), Re2Error> {
        let rest = self.rest();
        let Some(special) = rest.strip_prefix("(?") else {
            self.done.groups.push(self.at);
            self.keep(1, Before::Nothing);
            return Ok(());
        };
        let named = special.strip_prefix("P<").or_else(|| special.strip_prefix('<'));
        if let Some(name) = named.filter(|name| !name.starts_with(['=', '!'])) {
            return self.named(name);
        }
        let end = special.find([':', ')']).unwrap_or(special.len());
        let flags = special.get(..end).unwrap_or("");
        let known = flags.bytes().all(|b| matches!(b, b'i' | b'm' | b's' | b'U' | b'-'));
        let minus = flags.bytes().filter(|b| *b == b'-').count();
        if !known || end == special.len() || minus > 1 || flags.ends_with('-') {
            let shown: String = rest.chars().take(4).collect();
            return self.refuse(format!("`{shown}` opens no group that RE2 knows"));
        }
        if flags.is_empty() && special.starts_with(')') {
            self.done.text.push_str("(?:)");
            self.at += 3;
            return Ok(());
        }
        // Flags that stand alone are no atom: what is before them stays. An operator that follows them
        // is refused, though RE2 would apply it to what is before.
        let group = special.get(end..).is_some_and(|tail| tail.starts_with(':'));
        let before = if group { Before::Nothing } else { self.before };
        self.keep(end + 3, before);
        Ok(())
    }

    /// `(?P<name>` or `(?<name>`, where `name` is followed by the rest. Groups are told apart by
    /// number, so that a name that the `regex` crate does not take can be dropped.
    fn named(&mut self, name: &str) -> Result<(), Re2Error> {
        let end = name.find('>').unwrap_or(0);
        let text = name.get(..end).unwrap_or("");
        if text.is_empty() || !text.chars().all(|c| c == '_' || c.is_alphanumeric()) {
            return self.refuse("name of the group is missing or invalid");
        }
        self.done.groups.push(self.at);
        let head = self.rest().len() - name.len();
        if text.starts_with(|c: char| c.is_numeric()) {
            self.done.text.push('(');
            self.at += head + end + 1;
            self.before = Before::Nothing;
        } else {
            self.keep(head + end + 1, Before::Nothing);
        }
        Ok(())
    }

    fn backslash(&mut self) -> Result<(), Re2Error> {
        let rest = self.rest();
        match rest.as_bytes().get(1) {
            Some(b'A' | b'z') => self.keep(2, Before::Atom),
            Some(letter @ (b'b' | b'B')) => {
                self.done.text.push_str(if *letter == b'b' { r"(?-u:\b)" } else { r"(?-u:\B)" });
                self.at += 2;
                self.before = Before::Atom;
            }
            Some(b'Q') => {
                let body = rest.get(2..).unwrap_or("");
                let (text, length) = match body.find(r"\E") {
                    Some(end) => (body.get(..end).unwrap_or(""), end + 4),
                    None => (body, rest.len()),
                };
                for c in text.chars() {
                    self.literal(c);
                }
                self.at += length;
            }
            _ => {
                let (escape, length) = escape::read(rest, self.at)?;
                match escape {
                    Escape::Char(c) => write_char(c, &mut self.done.text),
                    class => write_class(&class, &mut self.done.text),
                }
                self.at += length;
                self.before = Before::Atom;
            }
        }
        Ok(())
    }
}

/// `{n}`, `{n,}` or `{n,m}` at the head of `rest`: its length, `n` and `m` (`n` where unbounded).
/// A brace that opens none of these is a plain character.
fn counts(rest: &str) -> Option<(usize, u32, u32)> {
    let (low, after) = number(rest.strip_prefix('{')?)?;
    let (high, after) = match after.strip_prefix(',') {
        None => (low, after),
        Some(after) if after.starts_with('}') => (low, after),
        Some(after) => number(after)?,
    };
    let after = after.strip_prefix('}')?;
    Some((rest.len() - after.len(), low, high))
}

/// A decimal number without leading zeros; one that is too large counts as too large.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, after) = text.split_at_checked(end)?;
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), after))
}
