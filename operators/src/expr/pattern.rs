//! Regular expressions of `matches`: Go's syntax.

use regex::Regex;

/// Compiles a pattern; the error is a text for people.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("invalid regular expression: {error}"))
}
