//! Statics as written: what is written where.

use crate::yaml::{Fields, Located, Node, Position, Reading};

/// One assignment.
#[derive(Clone, Debug)]
pub struct StaticSpec {
    /// Where it starts.
    pub at: Position,
    /// Where its result goes.
    pub destination: Located<Destination>,
    /// Its result.
    pub content: Content,
}

/// Where the result of a static goes. Of several that are given, the first in this order wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To an enricher, whose result goes to `evt.Enriched`.
    Method(String),
    /// `evt.Parsed[…]`.
    Parsed(String),
    /// `evt.Meta[…]`.
    Meta(String),
    /// `evt.Enriched[…]`.
    Enriched(String),
    /// A path such as `evt.StrTime`.
    Target(String),
}

/// What a static writes.
#[derive(Clone, Debug)]
pub enum Content {
    /// A fixed text. Wins where both are given.
    Value(Located<String>),
    /// The result of an expression.
    Expression(Located<String>),
}

/// In the order in which they win.
const DESTINATIONS: [(&str, MakeDestination); 5] = [
    ("method", Destination::Method),
    ("parsed", Destination::Parsed),
    ("meta", Destination::Meta),
    ("enriched", Destination::Enriched),
    ("target", Destination::Target),
];
type MakeDestination = fn(String) -> Destination;

const KEYS: [&str; 7] = ["target", "parsed", "meta", "enriched", "value", "expression", "method"];

pub(super) fn read(items: &[Node], reading: &mut Reading<'_>) -> Vec<StaticSpec> {
    items.iter().filter_map(|item| one(item, reading)).collect()
}

fn one(item: &Node, reading: &mut Reading<'_>) -> Option<StaticSpec> {
    let fields = Fields::open(item, "static", &KEYS, reading)?;
    let mut destination = None;
    for (key, make) in DESTINATIONS {
        let Some(text) = fields.text(key, reading) else { continue };
        if destination.is_some() {
            reading.warn(text.at, format!("`{key}` has no effect beside the other destination"));
            continue;
        }
        destination = Some(text.map(make));
    }
    let value = fields.text("value", reading).map(Content::Value);
    let expression = fields.text("expression", reading).map(Content::Expression);
    if destination.is_none() {
        let help = "say where it goes: parsed, meta, enriched, target or method";
        reading.refuse_with(fields.at, "this static writes nowhere", help);
    }
    let content = value.or(expression);
    if content.is_none() {
        reading.refuse(fields.at, "a static needs `value` or `expression`");
    }
    Some(StaticSpec { at: fields.at, destination: destination?, content: content? })
}
