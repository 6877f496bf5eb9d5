//! What an expression reads, and what must hold for it to be true: how the pipeline knows what to
//! keep and whom to ask.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ast::{Callee, Kind, Node, Op, Part};
use super::types::Type;
use crate::schema::{FieldId, Schema, Space};

/// What an expression reads and does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Fields read by name.
    pub fields: BTreeSet<FieldId>,
    /// Whether fields are read whose names are not known at load: then all of them.
    pub all_fields: bool,
    /// Whether `evt.Unmarshaled` is read.
    pub unmarshaled: bool,
    /// Whether `evt.Line.Raw` is read.
    pub line_raw: bool,
    /// Whether `evt.Overflow` is read.
    pub overflow: bool,
    /// Whether the parse state of the source is read.
    pub stash: bool,
    /// Whether it changes the event.
    pub mutates: bool,
    /// Whether the result depends on more than the event: lookups, other roots.
    pub dynamic: bool,
    /// Whether it depends on lookups.
    pub asks_world: bool,
    /// Whether `evt` or anything of it is named.
    pub event: bool,
    /// Whether `leaky` is named, or all roots are.
    pub leaky: bool,
}

/// A string that guards compare.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// `evt.Parsed.x`, `evt.Meta.x`, `evt.Enriched.x`; "" where it was never written.
    Field(FieldId),
    /// `evt.Line.Labels.x`; "" where there is none.
    Label(Arc<str>),
    /// Another string of the event.
    Part(Part),
}

/// What a guard asks of its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardTest {
    /// To be one of these (sorted).
    OneOf(Box<[Arc<str>]>),
    /// To start with this.
    StartsWith(Arc<str>),
}

/// A necessary condition: where it does not hold, the expression is false, does not fail, and
/// changes nothing. ([`Part::Scenario`] is a subject of events that have an overflow; without one
/// the expression fails.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// What is looked at.
    pub subject: Subject,
    /// What it must be.
    pub test: GuardTest,
    /// The operand of the outermost `&&` that says just this, and cannot fail.
    pub operand: Option<usize>,
}

/// Functions that write to a map that they are given.
const WRITERS: [&str; 4] = ["UnmarshalJSON", "ParseKV", "ParseKVLax", "SetInStash"];

/// Collects what a checked tree reads.
pub(super) fn reads(node: &Node, schema: &mut Schema) -> Reads {
    let mut found = Reads::default();
    collect(node, schema, &mut found);
    roots(node, &mut found);
    found
}

fn roots(node: &Node, found: &mut Reads) {
    match &node.kind {
        Kind::Root(name) => found.leaky |= *name == "leaky",
        Kind::Environment => (found.event, found.leaky) = (true, true),
        Kind::Event
        | Kind::Field(_)
        | Kind::Space(_)
        | Kind::Label(_)
        | Kind::Labels
        | Kind::Unmarshaled
        | Kind::Part(_) => found.event = true,
        _ => {}
    }
    node.visit(&mut |child| roots(child, found));
}

fn collect(node: &Node, schema: &mut Schema, found: &mut Reads) {
    match &node.kind {
        Kind::Field(id) => {
            found.fields.insert(*id);
        }
        Kind::Space(_) | Kind::Environment => found.all_fields = true,
        Kind::Unmarshaled => found.unmarshaled = true,
        Kind::Part(Part::Raw) => found.line_raw = true,
        Kind::Part(Part::Scenario) => found.overflow = true,
        Kind::Root(_) => found.dynamic = true,
        Kind::Call { name, callee, .. } => call(name, *callee, found),
        Kind::Method { base, name, arguments, .. } => {
            method(base, name, arguments, (schema, found));
            if base.kind == Kind::Event {
                return arguments.iter().for_each(|node| collect(node, schema, found));
            }
        }
        Kind::Member { base, property, .. } => {
            if let Some(name) = property.text()
                && let Some(rest) = member(base, name, (schema, found))
            {
                if rest.kind != Kind::Event {
                    collect(rest, schema, found);
                }
                return;
            }
        }
        Kind::Event => everything(found),
        _ => {}
    }
    let mut children = Vec::new();
    node.visit(&mut |child| children.push(child));
    children.into_iter().for_each(|child| collect(child, schema, found));
}

/// The event itself escapes: it may be read in any way.
fn everything(found: &mut Reads) {
    found.all_fields = true;
    found.unmarshaled = true;
    found.line_raw = true;
    found.overflow = true;
}

fn call(name: &str, callee: Callee, found: &mut Reads) {
    if WRITERS.contains(&name) {
        found.mutates = true;
    }
    if matches!(name, "GetFromStash" | "SetInStash") {
        found.stash = true;
    }
    if callee.0.is_none_or(|function| !function.pure) {
        (found.dynamic, found.asks_world) = (true, true);
    }
}

fn method(base: &Node, name: &str, arguments: &[Node], state: (&mut Schema, &mut Reads)) {
    let (schema, found) = state;
    match (&base.kind, name) {
        (Kind::Event, "SetMeta" | "SetParsed") => found.mutates = true,
        (Kind::Event, "GetMeta") => {
            found.overflow = true;
            let key = arguments.first().and_then(Node::text);
            match key.and_then(|key| schema.add(Space::Meta, key).ok()) {
                Some(id) => {
                    found.fields.insert(id);
                }
                None => found.all_fields = true,
            }
        }
        (Kind::Event, "ParseIPSources") => {
            found.overflow = true;
            if let Ok(id) = schema.add(Space::Meta, "source_ip") {
                found.fields.insert(id);
            }
        }
        (Kind::Event, "GetType") => {}
        (Kind::Event, _) => everything(found),
        // Held events of a queue answer too.
        (_, "GetMeta") => {
            let key = arguments.first().and_then(Node::text);
            match key.and_then(|key| schema.add(Space::Meta, key).ok()) {
                Some(id) => {
                    found.fields.insert(id);
                }
                None => found.all_fields = true,
            }
        }
        _ => {}
    }
}

/// A member that is no short cut of the live event: of `evt` itself, or of an event of a queue.
/// Gives the node that is still to be looked at.
fn member<'a>(base: &'a Node, name: &str, state: (&mut Schema, &mut Reads)) -> Option<&'a Node> {
    let (schema, found) = state;
    if let Kind::Member { base: inner, property, .. } = &base.kind
        && let Some(space) = property.text().and_then(|text| space(text))
    {
        match schema.add(space, name) {
            Ok(id) => {
                found.fields.insert(id);
            }
            Err(_) => found.all_fields = true,
        }
        return Some(inner);
    }
    match (&base.kind, name) {
        (Kind::Event, "Overflow") => found.overflow = true,
        // `evt.Line` as a whole, or a part of the line that has no short cut.
        (Kind::Event, "Line") | (_, "Raw") => found.line_raw = true,
        (_, "Unmarshaled") => found.unmarshaled = true,
        _ if space(name).is_some() => found.all_fields = true,
        _ => {}
    }
    Some(base)
}

fn space(name: &str) -> Option<Space> {
    match name {
        "Parsed" => Some(Space::Parsed),
        "Meta" => Some(Space::Meta),
        "Enriched" => Some(Space::Enriched),
        _ => None,
    }
}

/// The necessary conditions of a true result.
pub(super) fn guards(node: &Node) -> Vec<Guard> {
    let conjuncts = match &node.kind {
        Kind::And(all) => all.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut found = Vec::new();
    for (operand, node) in conjuncts.iter().enumerate() {
        let goes_on = match &node.kind {
            Kind::And(inner) => conjoin(inner, &mut found),
            _ => {
                if let Some((mut guard, exact)) = guard(node) {
                    guard.operand = (exact && total(node)).then_some(operand);
                    found.push(guard);
                }
                total(node)
            }
        };
        if !goes_on {
            break;
        }
    }
    found
}

/// Whether the conjuncts cannot fail or change anything, so that what follows is still a guard.
fn conjoin(all: &[Node], found: &mut Vec<Guard>) -> bool {
    for node in all {
        let goes_on = match &node.kind {
            Kind::And(inner) => conjoin(inner, found),
            _ => {
                found.extend(guard(node).map(|(guard, _)| guard));
                total(node)
            }
        };
        if !goes_on {
            return false;
        }
    }
    true
}

/// Functions that cannot fail on arguments of their types.
const TOTAL: [&str; 22] = [
    "Upper",
    "Lower",
    "TrimSpace",
    "TrimPrefix",
    "TrimSuffix",
    "Trim",
    "TrimLeft",
    "TrimRight",
    "IsIP",
    "IsIPV4",
    "IsIPV6",
    "IpInRange",
    "Match",
    "File",
    "RegexpInFile",
    "JsonExtract",
    "PathUnescape",
    "QueryUnescape",
    "lower",
    "upper",
    "hasPrefix",
    "hasSuffix",
];

/// Whether a node can neither fail nor change anything.
pub(super) fn total(node: &Node) -> bool {
    let strings = |nodes: &[&Node]| nodes.iter().all(|node| node.ty == Type::String);
    let here = match &node.kind {
        Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Text(_) | Kind::Nil => true,
        Kind::Field(_) | Kind::Label(_) | Kind::List(_) => true,
        Kind::Part(part) => *part != Part::Scenario,
        Kind::Not(x) => x.ty == Type::Bool,
        Kind::And(all) | Kind::Or(all) => all.iter().all(|node| node.ty == Type::Bool),
        Kind::Binary(Op::Equal | Op::NotEqual, ..) => true,
        Kind::Binary(Op::In, a, b) => matches!(b.kind, Kind::List(_)) && a.ty == Type::String,
        Kind::Binary(Op::Matches, a, b) => a.ty == Type::String && b.text().is_some(),
        Kind::Binary(Op::Contains | Op::StartsWith | Op::EndsWith, a, b) => strings(&[a, b]),
        Kind::Binary(Op::Add, a, b) => strings(&[a, b]),
        Kind::Call { name, arguments, .. } => {
            TOTAL.contains(&&**name) && arguments.iter().all(|node| node.ty == Type::String)
        }
        _ => false,
    };
    let mut all = here;
    node.visit(&mut |child| all = all && total(child));
    all
}

/// Whether a node changes nothing.
pub(super) fn calm(node: &Node) -> bool {
    let mut calm = match &node.kind {
        Kind::Call { name, .. } => !WRITERS.contains(&&**name),
        Kind::Method { name, .. } => !matches!(&**name, "SetMeta" | "SetParsed"),
        _ => true,
    };
    node.visit(&mut |child| calm = calm && self::calm(child));
    calm
}

/// A subject that guards know.
pub(super) fn subject(node: &Node) -> Option<Subject> {
    match &node.kind {
        Kind::Field(id) => Some(Subject::Field(*id)),
        Kind::Label(name) => Some(Subject::Label(Arc::clone(name))),
        Kind::Part(part) => Some(Subject::Part(*part)),
        _ => None,
    }
}

/// A condition without which a node is not true, and whether it is all that the node says.
fn guard(node: &Node) -> Option<(Guard, bool)> {
    let guard = |subject, test| Guard { subject, test, operand: None };
    match &node.kind {
        Kind::Binary(Op::Equal, a, b) => {
            let (subject, text) = match (subject(a), subject(b)) {
                (Some(subject), _) => (subject, b.text()?),
                (None, Some(subject)) => (subject, a.text()?),
                _ => return None,
            };
            Some((guard(subject, GuardTest::OneOf([Arc::clone(text)].into())), true))
        }
        Kind::Binary(Op::In, a, b) => {
            let texts = super::eval::constant_texts(b)?;
            Some((one_of(subject(a)?, texts.into_iter().cloned().collect()), true))
        }
        Kind::Binary(Op::StartsWith, a, b) => {
            let test = GuardTest::StartsWith(Arc::clone(b.text()?));
            Some((guard(subject(a)?, test), true))
        }
        Kind::Or(all) => {
            let mut texts = Vec::new();
            let mut common = None;
            let mut exact = true;
            for part in all {
                let (Guard { subject, test, .. }, whole) = self::guard(part)?;
                let GuardTest::OneOf(more) = test else { return None };
                if common.get_or_insert_with(|| subject.clone()) != &subject {
                    return None;
                }
                texts.extend(more);
                exact &= whole;
            }
            Some((one_of(common?, texts), exact))
        }
        // A conjunct of an alternative is as good as the first that it has.
        Kind::And(all) => {
            let (first, _) = all.first().and_then(self::guard)?;
            Some((first, false))
        }
        _ => None,
    }
}

fn one_of(subject: Subject, mut texts: Vec<Arc<str>>) -> Guard {
    texts.sort_unstable();
    texts.dedup();
    Guard { subject, test: GuardTest::OneOf(texts.into()), operand: None }
}
