//! From a condition to the questions about held events that it is, where it is nothing else.

use super::ast::{Kind, Loop, Node, Op, Pointer};
use super::condition::Builder;
use super::past::{Number, PastTest, Span, Text, View};
use super::sieve::{Names, Whose, field_of};
use crate::text::intern;

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
        if !equality && let (Some(degrees), Some(kilometres)) = (self.degrees(a), float(b)) {
            return Some(PastTest::Distance(op, Box::new(degrees), kilometres));
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

    /// The arguments of `Distance(…)`.
    fn degrees(&mut self, node: &Node) -> Option<[Text; 4]> {
        let Kind::Call { name, arguments, .. } = &node.kind else { return None };
        if &**name != "Distance" {
            return None;
        }
        let texts: Option<Vec<_>> = arguments.iter().map(|text| self.text(text)).collect();
        texts?.try_into().ok()
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
        let names = Names { whose: Whose::Item, schema: self.builder.schema };
        let sieve = Some(self.builder.sieves.add(body, names)?);
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

fn float(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Float(number) => Some(*number),
        // As far as floats have them all.
        Kind::Int(number) => i32::try_from(*number).ok().map(f64::from),
        _ => None,
    }
}
