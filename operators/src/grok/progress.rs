//! How far a pattern gets on a text that it does not match: what `explain` shows.

use regex::Regex;

use super::expand::Expansion;
use super::re2;

/// The deepest open group whose content is followed.
const OPEN_GROUPS: usize = 8;

/// Where matching stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Byte offset in the pattern: what stands before it finds a match.
    pub pattern: usize,
    /// Number of the piece of the pattern (a reference, or the text between two) that stopped it,
    /// from 0; the number of pieces if nothing did.
    pub piece: usize,
    /// Byte offset in the text: where the match of the part before `pattern` ends.
    pub text: usize,
}

/// Finds the longest beginning of the pattern that matches somewhere in `text`. Beginnings are
/// taken to match up to one length and not beyond it, which is so but for `|` outside of groups.
pub(super) fn progress(expansion: &Expansion, text: &str) -> Progress {
    let mut reached = Progress::default();
    let ends: Vec<usize> = expansion.pieces.iter().map(|part| part.expanded.end).collect();
    if let Some((index, end)) = longest(expansion, &ends, text)
        && let Some(part) = expansion.pieces.get(index)
    {
        reached = Progress { pattern: part.written.end, piece: index + 1, text: end };
    }
    // Within text, single characters count.
    let Some(part) = expansion.pieces.get(reached.piece).filter(|part| part.verbatim) else {
        return reached;
    };
    let piece = expansion.text.get(part.expanded.clone()).unwrap_or("");
    let starts: Vec<usize> = piece.char_indices().skip(1).map(|(start, _)| start).collect();
    let ends: Vec<usize> = starts.iter().map(|start| part.expanded.start + start).collect();
    if let Some((index, end)) = longest(expansion, &ends, text)
        && let Some(offset) = starts.get(index)
    {
        reached.pattern = part.written.start + offset;
        reached.text = end;
    }
    reached
}

/// The last of `lengths` at which the beginning of the expression matches, and where its match
/// ends. Compiling is what costs: it is done for few of them.
fn longest(expansion: &Expansion, lengths: &[usize], text: &str) -> Option<(usize, usize)> {
    let mut found = None;
    let (mut low, mut high) = (0, lengths.len());
    while low < high {
        let middle = low + (high - low) / 2;
        // Between `(` and `?`, or within a class, a beginning is no expression.
        let candidates = lengths.get(low..=middle)?.iter().enumerate().rev();
        let compiled = candidates
            .map(|(at, length)| (low + at, compile(expansion, *length)))
            .find_map(|(at, regex)| regex.map(|regex| (at, regex)));
        match compiled {
            Some((at, regex)) => match regex.find(text) {
                Some(part) => {
                    found = Some((at, part.end()));
                    low = middle + 1;
                }
                None => high = at,
            },
            None => low = middle + 1,
        }
    }
    found
}

/// The expression's first `length` bytes, if that is one. Groups that are open there are closed.
fn compile(expansion: &Expansion, length: usize) -> Option<Regex> {
    let mut part = expansion.text.get(..length)?.to_owned();
    for _ in 0..=OPEN_GROUPS {
        if let Ok(regex) = re2::compile(&part) {
            return Some(regex);
        }
        part.push(')');
    }
    None
}
