//! A compiled grok pattern: finds texts and gives them names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::GrokError;
use super::expand::{self, Expansion};
use super::library::Library;
use super::matcher::{Captures, Lean, Matcher, Plain, Swift, strip};
use super::progress::{self, Progress};
use super::re2::{self, Re2Error, Translation};

/// A compiled pattern. Clones share it.
#[derive(Clone, Debug)]
pub struct Grok {
    names: Arc<[Arc<str>]>,
    matcher: Arc<dyn Matcher>,
    written: Arc<str>,
    expansion: Arc<Expansion>,
}

impl Grok {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// An unknown reference, or an expression that RE2 refuses; the span lies in `pattern`.
    pub fn compile(library: &Library, pattern: &str) -> Result<Self, GrokError> {
        let expansion = expanded(library, pattern)?;
        let build = || Self::build(Arc::clone(&expansion), pattern, swift);
        library.known((pattern, &expansion), build)
    }

    /// Compiles the pattern called `name`, as `name:` in a grok section asks for.
    ///
    /// # Errors
    /// As [`Grok::compile`]; the span is empty if there is no such pattern.
    pub fn named(library: &Library, name: &str) -> Result<Self, GrokError> {
        match library.definition(name) {
            Some((_, body)) => Self::compile(library, body),
            None => {
                let error = GrokError::new(format!("pattern `{name}` is not defined"), 0..0);
                Err(match library.nearest(name) {
                    Some(near) => error.with_help(format!("did you mean `{near}`?")),
                    None => error,
                })
            }
        }
    }

    /// Compiles a pattern for the plain engine: the slow twin that tests compare with.
    ///
    /// # Errors
    /// As [`Grok::compile`].
    pub fn plain(library: &Library, pattern: &str) -> Result<Self, GrokError> {
        Self::build(expanded(library, pattern)?, pattern, |expression, _, groups| {
            let regex = re2::compile(&expression.text)?;
            Ok(Arc::new(Plain::new(regex, groups.to_vec())))
        })
    }

    fn build(
        expansion: Arc<Expansion>,
        pattern: &str,
        engine: impl FnOnce(
            &Arc<Expansion>,
            &Translation,
            &[usize],
        ) -> Result<Arc<dyn Matcher>, Re2Error>,
    ) -> Result<Self, GrokError> {
        let refuse = |e: Re2Error| GrokError::new(e.message, expansion.origin(e.offset));
        let translation = re2::rewrite(&expansion.text).map_err(refuse)?;
        let (names, groups) = named_groups(&expansion, &translation);
        let matcher = engine(&expansion, &translation, &groups).map_err(refuse)?;
        Ok(Self { names: names.into(), matcher, written: pattern.into(), expansion })
    }

    /// The names that a match fills, in the order of the spans.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Searches `text` for the pattern's leftmost match. On a match, `captures` holds a place for
    /// every name; one that took no part in the match has none, and counts as the empty text.
    ///
    /// A pattern without names finds nothing, for a match that names nothing is a failure.
    /// Source: crowdsec `pkg/parser/node.go`, grokky `Parse`.
    pub fn matches(&self, text: &str, captures: &mut Captures) -> bool {
        !self.names.is_empty() && self.matcher.find(text, captures)
    }

    /// How far the pattern gets on `text`. Slow: for a person who asks why nothing matched.
    pub fn progress(&self, text: &str) -> Progress {
        progress::progress(&self.expansion, text)
    }

    /// The pattern as written: what [`Progress::pattern`] counts in.
    pub fn pattern(&self) -> &str {
        &self.written
    }

    /// The pattern as one expression, in RE2 syntax.
    pub fn expression(&self) -> &str {
        &self.expansion.text
    }
}

fn expanded(library: &Library, pattern: &str) -> Result<Arc<Expansion>, GrokError> {
    if pattern.is_empty() {
        return Err(GrokError::new("pattern is empty", 0..0));
    }
    expand::expand(library, pattern).map(Arc::new)
}

/// Names with their group numbers, in the order of the groups.
fn named_groups(expansion: &Expansion, translation: &Translation) -> (Vec<Arc<str>>, Vec<usize>) {
    let mut found: Vec<(usize, &str)> = Vec::new();
    for (semantic, offset) in &expansion.semantics {
        // A reference within a character class opens no group: it names nothing.
        if let Ok(index) = translation.groups.binary_search(offset) {
            found.push((index + 1, semantic));
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(group, name)| (Arc::from(name), group)).unzip()
}

fn swift(
    expression: &Arc<Expansion>,
    translation: &Translation,
    groups: &[usize],
) -> Result<Arc<dyn Matcher>, Re2Error> {
    let kept: BTreeMap<u32, u32> = groups
        .iter()
        .zip(1_u32..)
        .filter_map(|(group, index)| Some((u32::try_from(*group).ok()?, index)))
        .collect();
    let hir = strip(&re2::parse(translation)?, &kept);
    let expression = Arc::clone(expression);
    let again = move || {
        let translation = re2::rewrite(&expression.text).ok()?;
        Some(strip(&re2::parse(&translation).ok()?, &kept))
    };
    Ok(match Swift::new(&hir, again)? {
        Some(swift) => Arc::new(swift),
        None => Arc::new(Lean::new(&hir)?),
    })
}
