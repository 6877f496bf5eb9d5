//! Common heads of branches: `a b|a c` is `a(b|c)` where `a` can match in one way only.
//!
//! Address patterns have many branches that differ late. With their heads taken out, one byte that
//! does not fit refuses all of them.

use regex_syntax::hir::{Hir, HirKind, Repetition};

use super::class::{self, ByteSet};

/// The same expression, with the heads of neighbouring branches taken out.
pub(super) fn factor(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Alternation(branches) => branches_of(branches.iter().map(factor).collect()),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(factor).collect()),
        HirKind::Capture(group) => Hir::capture(regex_syntax::hir::Capture {
            index: group.index,
            name: None,
            sub: Box::new(factor(&group.sub)),
        }),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            min: repetition.min,
            max: repetition.max,
            greedy: repetition.greedy,
            sub: Box::new(factor(&repetition.sub)),
        }),
        _ => hir.clone(),
    }
}

/// An alternation of `branches`, factored.
fn branches_of(branches: Vec<Hir>) -> Hir {
    let mut done: Vec<Hir> = Vec::new();
    let mut waiting = branches.into_iter().peekable();
    while let Some(branch) = waiting.next() {
        let Some((head, tail)) = split(&branch) else {
            done.push(branch);
            continue;
        };
        let mut tails = vec![tail];
        while let Some((other, tail)) = waiting.peek().and_then(split)
            && other == head
        {
            tails.push(tail);
            waiting.next();
        }
        if tails.len() == 1 {
            done.push(branch);
        } else {
            done.push(Hir::concat(vec![head, branches_of(tails)]));
        }
    }
    Hir::alternation(done)
}

/// A head that matches in one way at most, and what follows it.
fn split(hir: &Hir) -> Option<(Hir, Hir)> {
    match hir.kind() {
        HirKind::Concat(parts) => {
            let (first, rest) = parts.split_first()?;
            if matches!(first.kind(), HirKind::Repetition(_))
                && let Some((head, tail)) = split(first)
            {
                let rest = std::iter::once(tail).chain(rest.iter().cloned()).collect();
                return Some((head, Hir::concat(rest)));
            }
            // The shortest beginning that can match in one way only.
            let length = (1..=parts.len()).find(|n| parts.get(..*n).is_some_and(unambiguous))?;
            let (head, tail) = parts.split_at_checked(length)?;
            Some((Hir::concat(head.to_vec()), Hir::concat(tail.to_vec())))
        }
        HirKind::Repetition(Repetition { min, max: Some(max), greedy, sub }) if *min > 0 => {
            let parts = match sub.kind() {
                HirKind::Concat(parts) => parts.as_slice(),
                _ => std::slice::from_ref(&**sub),
            };
            if !unambiguous(parts) {
                return None;
            }
            let rest =
                Repetition { min: min - 1, max: Some(max - 1), greedy: *greedy, sub: sub.clone() };
            Some(((**sub).clone(), Hir::repetition(rest)))
        }
        _ => None,
    }
}

/// Whether a sequence can match in one way at most at any place: every run over a class ends where
/// the next part begins, and the last part is of one length.
fn unambiguous(parts: &[Hir]) -> bool {
    let mut open: Option<ByteSet> = None;
    for part in parts {
        let mut first = ByteSet::EMPTY;
        let mut run = None;
        match part.kind() {
            HirKind::Literal(literal) => literal.0.iter().take(1).for_each(|b| first.add(*b)),
            HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
                first = class::bytes_of(class);
            }
            HirKind::Repetition(repetition) if repetition.min > 0 && repetition.greedy => {
                let HirKind::Class(regex_syntax::hir::Class::Unicode(class)) =
                    repetition.sub.kind()
                else {
                    return false;
                };
                first = class::bytes_of(class);
                if repetition.max != Some(repetition.min) {
                    run = Some(first);
                }
            }
            _ => return false,
        }
        if open.is_some_and(|open| !open.disjoint(&first)) {
            return false;
        }
        open = run;
    }
    open.is_none() && !parts.is_empty()
}
