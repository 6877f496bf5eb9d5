//! CrowdSec's helpers for lists and maps (`pkg/exprhelpers/helpers.go`).

use std::collections::BTreeSet;

use super::Function;
use super::arguments::kinds::{ANY, BOOL, INT, MAP, STR, STRS};
use super::arguments::{
    ELEMENT_BUDGET, Outcome, entry, int, items, list, map_kind, mismatch, over_budget, text,
};
use super::compare::key;
use super::format::type_name;
use crate::expr::context::Cx;
use crate::value::{ListKind, MapKind, Value};

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("Flatten", &[], ANY, flatten).rest(ANY)
        .about("the elements of all lists within lists", "Flatten([1, [2, [3]]], 4)", "[1 2 3 4]"),
    Function::new("Distinct", &[], ANY, distinct).rest(ANY)
        .about("each element once, in order; nil for what is no list; fails on lists and maps in it",
            r#"Distinct(["b", "a", "b"])"#, "[b a]"),
    Function::new("FlattenDistinct", &[], ANY, flatten_distinct).rest(ANY)
        .about("each element of all lists within lists once", "FlattenDistinct([1, [2, 1]])", "[1 2]"),
    Function::new("Get", &[STRS, INT], STR, get)
        .about("the element at an index, \"\" beyond the end", r#"Get(Fields("a b"), 5)"#, ""),
    Function::new("KeyExists", &[STR, MAP], BOOL, key_exists)
        .about("whether a map has the key", r#"KeyExists("a", {"a": 1})"#, "true"),
];

/// Deepest nesting that is flattened.
pub(super) const MAX_DEPTH: usize = 10_000;

/// Appends the elements of all lists within `values`. On a heap stack: values may be nested deeply.
/// Whether nil may be one of them is the caller's: Go's reflection has no kind for it.
pub(super) fn flattened(values: &[Value], nil: bool) -> Result<Vec<Value>, String> {
    let mut flat = Vec::new();
    let mut lists = 0;
    let mut stack: Vec<std::vec::IntoIter<Value>> = vec![Vec::from(values).into_iter()];
    while let Some(top) = stack.last_mut() {
        let Some(value) = top.next() else {
            stack.pop();
            continue;
        };
        match items(&value) {
            Some(_) if lists >= ELEMENT_BUDGET => return Err(over_budget()),
            Some(inner) if stack.len() <= MAX_DEPTH => {
                lists += 1;
                stack.push(inner.into_owned().into_iter());
            }
            Some(_) => return Err("recursion depth exceeded".to_owned()),
            None if !nil && matches!(value, Value::Nil) => {
                return Err("cannot flatten nil".to_owned());
            }
            None if flat.len() >= ELEMENT_BUDGET => return Err(over_budget()),
            None => flat.push(value),
        }
    }
    Ok(flat)
}

/// What Go appends to a nil slice: nil where nothing is appended.
pub(super) fn list_or_nil(items: Vec<Value>) -> Value {
    if items.is_empty() { Value::nil_list(ListKind::Any) } else { Value::list(items) }
}

/// Each element once.
fn once(values: &[Value]) -> Outcome {
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for value in values {
        let new = match (key(value, true), value) {
            (Some(key), _) => seen.insert(key),
            // NaN is a key that equals nothing.
            (None, Value::Float(_)) => true,
            (None, value) => {
                let name = type_name(value);
                return Err(format!("runtime error: hash of unhashable type {name}"));
            }
        };
        if new {
            kept.push(value.clone());
        }
    }
    Ok(Value::list(kept))
}

fn flatten(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    flattened(a, false).map(list_or_nil)
}

fn distinct(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let value = a.first().unwrap_or(&Value::Nil);
    match (items(value), value) {
        (_, Value::List(list)) if list.kind == ListKind::Any => once(&list.items),
        (Some(_), _) => Err(mismatch(a, 0, "[]interface {}")),
        (None, Value::Nil) => Err(mismatch(a, 0, "a list")),
        (None, _) => Ok(Value::Nil),
    }
}

fn flatten_distinct(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    once(&flattened(a, false)?)
}

fn get(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let items = list(a, 0)?;
    if items.kind != ListKind::Strings {
        return Err(mismatch(a, 0, "[]string"));
    }
    let index = int(a, 1)?;
    let index = usize::try_from(index)
        .map_err(|_| format!("runtime error: index out of range [{index}]"))?;
    Ok(items.items.get(index).cloned().unwrap_or_else(|| Value::str("")))
}

fn key_exists(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let key = text(a, 0)?;
    let map = a.get(1).filter(|map| map_kind(map) == Some(MapKind::Any));
    let found = map.and_then(|map| entry(cx, map, key));
    Ok(Value::Bool(found.ok_or_else(|| mismatch(a, 1, "map[string]interface {}"))?.is_some()))
}
