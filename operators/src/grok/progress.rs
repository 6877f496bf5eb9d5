//! How far a pattern gets on a text that it does not match: what `explain` shows.

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

/// Finds the longest beginning of the pattern that matches somewhere in `text`.
pub(super) fn progress(expansion: &Expansion, text: &str) -> Progress {
    let mut reached = Progress::default();
    for (index, part) in expansion.pieces.iter().enumerate().rev() {
        if let Some(end) = end_of(expansion, part.expanded.end, text) {
            reached = Progress { pattern: part.written.end, piece: index + 1, text: end };
            break;
        }
    }
    // Within text, single characters count.
    let Some(part) = expansion.pieces.get(reached.piece).filter(|part| part.verbatim) else {
        return reached;
    };
    let piece = expansion.text.get(part.expanded.clone()).unwrap_or("");
    for (offset, _) in piece.char_indices().skip(1) {
        if let Some(end) = end_of(expansion, part.expanded.start + offset, text) {
            reached.pattern = part.written.start + offset;
            reached.text = end;
        }
    }
    reached
}

/// Where the first match of the expression's first `length` bytes ends. Groups that are open
/// there are closed.
fn end_of(expansion: &Expansion, length: usize, text: &str) -> Option<usize> {
    let mut part = expansion.text.get(..length)?.to_owned();
    for _ in 0..=OPEN_GROUPS {
        if let Ok(regex) = re2::compile(&part) {
            return Some(regex.find(text)?.end());
        }
        part.push(')');
    }
    None
}
