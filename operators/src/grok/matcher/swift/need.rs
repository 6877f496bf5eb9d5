//! Literals that every match must hold: most lines that do not match lack one of them.

use memchr::memmem::Finder;
use regex_syntax::hir::{Hir, HirKind};

/// The most literals that are looked for one after another.
const LITERALS: usize = 4;

/// The most branches of which one must be there.
const BRANCHES: usize = 4;

/// A condition on texts that hold a match.
#[derive(Debug)]
pub(super) enum Need {
    /// Every text may hold a match.
    Nothing,
    /// The literal stands somewhere.
    Literal(Box<Finder<'static>>),
    /// One after another, without overlap.
    Sequence(Vec<Need>),
    /// One of them at least.
    Either(Vec<Need>),
}

impl Need {
    /// The condition of an expression.
    pub(super) fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Literal(literal) => {
                Self::Literal(Box::new(Finder::new(&literal.0).into_owned()))
            }
            HirKind::Capture(group) => Self::of(&group.sub),
            HirKind::Repetition(repetition) if repetition.min > 0 => Self::of(&repetition.sub),
            HirKind::Concat(parts) => {
                let mut needs = Vec::new();
                for part in parts {
                    match Self::of(part) {
                        Self::Nothing => {}
                        Self::Sequence(inner) => needs.extend(inner),
                        need => needs.push(need),
                    }
                }
                Self::sequence(needs)
            }
            HirKind::Alternation(parts) if parts.len() <= BRANCHES => {
                let needs: Vec<Self> = parts.iter().map(Self::of).collect();
                if !needs.iter().all(Self::tells) {
                    return Self::Nothing;
                }
                Self::Either(needs)
            }
            _ => Self::Nothing,
        }
    }

    /// Keeps the heaviest few, in order.
    fn sequence(mut needs: Vec<Self>) -> Self {
        needs.retain(Self::tells);
        let mut weights: Vec<usize> = needs.iter().map(Self::weight).collect();
        weights.sort_unstable_by(|a, b| b.cmp(a));
        let least = weights.get(LITERALS - 1).or(weights.last()).copied().unwrap_or(0);
        needs.retain(|need| need.weight() >= least);
        needs.truncate(LITERALS);
        match needs.len() {
            0 => Self::Nothing,
            1 => needs.remove(0),
            _ => Self::Sequence(needs),
        }
    }

    /// How much it tells: the rarity of its rarest literal.
    fn weight(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Literal(finder) => finder.needle().iter().map(rarity).sum(),
            Self::Sequence(needs) => needs.iter().map(Self::weight).max().unwrap_or(0),
            Self::Either(needs) => needs.iter().map(Self::weight).min().unwrap_or(0),
        }
    }

    /// Whether it is worth asking for.
    fn tells(&self) -> bool {
        self.weight() > 1
    }

    /// Whether `text` meets the condition.
    pub(super) fn met(&self, text: &[u8]) -> bool {
        self.end(text, 0).is_some()
    }

    /// A place that lies before the end of the condition's earliest fulfilment after `at`, or is
    /// it.
    fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        match self {
            Self::Nothing => Some(at),
            Self::Literal(finder) => {
                Some(at + finder.find(text.get(at..)?)? + finder.needle().len())
            }
            Self::Sequence(needs) => needs.iter().try_fold(at, |at, need| need.end(text, at)),
            Self::Either(needs) => {
                needs.iter().any(|need| need.end(text, at).is_some()).then_some(at)
            }
        }
    }
}

/// How rare a byte is in log lines, roughly.
fn rarity(byte: &u8) -> usize {
    match byte {
        b' ' | b'0'..=b'9' | b'.' | b'/' | b'-' | b':' => 1,
        b'a'..=b'z' | b'A'..=b'Z' | b'"' | b'_' => 2,
        b'[' | b']' | b'(' | b')' | b'=' | b',' => 3,
        _ => 5,
    }
}
