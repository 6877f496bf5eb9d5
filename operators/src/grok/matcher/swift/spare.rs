//! The automata behind the machine, built when they are first needed: most never are, and building
//! them takes longer than all the rest.

use std::sync::OnceLock;

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::grok::matcher::Lean;
use crate::grok::re2::Re2Error;

/// The largest expression, in states, whose automata are certain to fit their limit: a state takes
/// less than a hundred bytes.
const CERTAIN: usize = 100_000;

/// Automata in waiting.
pub(super) struct Spare {
    source: Box<dyn Fn() -> Option<Hir> + Send + Sync>,
    built: OnceLock<Option<Lean>>,
}

impl std::fmt::Debug for Spare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spare").field("built", &self.built).finish_non_exhaustive()
    }
}

impl Spare {
    /// Keeps `source`, which makes `hir` again: the tree takes much more room than what it comes
    /// from. What may be too large is built at once, to know.
    pub(super) fn new(
        hir: &Hir,
        source: impl Fn() -> Option<Hir> + Send + Sync + 'static,
    ) -> Result<Self, Re2Error> {
        let built = OnceLock::new();
        if states(hir) > CERTAIN {
            let _ = built.set(Some(Lean::new(hir)?));
        }
        Ok(Self { source: Box::new(source), built })
    }

    /// The automata.
    pub(super) fn get(&self) -> Option<&Lean> {
        self.built.get_or_init(|| Lean::new(&(self.source)()?).ok()).as_ref()
    }
}

/// About how many states the automaton of `hir` has, rather too many.
fn states(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => match class.ranges().last() {
            Some(last) if last.end() > '\x7f' => 16 + 8 * class.ranges().len(),
            _ => 1,
        },
        HirKind::Class(Class::Bytes(_)) => 1,
        HirKind::Capture(group) => 2 + states(&group.sub),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1) as usize;
            states(&repetition.sub).saturating_add(1).saturating_mul(times).saturating_add(2)
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(1, |sum, part| sum.saturating_add(states(part)))
        }
    }
}
