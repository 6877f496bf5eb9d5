//! Why a grok pattern is refused, with its place and what to do.

use std::ops::Range;

/// A grok pattern that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GrokError {
    /// What is wrong.
    pub message: String,
    /// The bytes of the pattern, as written, that are to blame.
    pub span: Range<usize>,
    /// What to do about it, where that is known.
    pub help: Option<String>,
}

impl GrokError {
    pub(super) fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { message: message.into(), span, help: None }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
