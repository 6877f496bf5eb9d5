//! `any(File("…"), { S contains # })`: the lines of a data file against one string.
//!
//! The lines (or a pure function of each, as in `Upper(#)`) are prepared once per file and worker;
//! then one pass over the string answers for all of them.

use std::sync::Arc;

use aho_corasick::AhoCorasick;

use super::ast::{Kind, Loop, Node, Op, Pointer};
use super::condition::Builder;
use super::context::Cx;
use super::error::Failure;
use super::eval::{self, Frame, Scope, Stop};
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
}

impl Builder<'_> {
    /// The short form of an `any` over a file, where it has one.
    pub(super) fn any_line(&mut self, node: &Node) -> Option<AnyLine> {
        let Kind::Predicate { name: Loop::Any, arguments } = &node.kind else { return None };
        let [collection, body] = arguments.as_slice() else { return None };
        let Kind::Call { name, arguments, .. } = &collection.kind else { return None };
        let file = (&**name == "File").then(|| self.folder.text(arguments.first()?)).flatten()?;
        let (test, decides) = match &body.kind {
            Kind::Conditional(test, _, no) if no.kind == Kind::Bool(false) => (&**test, false),
            Kind::And(all) => (all.first()?, false),
            _ => (body, true),
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
        Some(AnyLine { number, file, source, op: *op, key, whole, decides })
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
        };
        if fits && !self.decides { self.plainly(cx) } else { Ok(fits) }
    }

    /// The lines made ready, unless one of them gives no string.
    fn prepare(&self, list: &List, cx: &mut Cx<'_>) -> Option<Matcher> {
        let mut frame = Frame::default();
        let mut keys = Vec::with_capacity(list.items.len());
        for item in &list.items {
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
        match eval::condition(&self.whole, cx, &mut Frame::default()) {
            Ok(fits) => Ok(fits),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Nil) => Ok(false),
        }
    }
}
