//! The machine: walks the program along the text, and back where a choice was wrong.

use regex_syntax::hir::Look;

use super::class::{self, Class};
use super::program::{Follow, Inst, Mode, Pc, Program, Span};

/// A slot without a place.
pub(crate) const UNSET: u32 = u32::MAX;

/// The most memory, in words of 64 bits, for what was tried where.
const MOST_SEEN: usize = 1 << 16;

/// The machine's working memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    stack: Vec<Frame>,
    pub(crate) slots: Vec<u32>,
    /// One bit for every instruction that can be gone back to and every place.
    seen: Vec<u64>,
}

/// What to do when the current way fails.
#[derive(Clone, Debug)]
enum Frame {
    /// Try the branches whose bits are left.
    Choice { pc: Pc, left: u8, at: usize },
    /// Give back from `at` down to `least`.
    Greedy { pc: Pc, least: usize, at: usize },
    /// Take more from `at` on, up to `most`.
    Lazy { pc: Pc, at: usize, most: usize },
    /// Put a slot back.
    Slot { slot: u16, old: u32 },
}

/// What became of a try.
pub(super) enum Outcome {
    /// The slots hold the captures.
    Match,
    /// Nothing begins here.
    NoMatch,
    /// Patience is exhausted.
    GaveUp,
}

/// A program at work on a text.
pub(super) struct Machine<'p> {
    program: &'p Program,
    text: &'p [u8],
    patience: usize,
    dirty: bool,
    remembers: bool,
}

/// The fields of a run over a class.
struct Run<'p> {
    pc: Pc,
    class: &'p Class,
    follow: &'p Follow,
}

impl<'p> Machine<'p> {
    pub(super) fn new(program: &'p Program, text: &'p [u8], patience: usize) -> Self {
        Self { program, text, patience, dirty: false, remembers: false }
    }

    /// From now on, remembers what failed where, so that nothing is tried twice: what follows an
    /// instruction does not depend on how it was reached. False if that takes too much memory.
    pub(super) fn remember(&mut self, patience: usize, memory: &mut Memory) -> bool {
        let words = usize::from(self.program.memos) * (self.text.len() + 1) / 64 + 1;
        memory.seen.clear();
        if words > MOST_SEEN {
            return false;
        }
        memory.seen.resize(words, 0);
        self.remembers = true;
        self.patience = patience;
        true
    }

    /// Whether this instruction was not tried at this place before.
    #[inline]
    fn is_new(&self, memo: u16, at: usize, memory: &mut Memory) -> bool {
        if !self.remembers {
            return true;
        }
        let bit = usize::from(memo) * (self.text.len() + 1) + at;
        let Some(word) = memory.seen.get_mut(bit / 64) else { return true };
        let mask = 1 << (bit % 64);
        let new = *word & mask == 0;
        *word |= mask;
        new
    }

    /// Tries for a match that begins at `start`.
    pub(super) fn run(&mut self, start: usize, memory: &mut Memory) -> Outcome {
        memory.stack.clear();
        if self.dirty {
            memory.slots.fill(UNSET);
            self.dirty = false;
        }
        let mut at = start;
        let mut pc = self.program.entry;
        loop {
            if self.patience == 0 {
                return Outcome::GaveUp;
            }
            self.patience -= 1;
            // Every arm sets the next step on its own: a common result would go through memory.
            match self.program.inst(pc) {
                Inst::Match => return Outcome::Match,
                Inst::Fail => {}
                Inst::Byte { byte, next } => {
                    if self.text.get(at) == Some(byte) {
                        (pc, at) = (*next, at + 1);
                        continue;
                    }
                }
                Inst::Literal { bytes, next } => {
                    let end = at + bytes.len();
                    if self.text.get(at..end) == Some(bytes) {
                        (pc, at) = (*next, end);
                        continue;
                    }
                }
                Inst::Class { class, next } => {
                    let class = self.program.class(*class);
                    if let Some(end) = class.and_then(|class| class.step(self.text, at)) {
                        (pc, at) = (*next, end);
                        continue;
                    }
                }
                Inst::Span(span) => {
                    if let Some(end) = self.span(span, pc, at, memory) {
                        (pc, at) = (span.next, end);
                        continue;
                    }
                }
                Inst::Choice { branches, table, memo } => {
                    let new = self.is_new(*memo, at, memory);
                    let table = self.program.tables.get(usize::from(*table));
                    let entry = self.text.get(at).map_or(256, |byte| usize::from(*byte));
                    let bits = table.and_then(|table| table.get(entry)).copied().unwrap_or(0);
                    if new && let Some(branch) = choose(branches, (pc, at), bits, memory) {
                        pc = branch;
                        continue;
                    }
                }
                Inst::Save { slot, next } => {
                    self.save(*slot, at, memory);
                    pc = *next;
                    continue;
                }
                Inst::Look { look, next } => {
                    if self.look(*look, at) {
                        pc = *next;
                        continue;
                    }
                }
            }
            match self.back(memory) {
                Some(step) => (pc, at) = step,
                None => return Outcome::NoMatch,
            }
        }
    }

    #[inline]
    fn save(&mut self, slot: u16, at: usize, memory: &mut Memory) {
        self.dirty = true;
        if let Some(place) = memory.slots.get_mut(usize::from(slot)) {
            // Without a way back there is nothing to put back for.
            if !memory.stack.is_empty() {
                memory.stack.push(Frame::Slot { slot, old: *place });
            }
            *place = u32::try_from(at).unwrap_or(UNSET);
        }
    }

    /// Starts a run at `at`; returns where what follows goes on.
    fn span(&mut self, span: &Span, pc: Pc, at: usize, memory: &mut Memory) -> Option<usize> {
        let run = self.run_of(span, pc)?;
        if span.mode != Mode::Possessive && !self.is_new(span.memo, at, memory) {
            return None;
        }
        let least = match span.min {
            0 => at,
            1 => run.class.step(self.text, at)?,
            min => {
                let (least, passed) = run.class.skip(self.text, at, min);
                if passed < min {
                    return None;
                }
                least
            }
        };
        let rest = span.max.map(|max| max - span.min);
        if span.mode == Mode::Lazy {
            let most = rest.map_or(usize::MAX, |rest| run.class.run(self.text, least, Some(rest)));
            return self.take(&run, least, most, memory);
        }
        let end = run.class.run(self.text, least, rest);
        self.patience = self.patience.saturating_sub((end - least) / 16);
        if span.mode == Mode::Possessive {
            return Some(end);
        }
        if self.follows(run.follow, end) {
            if end > least {
                memory.stack.push(Frame::Greedy { pc, least, at: end });
            }
            return Some(end);
        }
        self.give(&run, least, end, memory)
    }

    #[inline]
    fn follows(&self, follow: &Follow, at: usize) -> bool {
        match self.text.get(at) {
            Some(byte) => follow.table.get(usize::from(*byte)).copied().unwrap_or(false),
            None => follow.end,
        }
    }

    /// Gives back characters before `at` until what follows can begin.
    fn give(
        &mut self,
        run: &Run<'_>,
        least: usize,
        mut at: usize,
        memory: &mut Memory,
    ) -> Option<usize> {
        let before = at;
        if let Some(byte) = run.follow.single {
            at = least + memchr::memrchr(byte, self.text.get(least..at)?)?;
        } else {
            loop {
                if at <= least {
                    return None;
                }
                at -= 1;
                while self.text.get(at).is_some_and(|byte| class::continues(*byte)) {
                    at -= 1;
                }
                if self.follows(run.follow, at) {
                    break;
                }
            }
        }
        self.patience = self.patience.saturating_sub((before - at) / 8);
        if at > least {
            memory.stack.push(Frame::Greedy { pc: run.pc, least, at });
        }
        Some(at)
    }

    /// Takes characters from `at` on, up to `most`, until what follows can begin.
    fn take(
        &mut self,
        run: &Run<'_>,
        mut at: usize,
        most: usize,
        memory: &mut Memory,
    ) -> Option<usize> {
        let before = at;
        match (run.follow.single, run.class.except) {
            (Some(byte), Some(except)) if most == usize::MAX => {
                let rest = self.text.get(at..)?;
                let found = memchr::memchr2(byte, except, rest)?;
                if rest.get(found) != Some(&byte) {
                    return None;
                }
                at += found;
            }
            _ => {
                while !self.follows(run.follow, at) {
                    if at >= most {
                        return None;
                    }
                    at = run.class.step(self.text, at)?;
                }
            }
        }
        self.patience = self.patience.saturating_sub((at - before) / 8);
        if at < most {
            memory.stack.push(Frame::Lazy { pc: run.pc, at, most });
        }
        Some(at)
    }

    /// Goes back to the last choice that has something left.
    fn back(&mut self, memory: &mut Memory) -> Option<(Pc, usize)> {
        while let Some(frame) = memory.stack.pop() {
            match frame {
                Frame::Slot { slot, old } => {
                    if let Some(place) = memory.slots.get_mut(usize::from(slot)) {
                        *place = old;
                    }
                }
                Frame::Choice { pc, left, at } => {
                    if let Inst::Choice { branches, .. } = self.program.inst(pc)
                        && let Some(branch) = choose(branches, (pc, at), left, memory)
                    {
                        return Some((branch, at));
                    }
                }
                Frame::Greedy { pc, least, at } => {
                    if let Inst::Span(span) = self.program.inst(pc)
                        && let Some(run) = self.run_of(span, pc)
                        && let Some(at) = self.give(&run, least, at, memory)
                    {
                        return Some((span.next, at));
                    }
                }
                Frame::Lazy { pc, at, most } => {
                    if let Inst::Span(span) = self.program.inst(pc)
                        && let Some(run) = self.run_of(span, pc)
                        && let Some(at) = run.class.step(self.text, at)
                        && let Some(at) = self.take(&run, at, most, memory)
                    {
                        return Some((span.next, at));
                    }
                }
            }
        }
        None
    }

    #[inline]
    fn run_of(&self, span: &Span, pc: Pc) -> Option<Run<'p>> {
        let class = self.program.class(span.class)?;
        let follow = self.program.follows.get(usize::from(span.follow))?;
        Some(Run { pc, class, follow })
    }

    fn look(&self, look: Look, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|last| self.text.get(last)).copied();
        let after = self.text.get(at).copied();
        let word = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        match look {
            Look::Start => at == 0,
            Look::End => after.is_none(),
            Look::StartLF => before.is_none_or(|byte| byte == b'\n'),
            Look::EndLF => after.is_none_or(|byte| byte == b'\n'),
            Look::WordAscii => word(before) != word(after),
            Look::WordAsciiNegate => word(before) == word(after),
            _ => false,
        }
    }
}

/// Takes the first of the branches whose bits are set, and remembers the others.
#[inline]
fn choose(branches: &[Pc], (pc, at): (Pc, usize), bits: u8, memory: &mut Memory) -> Option<Pc> {
    let branch = branches.get(bits.trailing_zeros() as usize)?;
    let left = bits & bits.wrapping_sub(1);
    if left != 0 {
        memory.stack.push(Frame::Choice { pc, left, at });
    }
    Some(*branch)
}
