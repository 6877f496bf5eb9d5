//! Conditions about the events that a bucket holds, answered from what is known of them: no list is
//! made and no event restored.
//!
//! ```text
//! let v = filter(queue.Queue, {#.Meta.x == 'y'});      a view: the events that a sieve lets through
//! len(v) >= 4 && MedianInterval(map(v[-4:], {#.Time})) > duration("10m")     questions about views
//! ```

use std::borrow::Cow;
use std::fmt::Debug;

use super::ast::{Kind, Loop, Node, Op, Pointer};
use super::condition::Builder;
use super::error::{EvalError, Failure};
use super::functions::time::{average, median};
use super::operation;
use super::sieve::{Sieve, SieveId, field_of};
use crate::schema::FieldId;
use crate::text::intern;
use crate::time::Stamp;
use crate::value::Value;

/// The events of a bucket, oldest first, or those of them that a sieve lets through.
pub trait Past: Debug {
    /// How many there are.
    fn count(&self, sieve: Option<SieveId>) -> usize;

    /// `evt.Time` of one of them, by its place.
    fn time(&self, sieve: Option<SieveId>, place: usize) -> Stamp;

    /// A field of one of them, "" where it was never written.
    fn text(&self, sieve: Option<SieveId>, place: usize, field: FieldId) -> Cow<'_, str>;

    /// A root other than `evt` as a value.
    fn root(&mut self, name: &str) -> Value;
}

/// Some of the events.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    sieve: Option<SieveId>,
    /// Whether the list is made here, which counts against the budget of an evaluation.
    made: bool,
    from: Option<i64>,
    to: Option<i64>,
}

#[derive(Debug)]
pub(super) enum Number {
    Const(i64),
    Length(View),
}

/// A duration. Unit: nanoseconds.
#[derive(Debug)]
pub(super) enum Span {
    Const(i64),
    Median(View),
    Average(View),
}

#[derive(Debug)]
pub(super) enum Text {
    Const(&'static str),
    Field { view: View, index: i64, field: FieldId },
}

/// A compiled question.
#[derive(Debug)]
pub(super) enum PastTest {
    Not(Box<PastTest>),
    All(Box<[PastTest]>),
    Any(Box<[PastTest]>),
    /// A list that is given a name.
    Let(View, Box<PastTest>),
    Numbers(Op, Number, Number),
    Spans(Op, Span, Span),
    Texts(Op, Text, Text),
}

/// Builds questions; `views` are the lists that have names, by depth of declaration.
struct Asking<'b, 'a> {
    builder: &'b mut Builder<'a>,
    views: Vec<View>,
}

impl Builder<'_> {
    /// The question that a condition is, if it is one about held events.
    pub(super) fn past(&mut self, node: &Node) -> Option<PastTest> {
        Asking { builder: self, views: Vec::new() }.test(node)
    }
}

impl Asking<'_, '_> {
    fn test(&mut self, node: &Node) -> Option<PastTest> {
        let mut each = |all: &[Node]| all.iter().map(|x| self.test(x)).collect::<Option<_>>();
        match &node.kind {
            Kind::Not(x) => Some(PastTest::Not(Box::new(self.test(x)?))),
            Kind::And(all) => each(all).map(PastTest::All),
            Kind::Or(all) => each(all).map(PastTest::Any),
            Kind::Let { value, body, .. } => {
                let view = self.view(value)?;
                self.views.push(View { made: false, ..view });
                let body = self.test(body);
                self.views.pop();
                Some(PastTest::Let(view, Box::new(body?)))
            }
            Kind::Predicate { name, arguments } => self.predicate(*name, arguments),
            Kind::Binary(op, a, b) => self.comparison(*op, a, b),
            _ => None,
        }
    }

    /// `any(queue.Queue, {…})` and its kin: how many there are says it.
    fn predicate(&mut self, name: Loop, arguments: &[Node]) -> Option<PastTest> {
        let [list, body] = arguments else { return None };
        let some = Number::Length(View { made: false, ..self.sifted(list, body)? });
        let all = || Number::Length(View { sieve: None, made: false, from: None, to: None });
        Some(match name {
            Loop::Any => PastTest::Numbers(Op::More, some, Number::Const(0)),
            Loop::None => PastTest::Numbers(Op::Equal, some, Number::Const(0)),
            Loop::One => PastTest::Numbers(Op::Equal, some, Number::Const(1)),
            Loop::All => PastTest::Numbers(Op::Equal, some, all()),
            _ => return None,
        })
    }

    fn comparison(&mut self, op: Op, a: &Node, b: &Node) -> Option<PastTest> {
        let equality = matches!(op, Op::Equal | Op::NotEqual);
        if !equality && !matches!(op, Op::Less | Op::More | Op::LessOrEqual | Op::MoreOrEqual) {
            return None;
        }
        if let (Some(a), Some(b)) = (self.number(a), self.number(b)) {
            return Some(PastTest::Numbers(op, a, b));
        }
        if let (Some(a), Some(b)) = (self.span(a), self.span(b)) {
            return Some(PastTest::Spans(op, a, b));
        }
        let texts = (self.text(a)?, self.text(b)?);
        equality.then_some(PastTest::Texts(op, texts.0, texts.1))
    }

    fn number(&mut self, node: &Node) -> Option<Number> {
        match &node.kind {
            Kind::Int(number) => Some(Number::Const(*number)),
            Kind::Call { name, arguments, .. } if &**name == "len" => match arguments.as_slice() {
                [list] => self.view(list).map(Number::Length),
                _ => None,
            },
            Kind::Predicate { name: Loop::Count, arguments } => match arguments.as_slice() {
                [list, body] => {
                    let view = self.sifted(list, body)?;
                    Some(Number::Length(View { made: false, ..view }))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn span(&mut self, node: &Node) -> Option<Span> {
        if let Some(ns) = self.builder.folder.span(node) {
            return Some(Span::Const(ns));
        }
        let Kind::Call { name, arguments, .. } = &node.kind else { return None };
        let [times] = arguments.as_slice() else { return None };
        let Kind::Predicate { name: Loop::Map, arguments } = &times.kind else { return None };
        let [list, body] = arguments.as_slice() else { return None };
        let Kind::Member { base, property, optional: false } = &body.kind else { return None };
        if base.kind != Kind::Pointer(Pointer::Item) || &**property.text()? != "Time" {
            return None;
        }
        let view = self.view(list)?;
        match &**name {
            "MedianInterval" => Some(Span::Median(view)),
            "AverageInterval" => Some(Span::Average(view)),
            _ => None,
        }
    }

    fn text(&mut self, node: &Node) -> Option<Text> {
        if let Some(text) = node.text() {
            return Some(Text::Const(intern(text)));
        }
        let (event, field) = field_of(node, self.builder.schema)?;
        let Kind::Member { base, property, optional: false } = &event.kind else { return None };
        let index = integer(property)?;
        Some(Text::Field { view: self.view(base)?, index, field })
    }

    /// The events that a node lists.
    fn view(&mut self, node: &Node) -> Option<View> {
        match &node.kind {
            Kind::Variable(index) => self.views.get(usize::from(*index)).copied(),
            Kind::Predicate { name: Loop::Filter, arguments } => match arguments.as_slice() {
                [list, body] => self.sifted(list, body),
                _ => None,
            },
            Kind::Slice { base, from, to } => {
                let view = self.view(base)?;
                if view.from.is_some() || view.to.is_some() {
                    return None;
                }
                let bound = |bound: &Option<Box<Node>>| match bound {
                    None => Some(None),
                    Some(node) => integer(node).map(Some),
                };
                Some(View { from: bound(from)?, to: bound(to)?, ..view })
            }
            _ if is_queue(node) => Some(View { sieve: None, made: false, from: None, to: None }),
            _ => None,
        }
    }

    /// The events of the queue for which a predicate holds.
    fn sifted(&mut self, list: &Node, body: &Node) -> Option<View> {
        if !is_queue(list) {
            return None;
        }
        let sieve = Some(self.builder.sieves.add(body, self.builder.schema)?);
        Some(View { sieve, made: true, from: None, to: None })
    }
}

/// Whether a node is `queue.Queue`.
fn is_queue(node: &Node) -> bool {
    let Kind::Member { base, property, optional: false } = &node.kind else { return false };
    base.kind == Kind::Root("queue") && property.text().is_some_and(|text| &**text == "Queue")
}

fn integer(node: &Node) -> Option<i64> {
    match &node.kind {
        Kind::Int(number) => Some(*number),
        Kind::Negate(inner) => integer(inner).map(i64::wrapping_neg),
        _ => None,
    }
}

/// The predicates of a program, each once.
#[derive(Debug, Default)]
pub(super) struct Sieves {
    all: Vec<(Node, Sieve)>,
}

impl Sieves {
    fn add(&mut self, body: &Node, schema: &crate::schema::Schema) -> Option<SieveId> {
        let known = self.all.iter().position(|(known, _)| known == body);
        let index = match known {
            Some(index) => index,
            None => {
                let sieve = Sieve::of(body, schema)?;
                self.all.push((body.clone(), sieve));
                self.all.len() - 1
            }
        };
        u32::try_from(index).ok().map(SieveId)
    }

    pub(super) fn get(&self, id: SieveId) -> Option<&Sieve> {
        self.all.get(id.0 as usize).map(|(_, sieve)| sieve)
    }
}

/// An evaluation: the elements that it has made so far.
struct Run<'p> {
    past: &'p dyn Past,
    made: usize,
}

impl PastTest {
    /// Whether it holds.
    pub(super) fn run(&self, past: &dyn Past) -> Result<bool, Failure> {
        Run { past, made: 0 }.test(self)
    }

    /// The sieves that it asks for.
    pub(super) fn sieves(&self, found: &mut Vec<SieveId>) {
        let mut add = |view: &View| found.extend(view.sieve);
        match self {
            Self::Not(x) => x.sieves(found),
            Self::All(all) | Self::Any(all) => all.iter().for_each(|x| x.sieves(found)),
            Self::Let(view, body) => {
                add(view);
                body.sieves(found);
            }
            Self::Numbers(_, a, b) => [a, b].into_iter().for_each(|x| match x {
                Number::Length(view) => add(view),
                Number::Const(_) => {}
            }),
            Self::Spans(_, a, b) => [a, b].into_iter().for_each(|x| match x {
                Span::Median(view) | Span::Average(view) => add(view),
                Span::Const(_) => {}
            }),
            Self::Texts(_, a, b) => [a, b].into_iter().for_each(|x| match x {
                Text::Field { view, .. } => add(view),
                Text::Const(_) => {}
            }),
        }
    }
}

impl<'p> Run<'p> {
    fn test(&mut self, test: &PastTest) -> Result<bool, Failure> {
        match test {
            PastTest::Not(x) => self.test(x).map(|x| !x),
            PastTest::All(all) => {
                for x in all {
                    if !self.test(x)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            PastTest::Any(all) => {
                for x in all {
                    if self.test(x)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            PastTest::Let(view, body) => {
                self.places(view)?;
                self.test(body)
            }
            PastTest::Numbers(op, a, b) => Ok(compare(*op, self.number(a)?, self.number(b)?)),
            PastTest::Spans(op, a, b) => Ok(compare(*op, self.span(a)?, self.span(b)?)),
            PastTest::Texts(op, a, b) => {
                let (a, b) = (self.text(a)?, self.text(b)?);
                Ok((a == b) == (*op == Op::Equal))
            }
        }
    }

    /// The places of a view among what its sieve lets through.
    fn places(&mut self, view: &View) -> Result<std::ops::Range<usize>, Failure> {
        let length = self.past.count(view.sieve);
        if view.made {
            self.grow(length)?;
        }
        Ok(operation::bounds(view.from, view.to, length))
    }

    fn grow(&mut self, by: usize) -> Result<(), Failure> {
        self.made = self.made.saturating_add(by);
        if self.made >= operation::BUDGET { fail("memory budget exceeded") } else { Ok(()) }
    }

    fn number(&mut self, number: &Number) -> Result<i64, Failure> {
        Ok(match number {
            Number::Const(number) => *number,
            Number::Length(view) => i64::try_from(self.places(view)?.len()).unwrap_or(i64::MAX),
        })
    }

    fn span(&mut self, span: &Span) -> Result<i64, Failure> {
        let view = match span {
            Span::Const(ns) => return Ok(*ns),
            Span::Median(view) | Span::Average(view) => view,
        };
        let places = self.places(view)?;
        self.grow(places.len())?;
        let times = places.map(|place| self.past.time(view.sieve, place).at.0);
        let mut times: Vec<_> = times.collect();
        let middle = match span {
            Span::Median(_) => median(&mut times),
            Span::Const(_) | Span::Average(_) => average(&mut times),
        };
        middle.or_else(|message| fail(&message))
    }

    fn text<'t>(&mut self, text: &'t Text) -> Result<Cow<'t, str>, Failure>
    where
        'p: 't,
    {
        match text {
            Text::Const(text) => Ok(Cow::Borrowed(text)),
            Text::Field { view, index, field } => {
                let places = self.places(view)?;
                let place =
                    operation::position(*index, places.len()).or_else(|message| fail(&message))?;
                Ok(self.past.text(view.sieve, places.start + place, *field))
            }
        }
    }
}

fn compare(op: Op, a: i64, b: i64) -> bool {
    match op {
        Op::Less => a < b,
        Op::More => a > b,
        Op::LessOrEqual => a <= b,
        Op::MoreOrEqual => a >= b,
        Op::NotEqual => a != b,
        _ => a == b,
    }
}

fn fail<T>(message: &str) -> Result<T, Failure> {
    Err(Box::new(EvalError { message: message.to_owned(), span: 0..0 }))
}
