//! Engines behind grok patterns: all find the same spans, they differ in speed.
//!
//! ```text
//! text ─ swift ─┬▶ spans
//!  gave up ─ lean ┘           plain: the twin of tests
//! ```

mod lean;
mod plain;
mod strip;
mod swift;

use regex_automata::util::primitives::NonMaxUsize;

pub(super) use lean::Lean;
pub(super) use plain::Plain;
pub(super) use strip::strip;
pub(super) use swift::Swift;

/// A capture's place in the text: first byte, and one past the last.
pub type Span = (u32, u32);

/// Where a match found its captures, and the working memory for it. Keep one per thread.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    pub(super) spans: Vec<Option<Span>>,
    slots: Vec<Option<NonMaxUsize>>,
    machine: swift::Memory,
}

impl Captures {
    /// Working memory that fits every pattern.
    pub fn new() -> Self {
        Self::default()
    }

    /// The places of the last match, in the order of the pattern's names. A capture that took no
    /// part in the match has none.
    pub fn spans(&self) -> &[Option<Span>] {
        &self.spans
    }

    /// The text of capture `index` of the last match; empty if it took no part.
    pub fn text<'t>(&self, index: usize, text: &'t str) -> &'t str {
        let span = self.spans.get(index).copied().flatten();
        span.and_then(|(start, end)| text.get(start as usize..end as usize)).unwrap_or("")
    }
}

/// Finds the leftmost match and its captures.
///
/// # Contract
/// * All implementations agree on every text; [`Plain`] says what is right (tested).
/// * After `false`, the spans mean nothing.
pub(super) trait Matcher: std::fmt::Debug + Send + Sync {
    /// Searches `text`; on a match the spans of all names are in `captures`.
    fn find(&self, text: &str, captures: &mut Captures) -> bool;
}

/// Offsets of texts that are shorter than 4 GiB.
fn span(start: usize, end: usize) -> Option<Span> {
    Some((u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}
