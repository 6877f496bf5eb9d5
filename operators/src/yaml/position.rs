//! Where something stands in a rule file, and what is wrong there.

use std::fmt;
use std::sync::Arc;

/// A place in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// From 1. Unit: characters.
    pub column: u32,
    /// From the start of the file. Unit: bytes.
    pub byte: u32,
}

/// A value and the place where it is written (of a scalar: its first character, quote or `|`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located<T> {
    /// As written, decoded.
    pub value: T,
    /// Where its YAML starts.
    pub at: Position,
}

impl<T> Located<T> {
    /// A value with its place.
    pub const fn new(value: T, at: Position) -> Self {
        Self { value, at }
    }

    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: change(self.value), at: self.at }
    }
}

/// What is wrong in a rule file, ready to be shown under the line where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// Path of the file, as it was found.
    pub file: Arc<str>,
    /// From 1; 0 where the whole file is meant.
    pub line: u32,
    /// From 1. Unit: characters.
    pub column: u32,
    /// What is wrong: lower case, no period.
    pub message: String,
    /// The line, or its part around the column where it is long. Empty where there is none.
    pub excerpt: String,
    /// How many characters of `excerpt` stand before the caret.
    pub caret: usize,
    /// How many characters are underlined, at least 1.
    pub width: usize,
    /// What to do about it.
    pub help: Option<String>,
}

impl RuleError {
    /// An error about a file as a whole.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: 0,
            column: 0,
            message: message.into(),
            excerpt: String::new(),
            caret: 0,
            width: 1,
            help: None,
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what to do, where something is known.
    #[must_use]
    pub fn with_suggestion(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Underlines `width` characters (as far as the excerpt reaches).
    #[must_use]
    pub fn spanning(mut self, width: usize) -> Self {
        let rest = self.excerpt.chars().count().saturating_sub(self.caret);
        self.width = width.min(rest).max(1);
        self
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "{}: {}", self.file, self.message);
        }
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

impl std::error::Error for RuleError {}
