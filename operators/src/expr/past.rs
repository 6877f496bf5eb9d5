//! Conditions about the events that a bucket holds, answered from what is known of them: no list is
//! made and no event restored.
//!
//! ```text
//! let v = filter(queue.Queue, {#.Meta.x == 'y'});      a view: the events that a sieve lets through
//! len(v) >= 4 && MedianInterval(map(v[-4:], {#.Time})) > duration("10m")     questions about views
//! ```

use std::borrow::Cow;
use std::fmt::Debug;

use super::ast::{Node, Op};
use super::error::{EvalError, Failure};
use super::functions::number::distance_between;
use super::functions::time::{average, median};
use super::operation;
use super::sieve::{Names, Sieve, SieveId, Whose};
use crate::schema::FieldId;
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
    pub(super) sieve: Option<SieveId>,
    /// Whether the list is made here, which counts against the budget of an evaluation.
    pub(super) made: bool,
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
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
    /// `Distance(…) > 1000`: latitude and longitude of two places, and the kilometres.
    Distance(Op, Box<[Text; 4]>, f64),
}

/// The predicates of a program, each once.
#[derive(Debug, Default)]
pub(super) struct Sieves {
    all: Vec<(Whose, Node, Sieve)>,
}

impl Sieves {
    pub(super) fn add(&mut self, body: &Node, names: Names<'_>) -> Option<SieveId> {
        let here = |(whose, known, _): &(Whose, Node, _)| *whose == names.whose && known == body;
        let known = self.all.iter().position(here);
        let index = match known {
            Some(index) => index,
            None => {
                let sieve = Sieve::of(body, names)?;
                self.all.push((names.whose, body.clone(), sieve));
                self.all.len() - 1
            }
        };
        u32::try_from(index).ok().map(SieveId)
    }

    pub(super) fn get(&self, id: SieveId) -> Option<&Sieve> {
        self.all.get(id.0 as usize).map(|(_, _, sieve)| sieve)
    }
}

impl Text {
    fn view(&self) -> Option<&View> {
        match self {
            Self::Field { view, .. } => Some(view),
            Self::Const(_) => None,
        }
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
            Self::Texts(_, a, b) => {
                [a, b].into_iter().filter_map(Text::view).for_each(&mut add);
            }
            Self::Distance(_, degrees, _) => degrees.iter().filter_map(Text::view).for_each(add),
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
            PastTest::Distance(op, degrees, kilometres) => {
                let [a, b, c, d] = &**degrees;
                let degrees = [self.text(a)?, self.text(b)?, self.text(c)?, self.text(d)?];
                let distance = distance_between(degrees.each_ref().map(|text| &**text));
                distance.or_else(|message| fail(&message)).map(|it| ordered(*op, it, *kilometres))
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
        Op::NotEqual => a != b,
        Op::Equal => a == b,
        _ => ordered(op, a, b),
    }
}

fn ordered<T: PartialOrd + Copy>(op: Op, a: T, b: T) -> bool {
    match op {
        Op::Less => a < b,
        Op::More => a > b,
        Op::LessOrEqual => a <= b,
        Op::MoreOrEqual => a >= b,
        _ => false,
    }
}

fn fail<T>(message: &str) -> Result<T, Failure> {
    Err(Box::new(EvalError { message: message.to_owned(), span: 0..0 }))
}
