//! `any(File("…"), { S contains # })`: the lines of a data file against one string.
//!
//! The lines (or a pure function of each, as in `Upper(#)`) are prepared once per file and worker;
//! then one pass over the string answers for all of them.

use std::net::IpAddr;
use std::sync::Arc;

use aho_corasick::AhoCorasick;

use super::ast::{Kind, Loop, Node, Op, Pointer};
use super::condition::Builder;
use super::context::Cx;
use super::error::Failure;
use super::eval::{self, Frame, Scope, Stop};
use super::functions::ip;
use super::reads::total;
use super::subject::{Source, Subjects};
use crate::value::{List, Value};

/// A test of one string against the lines of a file.
#[derive(Debug)]
pub(super) struct AnyLine {
    /// Place in [`super::Memo`].
    number: u32,
    file: &'static str,
    source: Source,
    op: Op,
    /// What is looked for, given the line as `#`.
    key: Node,
    /// The whole expression, to be evaluated where a line fits and that is not all: or where the
    /// lines cannot be prepared.
    whole: Node,
    /// Whether a line that fits decides.
    decides: bool,
    /// Whether empty lines never fit.
    filled: bool,
}

/// A test of one address against the networks of a file.
#[derive(Debug)]
pub(super) struct AnyRange {
    /// Place in [`super::Memo`].
    number: u32,
    file: &'static str,
    /// What gives the address; it may fail.
    subject: Node,
    /// Whether empty lines never fit.
    filled: bool,
    /// The whole expression, for lists and addresses that are none of strings.
    whole: Node,
}

/// The lines of a file, made ready.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    list: Arc<List>,
    matcher: Option<Arc<Matcher>>,
}

#[derive(Debug)]
enum Matcher {
    Contains(AhoCorasick),
    /// Sorted.
    Equal(Vec<Arc<str>>),
    Starts(Vec<Arc<str>>),
    Ends(Vec<Arc<str>>),
    /// First and last addresses of networks, apart from each other, in order.
    Ranges {
        networks: Vec<(IpAddr, IpAddr)>,
        asked: bool,
    },
}

impl Builder<'_> {
    /// The short form of an `any` over a file, where it has one.
    pub(super) fn any_line(&mut self, node: &Node) -> Option<AnyLine> {
        let Kind::Predicate { name: Loop::Any, arguments } = &node.kind else { return None };
        let [collection, body] = arguments.as_slice() else { return None };
        let Kind::Call { name, arguments, .. } = &collection.kind else { return None };
        let file = (&**name == "File").then(|| self.folder.text(arguments.first()?)).flatten()?;
        let (test, filled, decides) = match &body.kind {
            Kind::Conditional(test, _, no) if no.kind == Kind::Bool(false) => {
                (&**test, false, false)
            }
            Kind::And(all) => match all.as_slice() {
                [first, test, rest @ ..] if asks_filled(first) => (test, true, rest.is_empty()),
                _ => (all.first()?, false, false),
            },
            _ => (body, false, true),
        };
        let Kind::Binary(op, a, b) = &test.kind else { return None };
        let (subject, key) = match op {
            Op::Equal if of_line(a) => (b, a),
            Op::Equal | Op::Contains | Op::StartsWith | Op::EndsWith => (a, b),
            _ => return None,
        };
        if !(of_line(key) && total(subject)) {
            return None;
        }
        let source = self.subjects.source(subject)?;
        let number = self.subjects.add_file();
        let (key, whole) = ((**key).clone(), node.clone());
        Some(AnyLine { number, file, source, op: *op, key, whole, decides, filled })
    }

    /// The short form of `any(File("…"), { IpInRange(S, #) })`, where it is that.
    pub(super) fn any_range(&mut self, node: &Node) -> Option<AnyRange> {
        let Kind::Predicate { name: Loop::Any, arguments } = &node.kind else { return None };
        let [collection, body] = arguments.as_slice() else { return None };
        let Kind::Call { name, arguments, .. } = &collection.kind else { return None };
        let file = (&**name == "File").then(|| self.folder.text(arguments.first()?)).flatten()?;
        let (test, filled) = match &body.kind {
            Kind::And(all) => match all.as_slice() {
                [first, test] if asks_filled(first) => (test, true),
                _ => return None,
            },
            _ => (body, false),
        };
        let Kind::Call { name, arguments, .. } = &test.kind else { return None };
        let [subject, line] = arguments.as_slice() else { return None };
        let fits = &**name == "IpInRange"
            && line.kind == Kind::Pointer(Pointer::Item)
            && path_of_event(subject);
        let number = fits.then(|| self.subjects.add_file())?;
        let (subject, whole) = (subject.clone(), node.clone());
        Some(AnyRange { number, file, subject, filled, whole })
    }
}

/// Whether a node is `len(#) > 0`.
fn asks_filled(node: &Node) -> bool {
    let Kind::Binary(Op::More, a, b) = &node.kind else { return false };
    let Kind::Call { name, arguments, .. } = &a.kind else { return false };
    let [line] = arguments.as_slice() else { return false };
    &**name == "len" && line.kind == Kind::Pointer(Pointer::Item) && b.kind == Kind::Int(0)
}

/// Whether a node is a string of the event, whatever it takes to find it.
fn path_of_event(node: &Node) -> bool {
    match &node.kind {
        Kind::Event | Kind::Field(_) => true,
        Kind::Member { base, property, optional: false } => {
            property.text().is_some() && path_of_event(base)
        }
        _ => false,
    }
}

/// Whether a node is a function of the line alone.
fn of_line(node: &Node) -> bool {
    match &node.kind {
        Kind::Pointer(Pointer::Item) => true,
        Kind::Call { callee, arguments, .. } => {
            callee.0.is_some_and(|function| function.pure)
                && arguments.iter().any(of_line)
                && arguments.iter().all(|node| of_line(node) || node.text().is_some())
        }
        _ => false,
    }
}

impl AnyLine {
    /// Whether a line fits.
    pub(super) fn run(&self, subjects: &Subjects, cx: &mut Cx<'_>) -> Result<bool, Failure> {
        let Some(Value::List(list)) = cx.lookups.file(self.file) else { return Ok(false) };
        let known = cx.memo.lines(self.number).filter(|known| Arc::ptr_eq(&known.list, list));
        let prepared = match known {
            Some(known) => known.matcher.clone(),
            None => {
                let list = Arc::clone(list);
                let matcher = self.prepare(&list, cx).map(Arc::new);
                let prepared = Prepared { list, matcher: matcher.clone() };
                cx.memo.set_lines(self.number, prepared);
                matcher
            }
        };
        let Some(matcher) = prepared else { return self.plainly(cx) };
        subjects.prepare(self.source, cx)?;
        let Some(text) = subjects.peek(self.source, cx.event, cx.memo) else { return Ok(false) };
        let fits = match &*matcher {
            Matcher::Contains(automaton) => automaton.is_match(text),
            Matcher::Equal(lines) => lines.binary_search_by(|line| (**line).cmp(text)).is_ok(),
            Matcher::Starts(lines) => lines.iter().any(|line| text.starts_with(&**line)),
            Matcher::Ends(lines) => lines.iter().any(|line| text.ends_with(&**line)),
            Matcher::Ranges { .. } => false,
        };
        if fits && !self.decides { self.plainly(cx) } else { Ok(fits) }
    }

    /// The lines made ready, unless one of them gives no string.
    fn prepare(&self, list: &List, cx: &mut Cx<'_>) -> Option<Matcher> {
        let mut frame = Frame::default();
        let mut keys = Vec::with_capacity(list.items.len());
        for item in &list.items {
            if self.filled && item.as_str().is_some_and(str::is_empty) {
                continue;
            }
            let scope = Scope { item: item.clone(), index: 0, accumulator: Value::Nil };
            frame.scopes.push(scope);
            let key = eval::eval(&self.key, cx, &mut frame);
            frame.scopes.pop();
            match key {
                Ok(Value::Str(text)) => keys.push(text),
                _ => return None,
            }
        }
        Some(match self.op {
            Op::Contains => {
                Matcher::Contains(AhoCorasick::new(keys.iter().map(|key| key.as_bytes())).ok()?)
            }
            Op::StartsWith => Matcher::Starts(keys),
            Op::EndsWith => Matcher::Ends(keys),
            _ => {
                keys.sort_unstable();
                Matcher::Equal(keys)
            }
        })
    }

    fn plainly(&self, cx: &mut Cx<'_>) -> Result<bool, Failure> {
        plainly(&self.whole, cx)
    }
}

fn plainly(node: &Node, cx: &mut Cx<'_>) -> Result<bool, Failure> {
    match eval::condition(node, cx, &mut Frame::default()) {
        Ok(fits) => Ok(fits),
        Err(Stop::Error(error)) => Err(error),
        Err(Stop::Nil) => Ok(false),
    }
}

impl AnyRange {
    /// Whether the address is in one of the networks.
    pub(super) fn run(&self, cx: &mut Cx<'_>) -> Result<bool, Failure> {
        let Some(Value::List(list)) = cx.lookups.file(self.file) else { return Ok(false) };
        let known = cx.memo.lines(self.number).filter(|known| Arc::ptr_eq(&known.list, list));
        let matcher = match known {
            Some(known) => known.matcher.clone(),
            None => {
                let matcher = self.prepare(list).map(Arc::new);
                let prepared = Prepared { list: Arc::clone(list), matcher: matcher.clone() };
                cx.memo.set_lines(self.number, prepared);
                matcher
            }
        };
        let Some(Matcher::Ranges { networks, asked }) = matcher.as_deref() else {
            return plainly(&self.whole, cx);
        };
        if !asked {
            return Ok(false);
        }
        let Ok(Value::Str(text)) = eval::run(&self.subject, cx) else {
            return plainly(&self.whole, cx);
        };
        let Some(ip) = ip::parse(&text) else { return Ok(false) };
        let behind = networks.partition_point(|(first, _)| *first <= ip);
        let before = behind.checked_sub(1).and_then(|at| networks.get(at));
        Ok(before.is_some_and(|(_, last)| ip <= *last))
    }

    fn prepare(&self, list: &List) -> Option<Matcher> {
        let mut asked = false;
        let mut all = Vec::new();
        for item in &list.items {
            let line = item.as_str()?;
            if self.filled && line.is_empty() {
                continue;
            }
            asked = true;
            all.extend(ip::network(line).map(|net| (net.network(), net.broadcast())));
        }
        all.sort_unstable();
        let mut networks: Vec<(IpAddr, IpAddr)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match networks.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                _ => networks.push((first, last)),
            }
        }
        Some(Matcher::Ranges { networks, asked })
    }
}
