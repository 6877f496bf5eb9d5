//! The swift way: a backtracker that seldom has to go back.
//!
//! ```text
//! text ─ needed literals? ─ candidate starts ─ machine ─┬▶ spans
//!                              out of patience ─ lean ──┘
//! ```
//!
//! Log patterns are literals between classes that exclude each other, so the next byte mostly
//! decides alone: a class loop that what follows cannot interrupt never gives back, and an
//! alternation tries only the branches that can start with the byte at hand. A search that goes
//! back much begins to remember what failed where; one that exhausts its patience even so goes to
//! the automata. Time stays linear in the text.

mod class;
mod factor;
mod first;
mod machine;
mod need;
mod program;
mod spare;

use memchr::memmem::Finder;
use regex_automata::Anchored;
use regex_syntax::hir::Hir;

use self::class::{ByteSet, Wide};
pub(super) use self::machine::Memory;
use self::machine::{Machine, Outcome};
use self::need::Need;
use self::program::{Inst, Program};
use self::spare::Spare;
use super::{Captures, Matcher};
use crate::grok::re2::Re2Error;

/// Steps that a search takes before it begins to remember what failed: one for each byte of the
/// text, and these.
const FORGETFUL: usize = 256;

/// Steps that it takes then, for each byte of the text.
const PATIENCE: usize = 256;

/// Failed tries after which the automata are asked whether there is a match at all.
const TRIES: usize = 3;

/// Where a match may begin.
#[derive(Debug)]
enum Start {
    /// At the first byte of the text only.
    Text,
    /// Where this literal stands.
    Literal(Box<Finder<'static>>),
    /// At these bytes. If the expression opens with an unbounded loop over a class, a failed run
    /// of that class is skipped as a whole: starting later in it cannot help.
    Bytes { first: Box<[bool; 256]>, run: Option<ByteSet> },
    /// Anywhere.
    Anywhere,
}

/// An expression as a program, with the automata behind it.
#[derive(Debug)]
pub(crate) struct Swift {
    program: Program,
    start: Start,
    need: Need,
    lean: Spare,
    slots: usize,
}

impl Swift {
    /// Compiles; nothing if the expression has a form that the machine does not run. `source` makes
    /// `hir` once more.
    ///
    /// # Errors
    /// The expression is too large for the automata behind the machine.
    pub(crate) fn new(
        hir: &Hir,
        source: impl Fn() -> Option<Hir> + Send + Sync + 'static,
    ) -> Result<Option<Self>, Re2Error> {
        let Some(program) = Program::new(&factor::factor(hir)) else { return Ok(None) };
        let slots = 2 * (hir.properties().explicit_captures_len() + 1);
        let start = start(&program);
        let need = Need::of(hir);
        Ok(Some(Self { program, start, need, lean: Spare::new(hir, source)?, slots }))
    }

    /// The next place at or after `at` where a match may begin.
    fn candidate(&self, text: &[u8], at: usize) -> Option<usize> {
        match &self.start {
            Start::Text => (at == 0).then_some(0),
            Start::Literal(finder) => Some(at + finder.find(text.get(at..)?)?),
            Start::Bytes { first, .. } => {
                let rest = text.get(at..)?;
                Some(
                    at + rest
                        .iter()
                        .position(|byte| first.get(usize::from(*byte)) == Some(&true))?,
                )
            }
            Start::Anywhere => (at <= text.len()).then_some(at),
        }
    }

    /// Leaves the search from `start` on to the automata.
    fn lean_find(&self, text: &str, start: usize, captures: &mut Captures) -> bool {
        let anchored = match self.start {
            Start::Text => Anchored::Yes,
            _ => Anchored::No,
        };
        let lean = self.lean.get();
        lean.is_some_and(|lean| lean.find_at(text, (start, anchored), captures))
    }

    /// The first place after the failed start `at` that is worth a try.
    fn after(&self, text: &[u8], at: usize) -> usize {
        let mut next = at + 1;
        if let Start::Bytes { run: Some(run), .. } = &self.start {
            let rest = text.get(at..).unwrap_or_default();
            next = at + rest.iter().take_while(|byte| run.has(**byte)).count().max(1);
        }
        while text.get(next).is_some_and(|byte| class::continues(*byte)) {
            next += 1;
        }
        next
    }
}

impl Matcher for Swift {
    fn find(&self, text: &str, captures: &mut Captures) -> bool {
        let bytes = text.as_bytes();
        if u32::try_from(bytes.len()).is_err() {
            return self.lean.get().is_some_and(|lean| lean.find(text, captures));
        }
        // At the first byte of the text, a try is cheaper than a search for literals.
        let pinned = matches!(self.start, Start::Text);
        if !pinned && !self.need.met(bytes) {
            return false;
        }
        captures.machine.slots.clear();
        captures.machine.slots.resize(self.slots, machine::UNSET);
        let mut machine = Machine::new(&self.program, bytes, FORGETFUL + bytes.len());
        let mut at = 0;
        let mut tries = 0;
        let mut remembers = false;
        while let Some(start) = self.candidate(bytes, at) {
            match machine.run(start, &mut captures.machine) {
                Outcome::Match => {
                    captures.spans.clear();
                    let groups = captures.machine.slots.chunks_exact(2).skip(1);
                    captures.spans.extend(groups.map(|pair| match pair {
                        [start, end] if *end != machine::UNSET => Some((*start, *end)),
                        _ => None,
                    }));
                    return true;
                }
                Outcome::NoMatch => {
                    at = self.after(bytes, start);
                    tries += 1;
                    if tries == TRIES
                        && self.lean.get().is_some_and(|lean| !lean.is_match(text, at))
                    {
                        return false;
                    }
                }
                Outcome::GaveUp if !remembers => {
                    remembers = true;
                    if pinned && !self.need.met(bytes) {
                        return false;
                    }
                    at = start;
                    if !machine.remember(bytes.len() * PATIENCE, &mut captures.machine) {
                        return self.lean_find(text, start, captures);
                    }
                }
                Outcome::GaveUp => return self.lean_find(text, start, captures),
            }
        }
        false
    }
}

/// Reads off the program where matches may begin.
fn start(program: &Program) -> Start {
    let mut pc = program.entry;
    loop {
        match program.inst(pc) {
            Inst::Save { next, .. } => pc = *next,
            Inst::Look { look: regex_syntax::hir::Look::Start, .. } => return Start::Text,
            Inst::Literal { bytes, .. } => {
                return Start::Literal(Box::new(Finder::new(bytes).into_owned()));
            }
            _ => break,
        }
    }
    let first = program.first(pc);
    if first.anywhere || first.at_end {
        return Start::Anywhere;
    }
    let run = match program.inst(pc) {
        Inst::Span(span) if span.min <= 1 && span.max.is_none() => program.class(span.class),
        _ => None,
    };
    // A class whose bytes do not tell its characters cannot be skipped by bytes.
    let run = run.filter(|class| !matches!(class.wide, Wide::Some(_)));
    Start::Bytes { first: Box::new(first.bytes.table()), run: run.map(|class| class.bytes) }
}
