//! The compiled form of conditions: tests of strings where they lie, nothing allocated, chains of
//! alternatives turned into sets. What has no such form is left to the plain evaluator.

use regex::{Regex, RegexSet};

use super::address::FieldTest;
use super::ast::{Kind, Loop, Node, Op};
use super::constant::Folder;
use super::context::Cx;
use super::error::Failure;
use super::eval::{self, Stop};
use super::lines::{AnyLine, AnyRange};
use super::past::{PastTest, Sieves};
use super::program::Known;
use super::reads::total;
use super::rewrite::{inlined, unrolled};
use super::sieve::SieveId;
use super::stack::COMPILED;
use super::subject::{Needles, Source, Subjects};
use super::types::Type;
use crate::schema::Schema;

/// A compiled condition.
#[derive(Debug)]
pub(super) enum Test {
    Const(bool),
    Not(Box<Test>),
    All(Box<[Test]>),
    Any(Box<[Test]>),
    Choose(Box<[Test; 3]>),
    Equal(Source, &'static str),
    Same(Source, Source),
    /// Sorted.
    OneOf(Source, Box<[&'static str]>),
    Starts(Source, Box<[&'static str]>),
    Ends(Source, Box<[&'static str]>),
    Holds(Needles),
    Matches(Source, Regex),
    MatchesOne(Source, RegexSet),
    AnyLine(Box<AnyLine>),
    AnyRange(Box<AnyRange>),
    Field(FieldTest),
    /// A question about held events; the node for where there are none at hand.
    Past(Box<(PastTest, Node)>),
    Plain(Box<Node>),
}

/// Builds conditions of a program.
pub(super) struct Builder<'a> {
    pub(super) subjects: &'a mut Subjects,
    pub(super) folder: &'a mut Folder,
    pub(super) sieves: &'a mut Sieves,
    pub(super) schema: &'a Schema,
}

/// What a leaf of a chain of alternatives asks of its string.
enum Leaf {
    OneOf(Vec<&'static str>),
    Starts(&'static str),
    Ends(&'static str),
    Holds(&'static str),
    Matches(&'static str),
}

/// Alternatives about one string, by kind of question.
#[derive(Default)]
struct Group {
    one_of: Vec<&'static str>,
    starts: Vec<&'static str>,
    ends: Vec<&'static str>,
    holds: Vec<&'static str>,
    matches: Vec<&'static str>,
}

impl Builder<'_> {
    /// The compiled form of a node that is a condition.
    pub(super) fn test(&mut self, node: &Node) -> Test {
        if node.depth > COMPILED {
            return Test::Plain(Box::new(node.clone()));
        }
        match &node.kind {
            Kind::Bool(x) => Test::Const(*x),
            Kind::Not(x) => Test::Not(Box::new(self.test(x))),
            Kind::And(all) => Test::All(all.iter().map(|node| self.test(node)).collect()),
            Kind::Or(all) => self.alternatives(all),
            Kind::Conditional(test, yes, no) if yes.ty == Type::Bool && no.ty == Type::Bool => {
                Test::Choose(Box::new([self.test(test), self.test(yes), self.test(no)]))
            }
            Kind::Let { .. } => match inlined(node) {
                Some(body) => self.test(&body),
                None => self.other(node),
            },
            Kind::Predicate { name, arguments } => self.predicate(node, *name, arguments),
            Kind::Binary(Op::NotEqual, a, b) => match self.comparison(a, b) {
                Some(test) => Test::Not(Box::new(test)),
                None => self.other(node),
            },
            Kind::Binary(Op::Equal, a, b) => match self.comparison(a, b) {
                Some(test) => test,
                None => self.other(node),
            },
            _ => match self.leaf(node) {
                Some((source, leaf)) => {
                    let mut group = Group::default();
                    group.add(leaf);
                    let mut tests = self.group(source, group);
                    match tests.pop() {
                        Some(test) if tests.is_empty() => test,
                        _ => Test::Plain(Box::new(node.clone())),
                    }
                }
                None => self.other(node),
            },
        }
    }

    /// What is no question about strings of the event.
    fn other(&mut self, node: &Node) -> Test {
        if let Some(test) = self.field_test(node) {
            return Test::Field(test);
        }
        match self.past(node) {
            Some(test) => Test::Past(Box::new((test, node.clone()))),
            None => Test::Plain(Box::new(node.clone())),
        }
    }

    fn predicate(&mut self, node: &Node, name: Loop, arguments: &[Node]) -> Test {
        if let [list, body] = arguments
            && matches!(name, Loop::Any | Loop::All)
            && let Some(bodies) = unrolled(list, body)
        {
            return match name {
                Loop::Any => self.alternatives(&bodies),
                _ => Test::All(bodies.iter().map(|node| self.test(node)).collect()),
            };
        }
        if let Some(any) = self.any_range(node) {
            return Test::AnyRange(Box::new(any));
        }
        match self.any_line(node) {
            Some(any) => Test::AnyLine(Box::new(any)),
            None => self.other(node),
        }
    }

    fn comparison(&mut self, a: &Node, b: &Node) -> Option<Test> {
        match (self.folder.text(a), self.folder.text(b)) {
            (Some(x), Some(y)) => Some(Test::Const(x == y)),
            (None, Some(text)) => Some(Test::Equal(self.subjects.source(a)?, text)),
            (Some(text), None) => Some(Test::Equal(self.subjects.source(b)?, text)),
            (None, None) => Some(Test::Same(self.subjects.source(a)?, self.subjects.source(b)?)),
        }
    }

    /// A question about one string.
    fn leaf(&mut self, node: &Node) -> Option<(Source, Leaf)> {
        let Kind::Binary(op, a, b) = &node.kind else { return None };
        if *op == Op::Equal {
            let (subject, text) = match (self.folder.text(a), self.folder.text(b)) {
                (None, Some(text)) => (a, text),
                (Some(text), None) => (b, text),
                _ => return None,
            };
            return Some((self.subjects.source(subject)?, Leaf::OneOf(vec![text])));
        }
        if *op == Op::In {
            let texts = eval::constant_texts(b)?;
            let texts = texts.into_iter().map(|text| crate::text::intern(text)).collect();
            return Some((self.subjects.source(a)?, Leaf::OneOf(texts)));
        }
        let text = self.folder.text(b)?;
        let leaf = match op {
            Op::Contains => Leaf::Holds(text),
            Op::StartsWith => Leaf::Starts(text),
            Op::EndsWith => Leaf::Ends(text),
            Op::Matches if super::pattern::compile(text).is_ok() => Leaf::Matches(text),
            _ => return None,
        };
        Some((self.subjects.source(a)?, leaf))
    }

    /// Alternatives: those that cannot fail may be asked in any order, so the questions about one
    /// string become one. Where one may fail, what stands before it is asked before it.
    fn alternatives(&mut self, all: &[Node]) -> Test {
        let mut tests = Vec::new();
        let mut groups: Vec<(Source, Group)> = Vec::new();
        for node in all {
            let fits = total(node);
            match self.leaf(node).filter(|_| fits) {
                Some((source, leaf)) => {
                    match groups.iter_mut().find(|(known, _)| *known == source) {
                        Some((_, group)) => group.add(leaf),
                        None => {
                            let mut group = Group::default();
                            group.add(leaf);
                            groups.push((source, group));
                        }
                    }
                }
                None => {
                    if !fits {
                        self.flush(&mut groups, &mut tests);
                    }
                    tests.push(self.test(node));
                }
            }
        }
        self.flush(&mut groups, &mut tests);
        match tests.len() {
            1 => tests.pop().unwrap_or(Test::Const(false)),
            _ => Test::Any(tests.into()),
        }
    }

    fn flush(&mut self, groups: &mut Vec<(Source, Group)>, tests: &mut Vec<Test>) {
        for (source, group) in groups.drain(..) {
            tests.extend(self.group(source, group));
        }
    }

    /// The tests of a group, cheap ones first.
    fn group(&mut self, source: Source, mut group: Group) -> Vec<Test> {
        let mut tests = Vec::new();
        group.one_of.sort_unstable();
        group.one_of.dedup();
        match group.one_of.as_slice() {
            [] => {}
            [one] => tests.push(Test::Equal(source, one)),
            _ => tests.push(Test::OneOf(source, group.one_of.into())),
        }
        if !group.starts.is_empty() {
            tests.push(Test::Starts(source, group.starts.into()));
        }
        if !group.ends.is_empty() {
            tests.push(Test::Ends(source, group.ends.into()));
        }
        if !group.holds.is_empty() {
            tests.push(Test::Holds(self.subjects.needles(source, &group.holds)));
        }
        let set = || super::pattern::compile_set(&group.matches).ok();
        if group.matches.len() > 1
            && let Some(set) = set()
        {
            tests.push(Test::MatchesOne(source, set));
        } else {
            for pattern in &group.matches {
                // The checker compiled it already.
                if let Ok(regex) = super::pattern::compile(pattern) {
                    tests.push(Test::Matches(source, regex));
                }
            }
        }
        tests
    }
}

impl Group {
    fn add(&mut self, leaf: Leaf) {
        match leaf {
            Leaf::OneOf(texts) => self.one_of.extend(texts),
            Leaf::Starts(text) => self.starts.push(text),
            Leaf::Ends(text) => self.ends.push(text),
            Leaf::Holds(text) => self.holds.push(text),
            Leaf::Matches(text) => self.matches.push(text),
        }
    }
}

impl Test {
    /// Whether it holds.
    pub(super) fn run(&self, subjects: &Subjects, cx: &mut Cx<'_>) -> Result<bool, Failure> {
        match self {
            Self::Const(x) => Ok(*x),
            Self::Not(x) => x.run(subjects, cx).map(|x| !x),
            Self::All(all) => {
                for test in all {
                    if !test.run(subjects, cx)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(all) => {
                for test in all {
                    if test.run(subjects, cx)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Choose(parts) => {
                let [test, yes, no] = &**parts;
                let chosen = if test.run(subjects, cx)? { yes } else { no };
                chosen.run(subjects, cx)
            }
            Self::Equal(source, text) => with(*source, subjects, cx, |found| found == Some(*text)),
            Self::Same(a, b) => {
                subjects.prepare(*a, cx)?;
                subjects.prepare(*b, cx)?;
                let a = subjects.peek(*a, cx.event, cx.memo);
                Ok(a == subjects.peek(*b, cx.event, cx.memo))
            }
            // The engine looks nil up as "".
            Self::OneOf(source, texts) => with(*source, subjects, cx, |found| {
                texts.binary_search(&found.unwrap_or("")).is_ok()
            }),
            Self::Starts(source, texts) => with(*source, subjects, cx, |found| {
                found.is_some_and(|found| texts.iter().any(|text| found.starts_with(text)))
            }),
            Self::Ends(source, texts) => with(*source, subjects, cx, |found| {
                found.is_some_and(|found| texts.iter().any(|text| found.ends_with(text)))
            }),
            Self::Holds(needles) => subjects.holds(needles, cx),
            Self::Matches(source, regex) => with(*source, subjects, cx, |found| {
                found.is_some_and(|found| regex.is_match(found))
            }),
            Self::MatchesOne(source, set) => {
                with(*source, subjects, cx, |found| found.is_some_and(|found| set.is_match(found)))
            }
            Self::AnyLine(any) => any.run(subjects, cx),
            Self::AnyRange(any) => any.run(cx),
            Self::Field(test) => Ok(test.run(cx.event)),
            Self::Past(parts) => match &cx.past {
                Some(past) => parts.0.run(&**past),
                None => plain(&parts.1, cx),
            },
            Self::Plain(node) => plain(node, cx),
        }
    }

    /// Whether it holds where some operands are known to.
    pub(super) fn run_rest(
        &self,
        known: Known,
        subjects: &Subjects,
        cx: &mut Cx<'_>,
    ) -> Result<bool, Failure> {
        let Self::All(all) = self else {
            return if known.has(0) { Ok(true) } else { self.run(subjects, cx) };
        };
        for (operand, test) in all.iter().enumerate() {
            if !known.has(operand) && !test.run(subjects, cx)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The sieves that questions about held events need.
    pub(super) fn sieves(&self, found: &mut Vec<SieveId>) {
        match self {
            Self::Not(x) => x.sieves(found),
            Self::All(all) | Self::Any(all) => all.iter().for_each(|x| x.sieves(found)),
            Self::Choose(parts) => parts.iter().for_each(|x| x.sieves(found)),
            Self::Past(parts) => parts.0.sieves(found),
            _ => {}
        }
    }
}

#[inline]
fn with(
    source: Source,
    subjects: &Subjects,
    cx: &mut Cx<'_>,
    ask: impl Fn(Option<&str>) -> bool,
) -> Result<bool, Failure> {
    subjects.prepare(source, cx)?;
    Ok(ask(subjects.peek(source, cx.event, cx.memo)))
}

#[cold]
fn plain(node: &Node, cx: &mut Cx<'_>) -> Result<bool, Failure> {
    match eval::condition(node, cx, &mut eval::Frame::default()) {
        Ok(x) => Ok(x),
        Err(Stop::Error(error)) => Err(error),
        Err(Stop::Nil) => Ok(false),
    }
}
