//! Predicates that ask about strings of held events: `filter(queue.Queue, {#.Meta.x == 'y'})`,
//! answered where the strings lie, without a map of each event.

use std::sync::Arc;

use super::ast::{Kind, Node, Op, Pointer};
use super::eval::constant_texts;
use crate::event::Event;
use crate::schema::{FieldId, Schema, Space};
use crate::value::Value;

/// What a predicate asks of a held event.
#[derive(Debug)]
pub(super) enum HeldTest<'a> {
    OneOf(FieldId, Vec<&'a Arc<str>>),
    Not(Box<HeldTest<'a>>),
    All(Vec<HeldTest<'a>>),
    Any(Vec<HeldTest<'a>>),
}

impl<'a> HeldTest<'a> {
    /// The test that `body` is for `items`, if it is one: it cannot fail then.
    pub(super) fn new(body: &'a Node, items: &[Value]) -> Option<Self> {
        let schema = items.iter().find_map(|item| match item {
            Value::Held(event) => Some(event.schema()),
            _ => None,
        })?;
        let same = |item: &Value| match item {
            Value::Held(event) => Arc::ptr_eq(event.schema(), schema),
            _ => true,
        };
        if items.iter().all(same) { Self::of(body, schema) } else { None }
    }

    fn of(body: &'a Node, schema: &Schema) -> Option<Self> {
        match &body.kind {
            Kind::Not(x) => Some(Self::Not(Box::new(Self::of(x, schema)?))),
            Kind::And(all) => {
                all.iter().map(|x| Self::of(x, schema)).collect::<Option<_>>().map(Self::All)
            }
            Kind::Or(all) => {
                all.iter().map(|x| Self::of(x, schema)).collect::<Option<_>>().map(Self::Any)
            }
            Kind::Binary(Op::Equal, a, b) => Self::equal(a, b, schema),
            Kind::Binary(Op::NotEqual, a, b) => {
                Some(Self::Not(Box::new(Self::equal(a, b, schema)?)))
            }
            Kind::Binary(Op::In, a, b) => {
                Some(Self::OneOf(subject(a, schema)?, constant_texts(b)?))
            }
            _ => None,
        }
    }

    fn equal(a: &'a Node, b: &'a Node, schema: &Schema) -> Option<Self> {
        let (subject, text) = match (subject(a, schema), subject(b, schema)) {
            (Some(subject), None) => (subject, b),
            (None, Some(subject)) => (subject, a),
            _ => return None,
        };
        match &text.kind {
            Kind::Text(text) => Some(Self::OneOf(subject, vec![text])),
            _ => None,
        }
    }

    /// Whether it holds for an event.
    pub(super) fn holds(&self, event: &Event) -> bool {
        match self {
            Self::OneOf(id, texts) => {
                let found = event.get(*id).unwrap_or("");
                texts.iter().any(|text| ***text == *found)
            }
            Self::Not(x) => !x.holds(event),
            Self::All(all) => all.iter().all(|x| x.holds(event)),
            Self::Any(all) => all.iter().any(|x| x.holds(event)),
        }
    }
}

/// The field that `#.Meta.x` is.
fn subject(node: &Node, schema: &Schema) -> Option<FieldId> {
    let Kind::Member { base, property, optional: false } = &node.kind else { return None };
    let Kind::Member { base, property: space, optional: false } = &base.kind else { return None };
    if base.kind != Kind::Pointer(Pointer::Item) {
        return None;
    }
    let space = match space.text()?.as_ref() {
        "Parsed" => Space::Parsed,
        "Meta" => Space::Meta,
        "Enriched" => Space::Enriched,
        _ => return None,
    };
    schema.find(space, property.text()?)
}
