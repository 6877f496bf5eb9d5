//! What can go wrong with an expression: at load, and while it runs.

use crate::yaml::{Located, Reading};
use std::ops::Range;

/// An expression that does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// What is wrong.
    pub message: String,
    /// Where. Unit: bytes of the source.
    pub span: Range<usize>,
    /// What to do, such as the nearest known name.
    pub help: Option<String>,
    /// What else is wrong: names that nothing has.
    pub more: Vec<CompileError>,
}

/// An expression that failed while it ran.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What went wrong.
    pub message: String,
    /// The part of the source that failed. Unit: bytes.
    pub span: Range<usize>,
}

/// An error on its way up: small, so that results without one stay in registers.
pub(super) type Failure = Box<EvalError>;

impl From<Failure> for EvalError {
    fn from(failure: Failure) -> Self {
        *failure
    }
}

impl From<Failure> for TestError {
    fn from(failure: Failure) -> Self {
        Self::Runtime(*failure)
    }
}

/// A condition that gave neither true nor false.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    /// It failed.
    #[error(transparent)]
    Runtime(#[from] EvalError),
    /// It gave a value of this type.
    #[error("the condition gave a {0}, not a bool")]
    NotBool(String),
}

impl CompileError {
    /// An error without others.
    pub(super) fn new(
        message: impl Into<String>,
        span: Range<usize>,
        help: Option<String>,
    ) -> Self {
        Self { message: message.into(), span, help, more: Vec::new() }
    }

    /// Notes the error where the expression stands in its file.
    pub fn note(&self, text: &Located<String>, reading: &mut Reading<'_>) {
        self.note_one(text, reading);
        self.more.iter().for_each(|error| error.note_one(text, reading));
    }

    fn note_one(&self, text: &Located<String>, reading: &mut Reading<'_>) {
        let span = text.value.get(self.span.clone()).unwrap_or("");
        let noted = reading.source.error_within(text, self.span.start, self.message.clone());
        let noted = noted.spanning(span.chars().count()).with_suggestion(self.help.clone());
        reading.errors.push(noted);
    }
}
