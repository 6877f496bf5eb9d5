//! Builtins that take a predicate: `any(xs, # > 1)` and its relatives.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::{Loop, Node, Op};
use super::context::Cx;
use super::eval::{Frame, Scope, Step, at, eval, owned, truth};
use super::operation;
use crate::value::{ListKind, MapKind, Value};

/// What `groupBy` gives.
const GROUPS: MapKind = MapKind::Typed {
    name: "map[interface {}][]interface {}",
    zero: || Value::nil_list(ListKind::Any),
};

/// Evaluates such a builtin.
pub(super) fn run(
    node: &Node,
    builtin: Loop,
    arguments: &[Node],
    state: (&mut Cx<'_>, &mut Frame),
) -> Step {
    let (cx, frame) = state;
    let [collection, rest @ ..] = arguments else { return Ok(Value::Nil) };
    let value = eval(collection, cx, frame)?;
    let items = at(collection, items(&value))?;
    let items = &*items;
    let mut walk = Walk { node, body: rest.first(), cx, frame };
    match builtin {
        Loop::All | Loop::None | Loop::Any => {
            let stops = builtin != Loop::All;
            let found = walk.first(items, false, stops)?.is_some();
            Ok(Value::Bool(if builtin == Loop::Any { found } else { !found }))
        }
        Loop::Find | Loop::FindLast => {
            let found = walk.first(items, builtin == Loop::FindLast, true)?;
            Ok(found.and_then(|index| items.get(index)).cloned().unwrap_or(Value::Nil))
        }
        Loop::FindIndex | Loop::FindLastIndex => {
            let found = walk.first(items, builtin == Loop::FindLastIndex, true)?;
            Ok(found.map_or(Value::Nil, number))
        }
        Loop::One | Loop::Count | Loop::Filter => {
            let mut taken = Vec::new();
            for (index, item) in items.iter().enumerate() {
                if walk.holds(index, item)? {
                    taken.push(item.clone());
                }
            }
            match builtin {
                Loop::One => Ok(Value::Bool(taken.len() == 1)),
                Loop::Count => Ok(number(taken.len())),
                _ => {
                    at(node, walk.frame.grow(taken.len()))?;
                    Ok(Value::list(taken))
                }
            }
        }
        Loop::Map => {
            at(node, walk.frame.grow(items.len()))?;
            let all = items.iter().enumerate();
            let made = all.map(|(index, item)| walk.value(index, item, Value::Nil));
            made.collect::<Step<Vec<_>>>().map(Value::list)
        }
        Loop::Sum => {
            let mut sum = Value::Int(0);
            for (index, item) in items.iter().enumerate() {
                let value = walk.value(index, item, Value::Nil)?;
                at(node, walk.frame.work.operator(Op::Add, &value, &sum))?;
                sum = at(node, operation::apply(Op::Add, &value, &sum))?;
            }
            Ok(sum)
        }
        Loop::GroupBy => walk.group(node, items),
        Loop::SortBy => walk.sort(node, items, rest.get(1)),
        Loop::Reduce => walk.reduce(node, items, rest.get(1)),
    }
}

/// The elements of a list, or of a structure whose Go type is a slice.
fn items(value: &Value) -> Result<Cow<'_, [Value]>, String> {
    match value {
        Value::List(list) => Ok(Cow::Borrowed(&list.items)),
        Value::Object(object) => object
            .items()
            .map(Cow::Owned)
            .ok_or_else(|| format!("a list is needed, not {}", object.type_name())),
        other => Err(format!("a list is needed, not {}", other.type_name())),
    }
}

fn number(index: usize) -> Value {
    Value::Int(i64::try_from(index).unwrap_or(i64::MAX))
}

struct Walk<'a, 'b, 'c> {
    node: &'a Node,
    body: Option<&'a Node>,
    cx: &'b mut Cx<'c>,
    frame: &'b mut Frame,
}

impl Walk<'_, '_, '_> {
    /// The body for an item; the item itself where there is none.
    fn value(&mut self, index: usize, item: &Value, accumulator: Value) -> Step {
        let Some(body) = self.body else { return Ok(item.clone()) };
        self.frame.scopes.push(Scope { item: item.clone(), index, accumulator });
        let result = eval(body, self.cx, self.frame);
        self.frame.scopes.pop();
        result
    }

    fn holds(&mut self, index: usize, item: &Value) -> Step<bool> {
        let value = self.value(index, item, Value::Nil)?;
        match self.body {
            Some(body) => at(body, truth(&value)),
            None => at(self.node, truth(&value)),
        }
    }

    /// Where the first (or last) item stands for which the body gives `wanted`.
    fn first(&mut self, items: &[Value], backwards: bool, wanted: bool) -> Step<Option<usize>> {
        for step in 0..items.len() {
            let index = if backwards { items.len() - 1 - step } else { step };
            if let Some(item) = items.get(index)
                && self.holds(index, item)? == wanted
            {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn group(&mut self, node: &Node, items: &[Value]) -> Step {
        let mut groups: BTreeMap<Arc<str>, Vec<Value>> = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            let key = match self.value(index, item, Value::Nil)? {
                Value::Str(text) => text,
                Value::Int(x) | Value::Int64(x) => x.to_string().into(),
                Value::Bool(x) => x.to_string().into(),
                Value::Float(x) => x.to_string().into(),
                Value::Nil => "<nil>".into(),
                other => {
                    return at(node, Err(format!("cannot group by {}", other.type_name())));
                }
            };
            groups.entry(key).or_default().push(item.clone());
        }
        let entries = groups.into_iter().map(|(key, items)| (key, Value::list(items))).collect();
        Ok(Value::map_of(GROUPS, entries))
    }

    fn sort(&mut self, node: &Node, items: &[Value], order: Option<&Node>) -> Step {
        let descending = match order {
            None => false,
            Some(order) => match eval(order, self.cx, self.frame)? {
                Value::Str(text) if &*text == "asc" => false,
                Value::Str(text) if &*text == "desc" => true,
                _ => return at(order, Err("unknown order, use asc or desc".into())),
            },
        };
        let mut keyed = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            keyed.push((self.value(index, item, Value::Nil)?, item));
        }
        let mut failed = None;
        keyed.sort_by(|(a, _), (b, _)| {
            let order = a.order(b).unwrap_or_else(|| {
                let text = format!("invalid operation: {} < {}", a.type_name(), b.type_name());
                failed = Some(text);
                None
            });
            let order = order.unwrap_or(std::cmp::Ordering::Equal);
            if descending { order.reverse() } else { order }
        });
        if let Some(error) = failed {
            return at(node, Err(error));
        }
        at(node, self.frame.grow(keyed.len()))?;
        let items = keyed.into_iter().map(|(_, item)| item.clone()).collect();
        Ok(Value::list(items))
    }

    fn reduce(&mut self, node: &Node, items: &[Value], initial: Option<&Node>) -> Step {
        let mut all = items.iter().enumerate();
        let mut accumulator = match initial {
            Some(initial) => {
                let value = eval(initial, self.cx, self.frame)?;
                owned(&value, self.cx)
            }
            None => match all.next() {
                Some((_, first)) => first.clone(),
                None => {
                    let message = "reduce of empty array with no initial value";
                    return at(node, Err(message.into()));
                }
            },
        };
        for (index, item) in all {
            accumulator = self.value(index, item, accumulator)?;
            if matches!(accumulator, Value::List(_) | Value::Map(_)) {
                // Nests deeper with every step, perhaps.
                at(node, self.frame.work.whole(&accumulator))?;
            }
        }
        Ok(accumulator)
    }
}
