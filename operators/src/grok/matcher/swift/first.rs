//! First sets: the bytes that a match from some instruction on can begin with.

use regex_syntax::hir::Look;

use super::class::{ByteSet, Class};
use super::program::{Follow, Inst, Span};

/// What a match can begin with. May say more than is possible, never less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct First {
    pub(super) bytes: ByteSet,
    /// It can match the empty text at any place.
    pub(super) anywhere: bool,
    /// It can match the empty text at the end.
    pub(super) at_end: bool,
}

impl First {
    pub(super) const ANYTHING: Self = Self { bytes: ByteSet::ALL, anywhere: true, at_end: true };
    const NOTHING: Self = Self { bytes: ByteSet::EMPTY, anywhere: false, at_end: false };

    fn join(&mut self, other: &Self) {
        self.bytes.join(&other.bytes);
        self.anywhere |= other.anywhere;
        self.at_end |= other.at_end;
    }

    pub(super) fn follow(&self) -> Follow {
        let all = if self.anywhere { ByteSet::ALL } else { self.bytes };
        let end = self.anywhere || self.at_end;
        Follow { table: all.table(), end, single: if end { None } else { all.single() } }
    }
}

/// Computes first sets, each once.
pub(super) struct Sets<'p> {
    insts: &'p [Inst],
    classes: &'p [Class],
    known: Vec<Option<First>>,
}

impl<'p> Sets<'p> {
    pub(super) fn new(insts: &'p [Inst], classes: &'p [Class]) -> Self {
        Self { insts, classes, known: vec![None; insts.len()] }
    }

    /// The first set of instruction `pc`. Loops have bodies that take at least one byte, so that
    /// this comes back to no instruction that it is at.
    pub(super) fn first(&mut self, pc: usize) -> First {
        if let Some(known) = self.known.get(pc).copied().flatten() {
            return known;
        }
        let first = self.compute(pc);
        if let Some(cell) = self.known.get_mut(pc) {
            *cell = Some(first);
        }
        first
    }

    fn compute(&mut self, pc: usize) -> First {
        let Some(inst) = self.insts.get(pc) else { return First::ANYTHING };
        let mut first = First::NOTHING;
        match inst {
            Inst::Match => first.anywhere = true,
            Inst::Fail => {}
            Inst::Byte { byte, .. } => first.bytes.add(*byte),
            Inst::Literal { bytes, .. } => {
                bytes.iter().take(1).for_each(|byte| first.bytes.add(*byte));
            }
            Inst::Class { class, .. } => self.class(*class, &mut first),
            Inst::Span(span) => {
                let Span { class, min, max, next, .. } = &**span;
                if *max != Some(0) {
                    self.class(*class, &mut first);
                }
                if *min == 0 {
                    first.join(&self.first(*next as usize));
                }
            }
            Inst::Choice { branches, .. } => {
                for branch in branches {
                    first.join(&self.first(*branch as usize));
                }
            }
            Inst::Save { next, .. } => first = self.first(*next as usize),
            Inst::Look { look, next } => {
                let after = self.first(*next as usize);
                let empty = after.anywhere || after.at_end;
                match look {
                    Look::End => first.at_end = empty,
                    Look::EndLF => {
                        first.at_end = empty;
                        first.bytes.add(b'\n');
                    }
                    _ => first = after,
                }
            }
        }
        first
    }

    fn class(&self, class: u16, first: &mut First) {
        if let Some(class) = self.classes.get(usize::from(class)) {
            first.bytes.join(&class.bytes);
        }
    }
}
