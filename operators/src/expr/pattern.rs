//! Regular expressions of `matches`: Go's syntax.

use regex::{Regex, RegexSet};

/// Compiles a pattern; the error is a text for people.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    crate::grok::re2::compile(pattern).map_err(|error| error.to_string())
}

/// Compiles patterns of which one must match.
pub(super) fn compile_set(patterns: &[&str]) -> Result<RegexSet, String> {
    let translated = patterns.iter().map(|pattern| crate::grok::re2::translate(pattern));
    let translated: Vec<String> =
        translated.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    RegexSet::new(translated).map_err(|error| error.to_string())
}
