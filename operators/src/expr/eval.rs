//! The plain evaluator: walks the tree and makes a value of every node. What the compiled form
//! gives must be what this gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::{Callee, Kind, Node, Op, Part, Pointer};
use super::context::Cx;
use super::error::{EvalError, Failure};
use super::work::Work;
use super::{method, objects, operation, predicate, stack};
use crate::event::Event;
use crate::value::{List, ListKind, Object, Value};

/// Why an evaluation ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// It failed.
    Error(Failure),
    /// `?.` found nil: the chain around it is nil.
    Nil,
}

/// A step of an evaluation.
pub(super) type Step<T = Value> = Result<T, Stop>;

/// What the innermost predicate looks at.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) item: Value,
    pub(super) index: usize,
    pub(super) accumulator: Value,
}

/// Variables and predicates of one evaluation.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) variables: Vec<Value>,
    pub(super) scopes: Vec<Scope>,
    /// Elements made so far.
    pub(super) made: usize,
    pub(super) work: Work,
}

impl Frame {
    /// Counts elements against the budget.
    pub(super) fn grow(&mut self, by: usize) -> Result<(), String> {
        self.made = self.made.saturating_add(by);
        if self.made >= operation::BUDGET {
            return Err("memory budget exceeded".into());
        }
        Ok(())
    }
}

/// Gives a failure its place.
pub(super) fn at<T>(node: &Node, result: Result<T, String>) -> Step<T> {
    result.map_err(|message| Stop::Error(Box::new(EvalError { message, span: node.span.clone() })))
}

/// Evaluates a whole expression.
pub(super) fn run(node: &Node, cx: &mut Cx<'_>) -> Result<Value, Failure> {
    match eval(node, cx, &mut Frame::default()) {
        Ok(value) => Ok(value),
        Err(Stop::Nil) => Ok(Value::Nil),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// Evaluates a node.
#[inline]
pub(super) fn eval(node: &Node, cx: &mut Cx<'_>, frame: &mut Frame) -> Step {
    if stack::is_deep(node.depth) {
        return stack::roomy(|| value_of(node, cx, frame));
    }
    value_of(node, cx, frame)
}

fn value_of(node: &Node, cx: &mut Cx<'_>, frame: &mut Frame) -> Step {
    at(node, frame.work.node())?;
    match &node.kind {
        Kind::And(all) => conditions(all, false, cx, frame),
        Kind::Or(all) => conditions(all, true, cx, frame),
        Kind::Not(x) => Ok(Value::Bool(!condition(x, cx, frame)?)),
        Kind::Binary(op, a, b) => binary(node, (*op, a, b), cx, frame),
        Kind::Member { base, property, optional } => {
            member(node, (base, property, *optional), cx, frame)
        }
        Kind::Call { name, callee, arguments } => {
            call(node, (name, *callee), arguments, (cx, frame))
        }
        Kind::Method { base, name, arguments, optional } => {
            if arguments.is_empty()
                && let Some(found) = overflowed(base, cx.event).and_then(|o| o.call(name, &[]))
            {
                return at(node, found);
            }
            let base = eval(base, cx, frame)?;
            if *optional && base.is_nil() {
                return Err(Stop::Nil);
            }
            let arguments = all_of(arguments, cx, frame)?;
            for argument in &arguments {
                at(node, frame.work.whole(argument))?;
            }
            let result = invoke(&base, name, &arguments, cx);
            at(node, result)
        }
        Kind::Predicate { name, arguments } => predicate::run(node, *name, arguments, (cx, frame)),
        Kind::Conditional(test, yes, no) => {
            let chosen = if condition(test, cx, frame)? { yes } else { no };
            eval(chosen, cx, frame)
        }
        Kind::Let { value, body, .. } => {
            let value = eval(value, cx, frame)?;
            frame.variables.push(value);
            let result = eval(body, cx, frame);
            frame.variables.pop();
            result
        }
        Kind::Sequence(all) => all.iter().try_fold(Value::Nil, |_, node| eval(node, cx, frame)),
        Kind::Chain(x) => match eval(x, cx, frame) {
            Err(Stop::Nil) => Ok(Value::Nil),
            // What a chain ends in has no type any more where it is nil.
            Ok(value) if value.is_nil() => Ok(Value::Nil),
            other => other,
        },
        Kind::Slice { base, from, to } => {
            slice(node, (base, from.as_deref(), to.as_deref()), cx, frame)
        }
        Kind::List(all) => {
            at(node, frame.grow(all.len()))?;
            all_of(all, cx, frame).map(Value::list)
        }
        Kind::Map(pairs) => map(node, pairs, cx, frame),
        Kind::Negate(x) => {
            let value = eval(x, cx, frame)?;
            at(node, operation::negate(&value))
        }
        Kind::Plus(x) => eval(x, cx, frame),
        _ => {
            let value = leaf(node, cx, frame)?;
            if matches!(node.kind, Kind::Field(_) | Kind::Label(_) | Kind::Part(_)) {
                at(node, frame.work.made(&value))?;
            }
            Ok(value)
        }
    }
}

/// Nodes without children.
fn leaf(node: &Node, cx: &mut Cx<'_>, frame: &Frame) -> Step {
    let event = &*cx.event;
    Ok(match &node.kind {
        Kind::Bool(x) => Value::Bool(*x),
        Kind::Int(x) => Value::Int(*x),
        Kind::Float(x) => Value::Float(*x),
        Kind::Text(text) => Value::Str(Arc::clone(text)),
        Kind::Bytes(bytes) => {
            let items = bytes.iter().map(|byte| Value::Int((*byte).into())).collect();
            Value::slice(ListKind::Bytes, items)
        }
        Kind::Variable(index) => {
            frame.variables.get(usize::from(*index)).cloned().unwrap_or(Value::Nil)
        }
        Kind::Root(name) => cx.root(name),
        Kind::Event => Value::Event,
        Kind::Field(id) => Value::str(event.get(*id).unwrap_or("")),
        Kind::Space(space) => Value::Fields(*space),
        Kind::Label(name) => Value::str(label(event, name)),
        Kind::Labels => Value::Labels,
        Kind::Unmarshaled => Value::Unmarshaled,
        Kind::Part(Part::Raw) => Value::Str(cx.memo.raw(event.line.raw.as_str())),
        Kind::Part(part) => Value::str(at(node, part_of(event, *part))?),
        Kind::Environment => {
            let mut entries: BTreeMap<Arc<str>, Value> =
                cx.roots().map(|(name, value)| (name.into(), value)).collect();
            entries.insert("evt".into(), Value::Event);
            Value::map(entries)
        }
        Kind::Pointer(pointer) => match (frame.scopes.last(), pointer) {
            (None, _) => Value::Nil,
            (Some(scope), Pointer::Item) => scope.item.clone(),
            (Some(scope), Pointer::Index) => {
                Value::Int(i64::try_from(scope.index).unwrap_or(i64::MAX))
            }
            (Some(scope), Pointer::Accumulator) => scope.accumulator.clone(),
        },
        _ => Value::Nil,
    })
}

/// A label of the event's line, "" where there is none.
pub(super) fn label<'a>(event: &'a Event, name: &str) -> &'a str {
    event.line.labels.get(name).map_or("", |text| text)
}

/// A string of the event.
pub(crate) fn part_of(event: &Event, part: Part) -> Result<&str, String> {
    Ok(match part {
        Part::Raw => event.line.raw.as_str(),
        Part::Source => &event.line.source,
        Part::Module => event.text(&event.line.module),
        Part::Stage => event.stage,
        Part::StrTime => event.text(&event.str_time),
        Part::StrTimeFormat => event.text(&event.str_time_format),
        Part::MarshaledTime => event.text(&event.marshaled_time),
        Part::WhitelistReason => event.whitelisted.as_ref().map_or("", |text| event.text(text)),
        Part::Scenario => match &event.overflow {
            Some(overflow) => &overflow.alert.scenario,
            None => return Err("cannot fetch Scenario from nil".into()),
        },
    })
}

/// Evaluates a list of nodes.
pub(super) fn all_of(all: &[Node], cx: &mut Cx<'_>, frame: &mut Frame) -> Step<Vec<Value>> {
    all.iter().map(|node| eval(node, cx, frame)).collect()
}

/// Evaluates a node that must be true or false.
pub(super) fn condition(node: &Node, cx: &mut Cx<'_>, frame: &mut Frame) -> Step<bool> {
    let value = eval(node, cx, frame)?;
    at(node, truth(&value))
}

/// The truth of a value: only booleans have one.
pub(super) fn truth(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(x) => Ok(*x),
        other => Err(format!("a condition must be bool, not {}", other.type_name())),
    }
}

/// Operands up to the first that decides.
fn conditions(all: &[Node], decides: bool, cx: &mut Cx<'_>, frame: &mut Frame) -> Step {
    for node in all {
        if condition(node, cx, frame)? == decides {
            return Ok(Value::Bool(decides));
        }
    }
    Ok(Value::Bool(!decides))
}

fn binary(node: &Node, operands: (Op, &Node, &Node), cx: &mut Cx<'_>, frame: &mut Frame) -> Step {
    let (op, a, b) = operands;
    if op == Op::Coalesce {
        // What `?.` leaves within is nil here, without a chain around it.
        let left = match eval(a, cx, frame) {
            Err(Stop::Nil) => Value::Nil,
            other => other?,
        };
        return if left.is_nil() { eval(b, cx, frame) } else { Ok(left) };
    }
    let left = eval(a, cx, frame)?;
    if op == Op::In
        && let Some(texts) = constant_texts(b)
    {
        return at(node, in_texts(&left, &texts)).map(Value::Bool);
    }
    let right = eval(b, cx, frame)?;
    at(node, frame.work.operator(op, &left, &right))?;
    let result = match op {
        Op::In => contained(&left, &right, cx).map(Value::Bool),
        Op::Matches => matches(&left, &right, cx, frame).map(Value::Bool),
        Op::Equal | Op::NotEqual => {
            let equal = owned(&left, cx).equal(&owned(&right, cx));
            Ok(Value::Bool(equal == (op == Op::Equal)))
        }
        Op::Range => operation::apply(op, &left, &right)
            .and_then(|list| frame.work.made(&list).map(|()| list)),
        _ => operation::apply(op, &left, &right),
    };
    at(node, result)
}

/// The strings of a list of literals, where it has nothing else and is not empty.
pub(super) fn constant_texts(node: &Node) -> Option<Vec<&Arc<str>>> {
    match &node.kind {
        Kind::List(all) if !all.is_empty() => all.iter().map(Node::text).collect(),
        _ => None,
    }
}

/// `x in ["a", "b"]`: the engine makes a set of the list, where nil is looked up as "".
fn in_texts(value: &Value, texts: &[&Arc<str>]) -> Result<bool, String> {
    match value {
        Value::Str(text) => Ok(texts.contains(&text)),
        Value::Nil => Ok(texts.iter().any(|text| text.is_empty())),
        other => Err(not_a_key(other)),
    }
}

/// The error of a lookup by something that is no string.
pub(super) fn not_a_key(value: &Value) -> String {
    format!("value of type {} is not assignable to type string", value.type_name())
}

/// A value that does not depend on the live event: its maps are copied.
pub(super) fn owned(value: &Value, cx: &Cx<'_>) -> Value {
    match value {
        Value::Fields(space) => objects::string_map(cx.event.named(*space)),
        Value::Labels => objects::labels(cx.event),
        Value::Unmarshaled => Value::map(cx.event.unmarshaled.clone()),
        other => other.clone(),
    }
}

/// `needle in container`.
pub(super) fn contained(needle: &Value, container: &Value, cx: &Cx<'_>) -> Result<bool, String> {
    let key = || match needle {
        Value::Str(text) => Ok(&**text),
        Value::Nil => Ok(""),
        other => Err(not_a_key(other)),
    };
    Ok(match container {
        Value::Nil => false,
        Value::List(list) => {
            let needle = owned(needle, cx);
            list.items.iter().any(|item| item.equal(&needle))
        }
        Value::Map(map) => map.entries.contains_key(key()?),
        Value::Fields(space) => cx.event.get_named(*space, key()?).is_some(),
        Value::Labels => cx.event.line.labels.contains_key(key()?),
        Value::Unmarshaled => cx.event.unmarshaled.contains_key(key()?),
        Value::Object(object) => match object.items() {
            Some(items) => items.iter().any(|item| item.equal(needle)),
            None => match needle {
                Value::Str(name) => object.field(name).is_some(),
                _ => return Err("cannot use a value that is no string as field name".into()),
            },
        },
        // Nothing of a time can be named.
        Value::Time(_) => match needle {
            Value::Str(_) => false,
            other => {
                let wrong = other.type_name();
                return Err(format!("cannot use {wrong} as field name of time.Time"));
            }
        },
        Value::Event | Value::Held(_) => {
            let table = super::structures::find("Event");
            table.is_some_and(|t| needle.as_str().is_some_and(|name| t.field(name).is_some()))
        }
        other => return Err(format!("operator \"in\" not defined on {}", other.type_name())),
    })
}

fn matches(
    text: &Value,
    pattern: &Value,
    cx: &mut Cx<'_>,
    frame: &mut Frame,
) -> Result<bool, String> {
    match (text, pattern) {
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Str(text), Value::Str(pattern)) => {
            if !cx.memo.knows(pattern) {
                frame.work.pattern(pattern)?;
            }
            cx.memo.pattern(pattern).map(|regex| regex.is_match(text))
        }
        (a, b) => Err(format!("invalid operation: {} matches {}", a.type_name(), b.type_name())),
    }
}

fn member(node: &Node, parts: (&Node, &Node, bool), cx: &mut Cx<'_>, frame: &mut Frame) -> Step {
    let (base, property, optional) = parts;
    if let Some(name) = property.text()
        && let Some(value) = overflowed(base, cx.event).and_then(|object| object.field(name))
    {
        return Ok(value);
    }
    let base = eval(base, cx, frame)?;
    if optional && base.is_nil() {
        return Err(Stop::Nil);
    }
    if let Some(name) = property.text() {
        return at(node, field(&base, name, cx));
    }
    let index = eval(property, cx, frame)?;
    at(node, element(&base, &index, cx))
}

/// What `evt.Overflow.Alert` or `evt.Overflow.Alert.Source` is, without a copy of it.
fn overflowed<'a>(node: &Node, event: &'a Event) -> Option<&'a dyn Object> {
    let step = |node: &'_ Node, name: &str| match &node.kind {
        Kind::Member { property, .. } => property.text().is_some_and(|text| **text == *name),
        _ => false,
    };
    let Kind::Member { base, .. } = &node.kind else { return None };
    let alert = |node: &Node| match &node.kind {
        Kind::Member { base, .. } if step(node, "Alert") && step(base, "Overflow") => {
            matches!(&base.kind, Kind::Member { base, .. } if base.kind == Kind::Event)
        }
        _ => false,
    };
    let overflow = event.overflow.as_ref()?;
    if alert(node) {
        Some(&overflow.alert)
    } else if step(node, "Source") && alert(base) {
        Some(&overflow.alert.source)
    } else {
        None
    }
}

/// A member by name.
pub(super) fn field(base: &Value, name: &str, cx: &Cx<'_>) -> Result<Value, String> {
    let missing = || format!("cannot fetch {name} from {}", base.type_name());
    match base {
        Value::Map(map) => Ok(match map.entries.get(name) {
            Some(value) => value.clone(),
            None => map.kind.missing(),
        }),
        Value::Fields(space) => Ok(Value::str(cx.event.get_named(*space, name).unwrap_or(""))),
        Value::Labels => Ok(Value::str(label(cx.event, name))),
        Value::Unmarshaled => Ok(cx.event.unmarshaled.get(name).cloned().unwrap_or(Value::Nil)),
        Value::Object(object) => object.field(name).ok_or_else(missing),
        Value::Event => match name {
            "Unmarshaled" => Ok(Value::Unmarshaled),
            "Time" => Ok(Value::Time(cx.event.time.unwrap_or_else(|| cx.lookups.now()))),
            _ => match space(name) {
                Some(space) => Ok(Value::Fields(space)),
                None => objects::event_field(cx.event, name).ok_or_else(missing),
            },
        },
        Value::Held(event) => match (space(name), name) {
            (Some(space), _) => Ok(objects::string_map(event.named(space))),
            (None, "Unmarshaled") => Ok(Value::map(event.unmarshaled.clone())),
            (None, _) => objects::event_field(event, name).ok_or_else(missing),
        },
        _ => Err(missing()),
    }
}

fn space(name: &str) -> Option<crate::schema::Space> {
    use crate::schema::Space;
    match name {
        "Parsed" => Some(Space::Parsed),
        "Meta" => Some(Space::Meta),
        "Enriched" => Some(Space::Enriched),
        _ => None,
    }
}

/// A member by a computed index or key.
fn element(base: &Value, index: &Value, cx: &Cx<'_>) -> Result<Value, String> {
    match base {
        Value::List(list) => position(index, list.items.len())
            .map(|i| list.items.get(i).cloned().unwrap_or(Value::Nil)),
        Value::Str(text) => position(index, text.len())
            // A byte is no `int` of Go either: statics refuse it.
            .map(|i| Value::Int64(text.as_bytes().get(i).copied().unwrap_or(0).into())),
        Value::Nil => Err("cannot fetch an element from nil".into()),
        Value::Object(object) if !matches!(index, Value::Str(_)) => match object.items() {
            Some(items) => {
                position(index, items.len()).map(|i| items.get(i).cloned().unwrap_or(Value::Nil))
            }
            None => Err(format!("cannot fetch an element from {}", base.type_name())),
        },
        _ => match index {
            Value::Str(name) => field(base, name, cx),
            Value::Nil => field(base, "", cx),
            other => Err(not_a_key(other)),
        },
    }
}

fn position(index: &Value, length: usize) -> Result<usize, String> {
    operation::position(operation::integer(index)?, length)
}

fn slice(
    node: &Node,
    parts: (&Node, Option<&Node>, Option<&Node>),
    cx: &mut Cx<'_>,
    frame: &mut Frame,
) -> Step {
    let (base, from, to) = parts;
    let base = eval(base, cx, frame)?;
    let mut bound = |bound: Option<&Node>| match bound {
        None => Ok(None),
        Some(node) => {
            let value = eval(node, cx, frame)?;
            at(node, operation::integer(&value)).map(Some)
        }
    };
    let (to, from) = (bound(to)?, bound(from)?);
    let result = at(
        node,
        match &base {
            Value::Str(text) => {
                let part = operation::bounds(from, to, text.len());
                // A cut within a character leaves replacement characters, as printing Go's would.
                let bytes = text.as_bytes().get(part).unwrap_or_default();
                Ok(Value::Str(String::from_utf8_lossy(bytes).into()))
            }
            Value::List(list) => {
                let part = operation::bounds(from, to, list.items.len());
                let items = list.items.get(part).unwrap_or_default().to_vec();
                Ok(Value::List(Arc::new(List { kind: list.kind, nil: list.nil, items })))
            }
            other => Err(format!("cannot slice {}", other.type_name())),
        },
    )?;
    at(node, frame.work.made(&result))?;
    Ok(result)
}

fn map(node: &Node, pairs: &[(Node, Node)], cx: &mut Cx<'_>, frame: &mut Frame) -> Step {
    at(node, frame.grow(pairs.len()))?;
    let mut entries = BTreeMap::new();
    for (key, value) in pairs {
        let name = eval(key, cx, frame)?;
        let Value::Str(name) = name else { return at(key, Err(not_a_key(&name))) };
        let value = eval(value, cx, frame)?;
        entries.insert(name, value);
    }
    Ok(Value::map(entries))
}

fn call(
    node: &Node,
    callee: (&str, Callee),
    arguments: &[Node],
    state: (&mut Cx<'_>, &mut Frame),
) -> Step {
    let (cx, frame) = state;
    let Some(function) = callee.1.0 else {
        return at(node, Err(format!("unknown function {}", callee.0)));
    };
    let apply = |values: &[Value], cx: &mut Cx<'_>, frame: &mut Frame| {
        at(node, frame.work.call(function, values))?;
        let result = at(node, (function.call)(cx, values))?;
        // What others keep, such as a data file, is not made.
        if function.pure || matches!(result, Value::Str(_)) {
            at(node, frame.work.made(&result))?;
        }
        Ok(result)
    };
    match arguments {
        [] => apply(&[], cx, frame),
        [a] => {
            let values = [eval(a, cx, frame)?];
            apply(&values, cx, frame)
        }
        [a, b] => {
            let values = [eval(a, cx, frame)?, eval(b, cx, frame)?];
            apply(&values, cx, frame)
        }
        _ => {
            let values = all_of(arguments, cx, frame)?;
            apply(&values, cx, frame)
        }
    }
}

/// Calls a method.
pub(super) fn invoke(
    base: &Value,
    name: &str,
    arguments: &[Value],
    cx: &mut Cx<'_>,
) -> Result<Value, String> {
    let called = match base {
        Value::Event => method::write(cx.event, name, arguments)
            .or_else(|| method::event(cx.event, name, arguments)),
        Value::Held(event) => method::event(event, name, arguments),
        Value::Time(stamp) => method::time(*stamp, name, arguments),
        Value::Duration(nanos) => method::duration(*nanos, name, arguments),
        Value::Object(object) => object.call(name, arguments),
        _ => None,
    };
    called.unwrap_or_else(|| Err(format!("cannot call {name} of {}", base.type_name())))
}
