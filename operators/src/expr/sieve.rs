//! Predicates about strings of held events, such as `{#.Meta.log_type == 'ssh_failed-auth'}`: asked
//! once of each event when it comes, they are never asked again.

use std::borrow::Cow;

use regex::Regex;

use super::ast::{Kind, Node, Op, Pointer};
use super::eval::constant_texts;
use crate::schema::{FieldId, Schema, Space};
use crate::text::intern;

/// A predicate of a [`super::Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SieveId(pub(super) u32);

/// Gives the text of a field, "" where it was never written.
pub type FieldText<'f, 't> = &'f mut dyn FnMut(FieldId) -> Cow<'t, str>;

/// Whose fields a predicate asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Those of `#`.
    Item,
    /// Those of `evt`.
    Event,
}

/// The names that a predicate may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    pub(super) whose: Whose,
    pub(super) schema: &'a Schema,
}

/// What a predicate asks. It cannot fail.
#[derive(Debug)]
pub(super) enum Sieve {
    OneOf(FieldId, Box<[&'static str]>),
    Starts(FieldId, &'static str),
    Ends(FieldId, &'static str),
    Holds(FieldId, &'static str),
    Matches(FieldId, Regex),
    Not(Box<Sieve>),
    All(Box<[Sieve]>),
    Any(Box<[Sieve]>),
}

impl Sieve {
    /// The sieve that the body of a predicate is, if it is one.
    pub(super) fn of(body: &Node, names: Names<'_>) -> Option<Self> {
        let each = |all: &[Node]| all.iter().map(|x| Self::of(x, names)).collect::<Option<_>>();
        match &body.kind {
            Kind::Not(x) => Some(Self::Not(Box::new(Self::of(x, names)?))),
            Kind::And(all) => each(all).map(Self::All),
            Kind::Or(all) => each(all).map(Self::Any),
            Kind::Binary(Op::Equal, a, b) => Self::equal(a, b, names),
            Kind::Binary(Op::NotEqual, a, b) => {
                Some(Self::Not(Box::new(Self::equal(a, b, names)?)))
            }
            Kind::Binary(Op::In, a, b) => {
                let texts = constant_texts(b)?.into_iter().map(|text| intern(text)).collect();
                Some(Self::OneOf(field(a, names)?, texts))
            }
            Kind::Binary(op, a, b) => {
                let (field, text) = (field(a, names)?, intern(b.text()?));
                match op {
                    Op::StartsWith => Some(Self::Starts(field, text)),
                    Op::EndsWith => Some(Self::Ends(field, text)),
                    Op::Contains => Some(Self::Holds(field, text)),
                    Op::Matches => {
                        super::pattern::compile(text).ok().map(|regex| Self::Matches(field, regex))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn equal(a: &Node, b: &Node, names: Names<'_>) -> Option<Self> {
        let (field, text) = match (field(a, names), field(b, names)) {
            (Some(field), None) => (field, b.text()?),
            (None, Some(field)) => (field, a.text()?),
            _ => return None,
        };
        Some(Self::OneOf(field, [intern(text)].into()))
    }

    /// Whether it holds for an event.
    pub(super) fn lets(&self, text: FieldText<'_, '_>) -> bool {
        match self {
            Self::OneOf(field, texts) => {
                let found = text(*field);
                texts.iter().any(|text| **text == *found)
            }
            Self::Starts(field, start) => text(*field).starts_with(start),
            Self::Ends(field, end) => text(*field).ends_with(end),
            Self::Holds(field, part) => text(*field).contains(part),
            Self::Matches(field, regex) => regex.is_match(&text(*field)),
            Self::Not(x) => !x.lets(text),
            Self::All(all) => all.iter().all(|x| x.lets(text)),
            Self::Any(all) => all.iter().any(|x| x.lets(text)),
        }
    }
}

/// The field that `#.Meta.x` or `evt.Meta.x` is.
fn field(node: &Node, names: Names<'_>) -> Option<FieldId> {
    match names.whose {
        Whose::Item => {
            let (base, id) = field_of(node, names.schema)?;
            (base.kind == Kind::Pointer(Pointer::Item)).then_some(id)
        }
        Whose::Event => match node.kind {
            Kind::Field(id) => Some(id),
            _ => None,
        },
    }
}

/// Whose field `….Meta.x` is, and which.
pub(super) fn field_of<'a>(node: &'a Node, schema: &Schema) -> Option<(&'a Node, FieldId)> {
    let Kind::Member { base, property, optional: false } = &node.kind else { return None };
    let Kind::Member { base, property: space, optional: false } = &base.kind else { return None };
    let space = match space.text()?.as_ref() {
        "Parsed" => Space::Parsed,
        "Meta" => Space::Meta,
        "Enriched" => Space::Enriched,
        _ => return None,
    };
    Some((base, schema.find(space, property.text()?)?))
}
