//! Removes the capture groups that no name asks for: most of a grok pattern's groups are the
//! parentheses around its references.

use std::collections::BTreeMap;

use regex_syntax::hir::{Capture, Hir, HirKind, Repetition};

/// Keeps the groups in `kept` (old number → new number) and dissolves all others.
pub(crate) fn strip(hir: &Hir, kept: &BTreeMap<u32, u32>) -> Hir {
    match hir.kind() {
        HirKind::Capture(group) => {
            let inner = strip(&group.sub, kept);
            match kept.get(&group.index) {
                Some(index) => {
                    Hir::capture(Capture { index: *index, name: None, sub: Box::new(inner) })
                }
                None => inner,
            }
        }
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            min: repetition.min,
            max: repetition.max,
            greedy: repetition.greedy,
            sub: Box::new(strip(&repetition.sub, kept)),
        }),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(|part| strip(part, kept)).collect()),
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.iter().map(|part| strip(part, kept)).collect())
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
    }
}
