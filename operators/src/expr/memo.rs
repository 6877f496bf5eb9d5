//! What was computed for the current version of the event.

use regex::Regex;

/// Results that stay right until the event changes, and regular expressions that were built at
/// run time. One per worker and [`super::Program`].
#[derive(Debug, Default)]
pub struct Memo {
    patterns: Vec<(Box<str>, Result<Regex, String>)>,
}

/// How many regular expressions of run time are kept.
const MAX_PATTERNS: usize = 64;

impl Memo {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// A regular expression that was not known at load.
    pub(super) fn pattern(&mut self, source: &str) -> Result<&Regex, String> {
        let index = match self.patterns.iter().position(|(known, _)| &**known == source) {
            Some(index) => index,
            None => {
                if self.patterns.len() == MAX_PATTERNS {
                    drop(self.patterns.remove(0));
                }
                self.patterns.push((source.into(), super::pattern::compile(source)));
                self.patterns.len() - 1
            }
        };
        match self.patterns.get(index) {
            Some((_, Ok(regex))) => Ok(regex),
            Some((_, Err(error))) => Err(error.clone()),
            None => Err("the cache of regular expressions is empty".into()),
        }
    }
}
