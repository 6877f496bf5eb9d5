//! The strings that conditions test: where they come from, and which literals are looked for in
//! each of them.
//!
//! All `S contains '…'` of a program share one Aho-Corasick pass over S: it is made when the third
//! literal is asked for, and its result is kept until S changes.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;

use super::ast::{Kind, Node, Op, Part};
use super::context::Cx;
use super::error::Failure;
use super::eval;
use super::memo::{Memo, NEVER};
use super::types::Type;
use crate::event::Event;
use crate::schema::FieldId;
use crate::value::Value;

/// Where a string comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// A field; "" where it was never written.
    Field(FieldId),
    /// A label of the line; "" where there is none.
    Label(&'static str),
    /// Another string of the event.
    Part(Part),
    /// A pure function of such strings, by its number in [`Subjects`].
    Computed(u32),
}

/// On what the value of a string depends.
#[derive(Clone, Copy, Debug)]
enum Key {
    Field(FieldId),
    Event,
}

#[derive(Debug)]
struct Computed {
    node: Node,
    key: Key,
}

/// A string and the literals that are looked for in it.
#[derive(Debug)]
struct Haystack {
    source: Source,
    literals: Vec<&'static str>,
    known: BTreeMap<&'static str, u32>,
    automaton: Option<AhoCorasick>,
}

/// A set of literals of one haystack.
#[derive(Clone, Debug)]
pub(super) struct Needles {
    haystack: u32,
    /// Numbers in the haystack, in order of writing.
    ids: Box<[u32]>,
    /// The same as bits, where they are many.
    mask: Box<[u64]>,
}

/// Fewer literals than this are looked for one by one.
const FEW: usize = 4;
/// So many questions are answered one by one before a pass is made.
const PATIENCE: usize = 2;

/// All strings of a program.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    computed: Vec<Computed>,
    haystacks: Vec<Haystack>,
    files: u32,
}

impl Subjects {
    /// The string of a node, where it is one that cannot fail and depends on the event alone.
    pub(super) fn source(&mut self, node: &Node) -> Option<Source> {
        match &node.kind {
            Kind::Field(id) => Some(Source::Field(*id)),
            Kind::Label(name) => Some(Source::Label(crate::text::intern(name))),
            Kind::Part(part) if *part != Part::Scenario => Some(Source::Part(*part)),
            Kind::Call { .. } if node.ty == Type::String && pure(node) => self.compute(node),
            _ => None,
        }
    }

    fn compute(&mut self, node: &Node) -> Option<Source> {
        let number = match self.computed.iter().position(|known| known.node == *node) {
            Some(index) => index,
            None => {
                let mut fields = Fields::default();
                fields.collect(node);
                let key = match (fields.other, fields.field) {
                    (false, Some(field)) => Key::Field(field),
                    _ => Key::Event,
                };
                self.computed.push(Computed { node: node.clone(), key });
                self.computed.len() - 1
            }
        };
        u32::try_from(number).ok().map(Source::Computed)
    }

    /// Registers literals to be looked for in a string.
    pub(super) fn needles(&mut self, source: Source, literals: &[&'static str]) -> Needles {
        let index = match self.haystacks.iter().position(|known| known.source == source) {
            Some(index) => index,
            None => {
                self.haystacks.push(Haystack {
                    source,
                    literals: Vec::new(),
                    known: BTreeMap::new(),
                    automaton: None,
                });
                self.haystacks.len() - 1
            }
        };
        let mut ids = Vec::new();
        if let Some(haystack) = self.haystacks.get_mut(index) {
            for literal in literals {
                let next = u32::try_from(haystack.literals.len()).unwrap_or(u32::MAX);
                let id = *haystack.known.entry(literal).or_insert(next);
                if id == next {
                    haystack.literals.push(literal);
                }
                ids.push(id);
            }
        }
        let mut mask = Vec::new();
        for id in ids.iter().filter(|_| ids.len() > FEW) {
            let word = *id as usize / 64;
            if mask.len() <= word {
                mask.resize(word + 1, 0_u64);
            }
            if let Some(bits) = mask.get_mut(word) {
                *bits |= 1 << (id % 64);
            }
        }
        let haystack = u32::try_from(index).unwrap_or(u32::MAX);
        Needles { haystack, ids: ids.into(), mask: mask.into() }
    }

    /// Builds the automata once all literals are known.
    pub(super) fn finish(&mut self) {
        for haystack in &mut self.haystacks {
            if haystack.literals.len() > FEW {
                // A set that is too large to build is looked for one by one.
                haystack.automaton = AhoCorasick::new(&haystack.literals).ok();
            }
        }
    }

    /// A place in the memo for the lines of a file.
    pub(super) fn add_file(&mut self) -> u32 {
        self.files += 1;
        self.files - 1
    }

    /// How many memo entries the program needs: computed strings, haystacks, files.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        (self.computed.len(), self.haystacks.len(), self.files as usize)
    }

    fn key(&self, source: Source, event: &Event) -> u64 {
        match source {
            Source::Field(id) => event.field_version(id),
            Source::Label(_) | Source::Part(_) => event.version(),
            Source::Computed(number) => match self.computed.get(number as usize).map(|c| c.key) {
                Some(Key::Field(id)) => event.field_version(id),
                _ => event.version(),
            },
        }
    }

    /// Computes a string if it is stale.
    #[inline]
    pub(super) fn prepare(&self, source: Source, cx: &mut Cx<'_>) -> Result<(), Failure> {
        match source {
            Source::Computed(number) => self.compute_now(source, number, cx),
            _ => Ok(()),
        }
    }

    fn compute_now(&self, source: Source, number: u32, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let key = self.key(source, cx.event);
        if cx.memo.text_key(number) == key {
            return Ok(());
        }
        let Some(computed) = self.computed.get(number as usize) else { return Ok(()) };
        let text = match eval::run(&computed.node, cx)? {
            Value::Str(text) => Some(text),
            _ => None,
        };
        cx.memo.set_text(number, key, text);
        Ok(())
    }

    /// The characters of a string that is prepared; `None` for nil.
    #[inline]
    pub(super) fn peek<'a>(
        &self,
        source: Source,
        event: &'a Event,
        memo: &'a Memo,
    ) -> Option<&'a str> {
        match source {
            Source::Field(id) => Some(event.get(id).unwrap_or("")),
            Source::Label(name) => Some(eval::label(event, name)),
            Source::Part(part) => eval::part_of(event, part).ok(),
            Source::Computed(number) => memo.text(number),
        }
    }

    /// Whether one of the literals is in its string.
    pub(super) fn holds(&self, needles: &Needles, cx: &mut Cx<'_>) -> Result<bool, Failure> {
        let Some(haystack) = self.haystacks.get(needles.haystack as usize) else {
            return Ok(false);
        };
        self.prepare(haystack.source, cx)?;
        let literal = |id: &u32| haystack.literals.get(*id as usize).copied();
        let Some(automaton) = &haystack.automaton else {
            let text = self.peek(haystack.source, cx.event, cx.memo);
            return Ok(text.is_some_and(|text| {
                needles.ids.iter().filter_map(literal).any(|literal| text.contains(literal))
            }));
        };
        let key = self.key(haystack.source, cx.event);
        let asked = cx.memo.ask(needles.haystack, key, needles.ids.len());
        if asked != NEVER {
            let Some(text) = self.peek(haystack.source, cx.event, cx.memo) else {
                return Ok(false);
            };
            if asked <= PATIENCE as u64 {
                let mut literals = needles.ids.iter().filter_map(literal);
                return Ok(literals.any(|literal| text.contains(literal)));
            }
            let found = automaton.find_overlapping_iter(text);
            let found: Vec<u32> = found.map(|hit| hit.pattern().as_u32()).collect();
            cx.memo.set_hits(needles.haystack, &found);
        }
        Ok(cx.memo.hit(needles.haystack, &needles.ids, &needles.mask))
    }
}

/// The one field that a string is made of, if it is one.
#[derive(Default)]
struct Fields {
    field: Option<FieldId>,
    other: bool,
}

impl Fields {
    fn collect(&mut self, node: &Node) {
        match &node.kind {
            Kind::Field(id) if self.field.is_none_or(|known| known == *id) => {
                self.field = Some(*id);
            }
            Kind::Field(_) | Kind::Label(_) | Kind::Part(_) => self.other = true,
            _ => {}
        }
        node.visit(&mut |child| self.collect(child));
    }
}

/// Whether a node is a function of strings of the event alone.
pub(super) fn pure(node: &Node) -> bool {
    let here = match &node.kind {
        Kind::Text(_) | Kind::Int(_) | Kind::Float(_) | Kind::Bool(_) => true,
        Kind::Field(_) | Kind::Label(_) => true,
        Kind::Part(part) => *part != Part::Scenario,
        Kind::Binary(Op::Add, a, b) => a.ty == Type::String && b.ty == Type::String,
        Kind::Call { callee, .. } => callee.0.is_some_and(|function| function.pure),
        _ => false,
    };
    let mut all = here;
    node.visit(&mut |child| all = all && pure(child));
    all
}
