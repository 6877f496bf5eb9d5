//! The plain way: the `regex` crate on the whole expression with every group. Slow and right.

use super::{Captures, Matcher, span};

/// An expression as the `regex` crate runs it, and the groups of the names.
#[derive(Debug)]
pub(crate) struct Plain {
    regex: regex::Regex,
    groups: Vec<usize>,
}

impl Plain {
    pub(crate) fn new(regex: regex::Regex, groups: Vec<usize>) -> Self {
        Self { regex, groups }
    }
}

impl Matcher for Plain {
    fn find(&self, text: &str, captures: &mut Captures) -> bool {
        captures.spans.clear();
        let Some(found) = self.regex.captures(text) else { return false };
        let spans = self.groups.iter().map(|group| found.get(*group));
        captures.spans.extend(spans.map(|place| place.and_then(|p| span(p.start(), p.end()))));
        true
    }
}
