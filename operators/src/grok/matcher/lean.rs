//! The `regex-automata` engines on the expression without the groups that nobody asked for.

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::Hir;

use super::{Captures, Matcher, span};
use crate::grok::re2::{self, Re2Error};

/// An expression whose groups are the names, in order.
#[derive(Debug)]
pub(crate) struct Lean {
    regex: Regex,
}

impl Lean {
    /// Builds the engines. The groups of `hir` are numbered from 1.
    pub(crate) fn new(hir: &Hir) -> Result<Self, Re2Error> {
        let config = Regex::config().nfa_size_limit(Some(re2::COMPILED_BYTES));
        let built = Regex::builder().configure(config).build_from_hir(hir);
        match built {
            Ok(regex) => Ok(Self { regex }),
            Err(_) => Err(re2::too_big()),
        }
    }

    /// Whether a match begins at byte `start` or later.
    pub(super) fn is_match(&self, text: &str, start: usize) -> bool {
        start <= text.len() && self.regex.is_match(Input::new(text).range(start..))
    }

    /// Searches from byte `start` on, or only there.
    pub(super) fn find_at(
        &self,
        text: &str,
        (start, anchored): (usize, Anchored),
        captures: &mut Captures,
    ) -> bool {
        let slots = self.regex.captures_len() * 2;
        captures.slots.clear();
        captures.slots.resize(slots, None);
        let input = Input::new(text).range(start..).anchored(anchored);
        captures.spans.clear();
        if self.regex.search_slots(&input, &mut captures.slots).is_none() {
            return false;
        }
        let groups = captures.slots.chunks_exact(2).skip(1);
        captures.spans.extend(groups.map(|pair| match pair {
            [Some(start), Some(end)] => span(start.get(), end.get()),
            _ => None,
        }));
        true
    }
}

impl Matcher for Lean {
    fn find(&self, text: &str, captures: &mut Captures) -> bool {
        self.find_at(text, (0, Anchored::No), captures)
    }
}
