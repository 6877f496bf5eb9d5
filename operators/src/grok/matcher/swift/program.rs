//! The program of the machine: a graph of instructions, each with its successors.

use std::collections::BTreeMap;

use regex_syntax::hir::{
    Class as HirClass, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition,
};

use super::class::{ByteSet, Class};
use super::first::{First, Sets};

/// The largest program; what is larger belongs to the automata.
const INSTRUCTIONS: usize = 20_000;

/// The most branches of one instruction: a byte of bits.
const BRANCHES: usize = 8;

/// Number of an instruction.
pub(super) type Pc = u32;

/// How a class loop gives and takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Takes all: what follows cannot start within the run.
    Possessive,
    /// Takes all and gives back.
    Greedy,
    /// Takes as little as it can.
    Lazy,
}

/// One step.
#[derive(Debug)]
pub(super) enum Inst {
    /// The match ends here.
    Match,
    /// No match this way.
    Fail,
    /// One byte.
    Byte { byte: u8, next: Pc },
    /// Several bytes.
    Literal { bytes: Box<[u8]>, next: Pc },
    /// One character of a class.
    Class { class: u16, next: Pc },
    /// A run over a class.
    Span(Box<Span>),
    /// The first branch that leads to a match; `table` says which ones a byte lets in.
    /// `memo` is its number among the instructions that can be gone back to.
    Choice { branches: Box<[Pc]>, table: u16, memo: u16 },
    /// Remembers the place.
    Save { slot: u16, next: Pc },
    /// A condition on the place.
    Look { look: Look, next: Pc },
}

/// A run over a class.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) class: u16,
    /// What can come after it: see [`Follow`].
    pub(super) follow: u16,
    pub(super) min: u32,
    pub(super) max: Option<u32>,
    pub(super) mode: Mode,
    /// Its number among the instructions that can be gone back to.
    pub(super) memo: u16,
    pub(super) next: Pc,
}

/// Which branches of a choice can begin with a byte; the last entry is for the end of the text.
pub(super) type Table = [u8; 257];

/// What can follow a run: bytes, and whether the end of the text can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Follow {
    pub(super) table: [bool; 256],
    pub(super) end: bool,
    /// The one byte that can follow.
    pub(super) single: Option<u8>,
}

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) entry: Pc,
    insts: Vec<Inst>,
    pub(super) classes: Vec<Class>,
    pub(super) follows: Vec<Follow>,
    pub(super) tables: Vec<Table>,
    /// How many instructions can be gone back to.
    pub(super) memos: u16,
    firsts: BTreeMap<Pc, First>,
    /// What `classes` were made from.
    known: Vec<ClassUnicode>,
}

/// The expression has a form that the machine does not run.
pub(super) struct Unsupported;

impl Program {
    /// Compiles; nothing if the machine does not run such an expression.
    pub(super) fn new(hir: &Hir) -> Option<Self> {
        let mut program = Self {
            entry: 0,
            insts: vec![Inst::Match],
            classes: Vec::new(),
            follows: Vec::new(),
            tables: Vec::new(),
            memos: 0,
            firsts: BTreeMap::new(),
            known: Vec::new(),
        };
        program.entry = program.emit(hir, 0).ok()?;
        program.complete()?;
        Some(program)
    }

    pub(super) fn inst(&self, pc: Pc) -> &Inst {
        self.insts.get(pc as usize).unwrap_or(&Inst::Fail)
    }

    pub(super) fn class(&self, class: u16) -> Option<&Class> {
        self.classes.get(usize::from(class))
    }

    /// What a match from `pc` on can begin with.
    pub(super) fn first(&self, pc: Pc) -> First {
        self.firsts.get(&pc).copied().unwrap_or(First::ANYTHING)
    }

    fn push(&mut self, inst: Inst) -> Result<Pc, Unsupported> {
        if self.insts.len() >= INSTRUCTIONS {
            return Err(Unsupported);
        }
        self.insts.push(inst);
        Pc::try_from(self.insts.len() - 1).map_err(|_| Unsupported)
    }

    /// Adds `hir`, to be followed by `next`; returns its first instruction.
    fn emit(&mut self, hir: &Hir, next: Pc) -> Result<Pc, Unsupported> {
        match hir.kind() {
            HirKind::Empty => Ok(next),
            HirKind::Literal(literal) => match &*literal.0 {
                [byte] => self.push(Inst::Byte { byte: *byte, next }),
                bytes => self.push(Inst::Literal { bytes: bytes.into(), next }),
            },
            HirKind::Class(class) => {
                let class = self.intern_class(class)?;
                self.push(Inst::Class { class, next })
            }
            HirKind::Look(look) => match look {
                Look::Start
                | Look::End
                | Look::StartLF
                | Look::EndLF
                | Look::WordAscii
                | Look::WordAsciiNegate => self.push(Inst::Look { look: *look, next }),
                _ => Err(Unsupported),
            },
            HirKind::Capture(group) => {
                let slot = u16::try_from(group.index * 2).map_err(|_| Unsupported)?;
                let close = self.push(Inst::Save { slot: slot + 1, next })?;
                let body = self.emit(&group.sub, close)?;
                self.push(Inst::Save { slot, next: body })
            }
            HirKind::Concat(parts) => {
                parts.iter().rev().try_fold(next, |next, part| self.emit(part, next))
            }
            HirKind::Alternation(parts) => {
                let branches: Result<Vec<Pc>, _> =
                    parts.iter().map(|part| self.emit(part, next)).collect();
                self.choice(branches?)
            }
            HirKind::Repetition(repetition) => self.repetition(repetition, next),
        }
    }

    fn choice(&mut self, mut branches: Vec<Pc>) -> Result<Pc, Unsupported> {
        if branches.len() > BRANCHES {
            let rest = branches.split_off(BRANCHES - 1);
            branches.push(self.choice(rest)?);
        }
        self.push(Inst::Choice { branches: branches.into(), table: 0, memo: 0 })
    }

    fn repetition(&mut self, repetition: &Repetition, next: Pc) -> Result<Pc, Unsupported> {
        let Repetition { min, max, greedy, sub } = repetition;
        let (min, max, greedy) = (*min, *max, *greedy);
        let class = match sub.kind() {
            HirKind::Class(class) => Some(self.intern_class(class)?),
            HirKind::Literal(literal) => match &*literal.0 {
                [byte] if byte.is_ascii() => {
                    let c = char::from(*byte);
                    let class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
                    Some(self.intern_class(&HirClass::Unicode(class))?)
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(class) = class {
            let mode = if greedy { Mode::Greedy } else { Mode::Lazy };
            let span = Span { class, follow: 0, min, max, mode, memo: 0, next };
            return self.push(Inst::Span(Box::new(span)));
        }
        let ordered = |body: Pc| if greedy { [body, next] } else { [next, body] };
        let mut tail = match max {
            Some(max) => {
                let mut tail = next;
                for _ in min..max {
                    let body = self.emit(sub, tail)?;
                    tail = self.choice(ordered(body).to_vec())?;
                }
                tail
            }
            None if sub.properties().minimum_len().is_none_or(|least| least == 0) => {
                // A loop over nothing ends by rules that the machine does not know.
                return Err(Unsupported);
            }
            None => {
                let head = self.push(Inst::Fail)?;
                let body = self.emit(sub, head)?;
                if let Some(inst) = self.insts.get_mut(head as usize) {
                    *inst = Inst::Choice { branches: ordered(body).into(), table: 0, memo: 0 };
                }
                head
            }
        };
        for _ in 0..min {
            tail = self.emit(sub, tail)?;
        }
        Ok(tail)
    }

    fn intern_class(&mut self, class: &HirClass) -> Result<u16, Unsupported> {
        let class = match class {
            HirClass::Unicode(class) => class.clone(),
            HirClass::Bytes(class) => class.to_unicode_class().ok_or(Unsupported)?,
        };
        if let Some(index) = self.known.iter().position(|known| *known == class) {
            return u16::try_from(index).map_err(|_| Unsupported);
        }
        self.classes.push(Class::new(&class));
        self.known.push(class);
        u16::try_from(self.known.len() - 1).map_err(|_| Unsupported)
    }

    /// Fills in what depends on successors: tables of choices, follows and modes of runs.
    fn complete(&mut self) -> Option<()> {
        let mut sets = Sets::new(&self.insts, &self.classes);
        let firsts: Vec<First> = (0..self.insts.len()).map(|pc| sets.first(pc)).collect();
        let first = |pc: Pc| firsts.get(pc as usize).copied().unwrap_or(First::ANYTHING);
        for inst in &mut self.insts {
            match inst {
                Inst::Choice { branches, table, memo } => {
                    *memo = self.memos;
                    self.memos = self.memos.checked_add(1)?;
                    let firsts: Vec<First> = branches.iter().map(|pc| first(*pc)).collect();
                    *table = intern(&mut self.tables, branch_table(&firsts))?;
                }
                Inst::Span(span) => {
                    let Span { class, follow, mode, next, min, max, memo } = &mut **span;
                    let after = first(*next);
                    let run = &self.classes.get(usize::from(*class))?.bytes;
                    let fixed = *max == Some(*min);
                    let sealed = !after.anywhere && after.bytes.disjoint(run);
                    if fixed || (*mode == Mode::Greedy && sealed) {
                        *mode = Mode::Possessive;
                    } else {
                        *memo = self.memos;
                        self.memos = self.memos.checked_add(1)?;
                    }
                    *follow = intern(&mut self.follows, after.follow())?;
                }
                _ => {}
            }
        }
        let mut pc = self.entry;
        self.firsts.insert(pc, first(pc));
        while let Inst::Save { next, .. } = self.inst(pc) {
            pc = *next;
            self.firsts.insert(pc, first(pc));
        }
        Some(())
    }
}

/// For every byte, and for the end, the branches that can begin there.
fn branch_table(firsts: &[First]) -> Table {
    let mut table = [0; 257];
    for (bit, first) in firsts.iter().enumerate() {
        let bytes: &ByteSet = &first.bytes;
        for (byte, cell) in (0..=u8::MAX).zip(&mut table) {
            *cell |= u8::from(first.anywhere || bytes.has(byte)) << bit;
        }
        table[256] |= u8::from(first.anywhere || first.at_end) << bit;
    }
    table
}

fn intern<T: PartialEq>(known: &mut Vec<T>, value: T) -> Option<u16> {
    let index = known.iter().position(|other| *other == value).unwrap_or(known.len());
    if index == known.len() {
        known.push(value);
    }
    u16::try_from(index).ok()
}
