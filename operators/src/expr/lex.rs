//! Tokens of the expression language: the first stage, text → tokens with byte spans.

use std::ops::Range;

use super::CompileError;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A name; keywords that are operators are [`Kind::Operator`].
    Name(String),
    /// An operator, a keyword operator, or a separator (`,` `;` `:`).
    Operator(&'static str),
    /// One of `( [ { ) ] }`.
    Bracket(char),
    /// A number as written, without `_`.
    Number(String),
    /// An unescaped string.
    Text(String),
    /// An unescaped `b'…'`.
    Bytes(Vec<u8>),
    /// The end of the source.
    End,
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Bytes in the source.
    pub(super) span: Range<usize>,
}

const WORDS: [&str; 11] = [
    "not",
    "in",
    "or",
    "and",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "let",
    "if",
    "else",
];

/// Longest first, so that the first that fits is the right one.
const SIGNS: &[&str] = &[
    "**", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "..", "::", "|", "!", "=", "*", "<", ">",
    ",", ";", "%", "+", "-", "^", "?", ":", ".", "#", "/",
];

/// Splits a source into tokens; the last one is [`Kind::End`].
pub(super) fn lex(source: &str) -> Result<Vec<Token>, CompileError> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new() };
    while lexer.step()? {}
    Ok(lexer.tokens)
}

/// Whether a character may be part of a name.
fn is_name_char(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphabetic() || c.is_numeric()
}

/// Whether a word that is an operator may be a name behind a dot (`x.not`).
pub(super) fn is_word(operator: &str) -> bool {
    WORDS.contains(&operator)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let span = self.at..self.at + length;
        self.at = span.end;
        self.tokens.push(Token { kind, span });
    }

    fn fail(&self, message: &str, span: Range<usize>) -> CompileError {
        // Whole characters, within the source.
        let mut end = span.end.min(self.source.len()).max(span.start);
        while !self.source.is_char_boundary(end) {
            end += 1;
        }
        CompileError::new(message, span.start..end, None)
    }

    /// Reads one token or blank; false behind the last.
    fn step(&mut self) -> Result<bool, CompileError> {
        let Some(c) = self.peek() else {
            self.push(Kind::End, 0);
            return Ok(false);
        };
        let rest = self.rest();
        match c {
            _ if c.is_whitespace() => self.at += c.len_utf8(),
            '\'' | '"' => {
                let (text, length) = self.quoted(self.at, c)?;
                self.push(Kind::Text(text), length);
            }
            'b' | 'B' if rest[1..].starts_with(['\'', '"']) => self.bytes()?,
            '`' => self.raw()?,
            '/' if rest.starts_with("//") => {
                self.at += rest.find('\n').unwrap_or(rest.len());
            }
            '/' if rest.starts_with("/*") => {
                let Some(end) = rest.find("*/") else {
                    return Err(self.fail("unclosed comment", self.at..self.at + 2));
                };
                self.at += end + 2;
            }
            '0'..='9' => self.number()?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number()?,
            '(' | '[' | '{' | ')' | ']' | '}' => self.push(Kind::Bracket(c), 1),
            _ if is_name_char(c) => self.name(),
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let Some(sign) = sign else {
                    let message = format!("unrecognized character {c:?}");
                    return Err(self.fail(&message, self.at..self.at + c.len_utf8()));
                };
                self.push(Kind::Operator(sign), sign.len());
            }
        }
        Ok(true)
    }

    fn name(&mut self) {
        let rest = self.rest();
        let length = rest.find(|c| !is_name_char(c)).unwrap_or(rest.len());
        let word = &rest[..length];
        match WORDS.iter().find(|known| **known == word) {
            Some(known) => self.push(Kind::Operator(known), length),
            None => self.push(Kind::Name(word.into()), length),
        }
    }

    fn number(&mut self) -> Result<(), CompileError> {
        let bytes = self.rest().as_bytes();
        let digit = |i: usize| bytes.get(i).is_some_and(|b| b.is_ascii_digit() || *b == b'_');
        let mut end = 0;
        let radix = match (bytes.first(), bytes.get(1).map(u8::to_ascii_lowercase)) {
            (Some(b'0'), Some(b'x')) => 16,
            (Some(b'0'), Some(b'o')) => 8,
            (Some(b'0'), Some(b'b')) => 2,
            _ => 10,
        };
        if radix != 10 {
            end = 2;
            let fits = |b: &u8| char::from(*b).is_digit(radix) || *b == b'_';
            while bytes.get(end).is_some_and(fits) {
                end += 1;
            }
        } else {
            while digit(end) {
                end += 1;
            }
            if bytes.get(end) == Some(&b'.') && bytes.get(end + 1) != Some(&b'.') {
                end += 1;
                while digit(end) {
                    end += 1;
                }
            }
            if matches!(bytes.get(end), Some(b'e' | b'E')) {
                end += 1;
                if matches!(bytes.get(end), Some(b'+' | b'-')) {
                    end += 1;
                }
                while digit(end) {
                    end += 1;
                }
            }
        }
        let rest = self.rest();
        if let Some(c) = rest[end..].chars().next().filter(|c| is_name_char(*c)) {
            let span = self.at..self.at + end + c.len_utf8();
            return Err(self.fail("bad number syntax", span));
        }
        let text = rest[..end].replace('_', "");
        self.push(Kind::Number(text), end);
        Ok(())
    }

    fn raw(&mut self) -> Result<(), CompileError> {
        let rest = self.rest();
        let mut text = String::new();
        let mut at = 1;
        loop {
            let Some(next) = rest[at..].find('`') else {
                return Err(self.fail("literal not terminated", self.at..self.at + 1));
            };
            text.push_str(&rest[at..at + next]);
            at += next + 1;
            if !rest[at..].starts_with('`') {
                break;
            }
            text.push('`');
            at += 1;
        }
        self.push(Kind::Text(text), at);
        Ok(())
    }

    fn bytes(&mut self) -> Result<(), CompileError> {
        let quote = if self.rest()[1..].starts_with('"') { '"' } else { '\'' };
        let (text, length) = self.quoted(self.at + 1, quote)?;
        // `\xHH` names a byte here; other characters stand for their UTF-8.
        let raw = self.source.get(self.at + 1..self.at + 1 + length).unwrap_or("");
        let bytes = if raw.contains("\\x") || raw.contains("\\X") {
            let narrow = |c: char| u8::try_from(u32::from(c)).ok();
            text.chars().map(narrow).collect::<Option<Vec<u8>>>().unwrap_or(text.into_bytes())
        } else {
            text.into_bytes()
        };
        self.push(Kind::Bytes(bytes), length + 1);
        Ok(())
    }

    /// Text and length in the source of the quoted string at `start`.
    fn quoted(&self, start: usize, quote: char) -> Result<(String, usize), CompileError> {
        let rest = self.source.get(start..).unwrap_or("");
        let mut text = String::new();
        let mut at = 1;
        loop {
            let Some(c) = rest[at..].chars().next().filter(|c| *c != '\n') else {
                return Err(self.fail("literal not terminated", start..start + 1));
            };
            at += c.len_utf8();
            if c == quote {
                return Ok((text, at));
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let Some((c, length)) = escape(&rest[at..], quote) else {
                return Err(self.fail("invalid char escape", start + at - 1..start + at + 1));
            };
            text.push(c);
            at += length;
        }
    }
}

/// The character that an escape stands for, and the length of what follows the backslash.
fn escape(rest: &str, quote: char) -> Option<(char, usize)> {
    let first = rest.chars().next()?;
    let simple = match first {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' => '\\',
        _ if first == quote => quote,
        _ => return numeric_escape(rest, first),
    };
    Some((simple, first.len_utf8()))
}

fn numeric_escape(rest: &str, first: char) -> Option<(char, usize)> {
    let (skip, digits, radix) = match first {
        'x' => (1, 2, 16),
        'U' => (1, 8, 16),
        'u' if rest[1..].starts_with('{') => {
            let end = rest.find('}')?;
            let digits = rest.get(2..end).filter(|d| !d.is_empty() && d.len() <= 6)?;
            return Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, end + 1));
        }
        'u' => (1, 4, 16),
        '0'..='3' => (0, 3, 8),
        _ => return None,
    };
    let text = rest.get(skip..skip + digits)?;
    if !text.bytes().all(|b| char::from(b).is_digit(radix)) {
        return None;
    }
    // Go writes U+FFFD for a lone surrogate.
    let code = u32::from_str_radix(text, radix).ok()?;
    let c = char::from_u32(code).or((0xd800..0xe000).contains(&code).then_some('\u{fffd}'))?;
    Some((c, skip + digits))
}
