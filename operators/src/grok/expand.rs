//! Expansion: a pattern with all its references replaced, and which group carries which name.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::error::GrokError;
use super::library::Library;
use super::pattern::{Piece, pieces};

/// The longest expansion, in bytes; references to references can double it at every step.
const EXPANDED_BYTES: usize = 1 << 20;

/// A pattern as one expression.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    /// The expression, in RE2 syntax. Every reference stands in a pair of parentheses of its own.
    pub text: String,
    /// Semantic → offset in `text` of the parenthesis that opens its group.
    ///
    /// A name given twice belongs to its last place, and a name given at this level hides the same
    /// name within the patterns referred to. Source: grokky `grok.go` `compileExternalRe2`.
    pub semantics: BTreeMap<String, usize>,
    /// The pieces of this level, in order.
    pub pieces: Vec<Part>,
}

/// A piece of a pattern and what became of it.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its bytes in the expression.
    pub expanded: Range<usize>,
    /// Its bytes as written.
    pub written: Range<usize>,
    /// Whether it is text, which expands to itself.
    pub verbatim: bool,
}

impl Expansion {
    /// The bytes, as written, that `offset` of `text` comes from.
    pub(super) fn origin(&self, offset: usize) -> Range<usize> {
        let part = self.pieces.iter().find(|part| part.expanded.contains(&offset));
        let Some(part) = part.or(self.pieces.last()) else { return 0..0 };
        let written = &part.written;
        if part.verbatim {
            let start = (written.start + offset - part.expanded.start).min(written.end);
            return start..(start + 1).min(written.end);
        }
        written.clone()
    }
}

/// Replaces all references in `pattern`.
pub(super) fn expand(library: &Library, pattern: &str) -> Result<Expansion, GrokError> {
    let mut open = Vec::new();
    level(library, pattern, &mut open)
}

fn level<'l>(
    library: &'l Library,
    pattern: &str,
    open: &mut Vec<&'l str>,
) -> Result<Expansion, GrokError> {
    let cut = pieces(pattern);
    let own: BTreeSet<&str> = cut
        .iter()
        .filter_map(|(piece, _)| match piece {
            Piece::Reference { semantic, .. } => *semantic,
            Piece::Text(_) => None,
        })
        .collect();
    let mut done = Expansion::default();
    for (piece, written) in &cut {
        let start = done.text.len();
        match piece {
            Piece::Text(text) => done.text.push_str(text),
            Piece::Reference { name, semantic } => {
                let inner = referred(library, name, written.clone(), open)?;
                if let Some(semantic) = semantic {
                    done.semantics.insert((*semantic).to_owned(), start);
                }
                for (semantic, offset) in inner.semantics {
                    if !own.contains(semantic.as_str()) {
                        done.semantics.insert(semantic, start + 1 + offset);
                    }
                }
                done.text.push('(');
                done.text.push_str(&inner.text);
                done.text.push(')');
            }
        }
        if done.text.len() > EXPANDED_BYTES {
            let message = format!("pattern expands to more than {EXPANDED_BYTES} bytes");
            return Err(GrokError::new(message, written.clone()));
        }
        done.pieces.push(Part {
            expanded: start..done.text.len(),
            written: written.clone(),
            verbatim: matches!(piece, Piece::Text(_)),
        });
    }
    Ok(done)
}

fn referred<'l>(
    library: &'l Library,
    name: &str,
    written: Range<usize>,
    open: &mut Vec<&'l str>,
) -> Result<Expansion, GrokError> {
    let Some((name, body)) = library.definition(name) else {
        let error = GrokError::new(format!("pattern `{name}` is not defined"), written);
        return Err(match library.nearest(name) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help("define it before it is used"),
        });
    };
    if open.contains(&name) {
        let message = format!("pattern `{name}` refers to itself");
        return Err(GrokError::new(message, written));
    }
    open.push(name);
    let inner = level(library, body, open).map_err(|mut error| {
        error.message = format!("{} (in pattern `{name}`)", error.message);
        error.span = written;
        error
    });
    open.pop();
    inner
}
