//! How far a pattern gets on a text that it does not match: what `explain` shows.

use std::collections::BTreeMap;

use regex_automata::Input;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_syntax::hir::{Hir, HirKind};

use super::expand::{Expansion, Part};
use super::matcher::strip;
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

/// Finds the longest beginning of the pattern that matches somewhere in `text`. Beginnings are
/// taken to match up to one length and not beyond it, which is so but for `|` outside of groups.
pub(super) fn progress(expansion: &Expansion, text: &str) -> Progress {
    let mut reached = Progress::default();
    let Some(pieces) = Pieces::of(expansion) else { return reached };
    let count = expansion.pieces.len();
    if let Some((index, end)) = longest(count, text, &|index| pieces.until(index))
        && let Some(part) = expansion.pieces.get(index)
    {
        reached = Progress { pattern: part.written.end, piece: index + 1, text: end };
    }
    // Within text, single characters count.
    let Some(part) = expansion.pieces.get(reached.piece).filter(|part| part.verbatim) else {
        return reached;
    };
    let piece = expansion.text.get(part.expanded.clone()).unwrap_or("");
    let starts: Vec<usize> = piece.char_indices().skip(1).map(|(start, _)| start).collect();
    let until = |index: usize| beginning(expansion, part.expanded.start + starts.get(index)?);
    if let Some((index, end)) = longest(starts.len(), text, &until)
        && let Some(offset) = starts.get(index)
    {
        reached.pattern = part.written.start + offset;
        reached.text = end;
    }
    reached
}

/// The last of `count` beginnings that matches, and where its match ends. Compiling is what costs:
/// it is done for few of them, and for short ones first.
fn longest(
    count: usize,
    text: &str,
    until: &dyn Fn(usize) -> Option<Hir>,
) -> Option<(usize, usize)> {
    let mut found = None;
    let (mut low, mut high) = (0, count);
    // Doubles as long as beginnings match; 0 once one does not.
    let mut stride = 1;
    while low < high {
        let middle = match stride {
            0 => low + (high - low) / 2,
            _ => (low + stride - 1).min(high - 1),
        };
        // Between `(` and `?`, or within a class, a beginning is no expression.
        let mut candidates = (low..=middle).rev();
        let compiled = candidates.find_map(|at| Some((at, automaton(&until(at)?)?)));
        match compiled {
            Some((at, automaton)) => match match_end(&automaton, text) {
                Some(end) => {
                    found = Some((at, end));
                    low = middle + 1;
                    stride *= 2;
                }
                None => (high, stride) = (at, 0),
            },
            None => low = middle + 1,
        }
    }
    found
}

/// A pattern that was parsed once, to be cut behind each of its pieces.
struct Pieces {
    hir: Hir,
    /// Of each piece, the capture group of a reference; `None` of text.
    groups: Vec<Option<u32>>,
}

impl Pieces {
    fn of(expansion: &Expansion) -> Option<Self> {
        let translation = re2::rewrite(&expansion.text).ok()?;
        let hir = re2::parse(&translation).ok()?;
        let group = |part: &Part| {
            let index = translation.groups.binary_search(&part.expanded.start).ok()?;
            u32::try_from(index + 1).ok().filter(|_| !part.verbatim)
        };
        Some(Self { hir, groups: expansion.pieces.iter().map(group).collect() })
    }

    /// The expression up to the end of a piece.
    fn until(&self, piece: usize) -> Option<Hir> {
        match self.groups.get(piece)? {
            Some(group) => cut(&self.hir, *group, true),
            // Text reaches to the reference behind it.
            None => match self.groups.get(piece + 1) {
                Some(next) => cut(&self.hir, (*next)?, false),
                None => Some(without_groups(&self.hir)),
            },
        }
    }
}

/// An expression up to a capture group, with or without it; `None` where that is not within.
fn cut(hir: &Hir, group: u32, with: bool) -> Option<Hir> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.index == group => {
            Some(if with { without_groups(&capture.sub) } else { Hir::empty() })
        }
        HirKind::Capture(capture) => cut(&capture.sub, group, with),
        HirKind::Repetition(repetition) => cut(&repetition.sub, group, with),
        HirKind::Concat(parts) => up_to(parts, group, with).map(Hir::concat),
        HirKind::Alternation(parts) => up_to(parts, group, with).map(Hir::alternation),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => None,
    }
}

fn up_to(parts: &[Hir], group: u32, with: bool) -> Option<Vec<Hir>> {
    let cuts = parts.iter().enumerate();
    let (at, last) = cuts.filter_map(|(at, part)| Some((at, cut(part, group, with)?))).next()?;
    let before = parts.get(..at)?.iter().map(without_groups);
    Some(before.chain([last]).collect())
}

fn without_groups(hir: &Hir) -> Hir {
    strip(hir, &BTreeMap::new())
}

/// The expression's first `length` bytes, if that is one. Groups that are open there are closed.
fn beginning(expansion: &Expansion, length: usize) -> Option<Hir> {
    let mut part = expansion.text.get(..length)?.to_owned();
    for _ in 0..=OPEN_GROUPS {
        if let Ok(translation) = re2::rewrite(&part) {
            return re2::parse(&translation).ok().map(|hir| without_groups(&hir));
        }
        part.push(')');
    }
    None
}

/// Half of what a regex is made of, and the cheaper one: only where the match ends is asked.
fn automaton(hir: &Hir) -> Option<DFA> {
    let config = thompson::Config::new()
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(re2::COMPILED_BYTES));
    let nfa = NFA::compiler().configure(config).build_from_hir(hir).ok()?;
    let config = DFA::config().skip_cache_capacity_check(true);
    DFA::builder().configure(config).build_from_nfa(nfa).ok()
}

/// Where the leftmost match ends.
fn match_end(automaton: &DFA, text: &str) -> Option<usize> {
    let mut cache = automaton.create_cache();
    let found = automaton.try_search_fwd(&mut cache, &Input::new(text));
    found.ok().flatten().map(|end| end.offset())
}
