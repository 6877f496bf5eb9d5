//! Builtins of expr-lang for lists and maps that take no predicate (`builtin/builtin.go`). Where Go
//! walks a map in random order, keys come sorted.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Function;
use super::accept;
use super::arguments::kinds::{ANY, ANYS, INT, MAP, STR};
use super::arguments::{
    ELEMENT_BUDGET, Outcome, entries, entry, int, items, map_kind, over_budget, text,
};
use super::collection::{flattened, list_or_nil};
use super::compare::{equal, key, less};
use super::format::{type_name, verbatim};
use crate::expr::context::Cx;
use crate::expr::eval::not_a_key;
use crate::expr::operation;
use crate::value::{List, ListKind, MapKind, Value};

/// The family's part of the list.
#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("first", &[ANY], ANY, |_, a| Ok(at_end(a, true))).shallow().accepts(accept::element)
        .about("the first element, nil if there is none", "first([1, 2])", "1"),
    Function::new("last", &[ANY], ANY, |_, a| Ok(at_end(a, false))).shallow().accepts(accept::element)
        .about("the last element, nil if there is none", "last([1, 2])", "2"),
    Function::new("get", &[ANY, ANY], ANY, get).shallow().accepts(accept::member)
        .about("the element or member, nil if there is none", r#"get({"a": 1}, "b")"#, "<nil>"),
    Function::new("take", &[ANY, INT], ANY, take).accepts(accept::part)
        .about("the first n elements", "take([1, 2, 3], 2)", "[1 2]"),
    Function::new("keys", &[ANY], ANYS, keys).accepts(accept::map_parts)
        .about("the keys of a map, sorted", r#"keys({"b": 1, "a": 2})"#, "[a b]"),
    Function::new("values", &[ANY], ANYS, values).accepts(accept::map_parts)
        .about("the values of a map, by key", r#"values({"b": 1, "a": 2})"#, "[2 1]"),
    Function::new("toPairs", &[ANY], ANYS, to_pairs).accepts(accept::map_parts)
        .about("[key, value] of each entry, by key", r#"toPairs({"a": 1})"#, "[[a 1]]"),
    Function::new("fromPairs", &[ANY], MAP, from_pairs).accepts(accept::pairs)
        .about("the map of these [key, value] pairs", r#"fromPairs([["a", 1]])"#, "map[a:1]"),
    Function::new("reverse", &[ANY], ANYS, reverse).accepts(accept::lists)
        .about("the elements, last first", "reverse([1, 2])", "[2 1]"),
    Function::new("uniq", &[ANY], ANYS, uniq).accepts(accept::lists)
        .about("each element once, in order", "uniq([1, 2, 1.0])", "[1 2]"),
    Function::new("concat", &[ANY], ANYS, concat).rest(ANY).accepts(accept::lists)
        .about("the elements of all these lists", "concat([1], [2, 3])", "[1 2 3]"),
    Function::new("flatten", &[ANY], ANYS, flatten).accepts(accept::lists)
        .about("the elements of all lists within lists", "flatten([1, [2, [3]]])", "[1 2 3]"),
    Function::new("sort", &[ANY, STR], ANYS, sort).required(1).accepts(accept::sortable)
        .about("the elements in order (\"asc\" or \"desc\")", r#"sort([3, 1, 2], "desc")"#, "[3 2 1]"),
];

/// What `fromPairs` gives.
const PAIRED: MapKind =
    MapKind::Typed { name: "map[interface {}]interface {}", zero: || Value::Nil };

/// How often `uniq` compares elements that are lists and maps, at most.
const MOST_COMPARED: usize = 4_000_000;

fn list_of<'a>(a: &'a [Value], verb: &str) -> Result<Cow<'a, [Value]>, String> {
    let value = a.first().unwrap_or(&Value::Nil);
    items(value).ok_or_else(|| format!("cannot {verb} {}", type_name(value)))
}

fn at_end(a: &[Value], first: bool) -> Value {
    let found = a
        .first()
        .and_then(items)
        .and_then(|items| if first { items.first().cloned() } else { items.last().cloned() });
    found.unwrap_or(Value::Nil)
}

/// An index from the start, or from the end where it is negative.
fn place(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index).filter(|index| *index < length),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

fn get(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let from = a.first().unwrap_or(&Value::Nil);
    let found = match (from, a.get(1)) {
        (Value::Nil, _) => None,
        (Value::Str(text), Some(Value::Int(index) | Value::Int64(index))) => {
            let byte = place(*index, text.len()).and_then(|at| text.as_bytes().get(at));
            byte.map(|byte| Value::Int64(i64::from(*byte)))
        }
        (Value::Object(object), Some(Value::Str(name))) => object.field(name),
        (_, Some(Value::Str(key))) if map_kind(from).is_some() => entry(cx, from, key).flatten(),
        (_, Some(Value::Nil)) if map_kind(from).is_some() => None,
        (_, key) if map_kind(from).is_some() => return Err(not_a_key(key.unwrap_or(&Value::Nil))),
        (_, Some(Value::Int(index) | Value::Int64(index))) => {
            let items = items(from);
            items.and_then(|items| items.get(place(*index, items.len())?).cloned())
        }
        (Value::Str(_) | Value::List(_), key) => {
            let key = operation::integer(key.unwrap_or(&Value::Nil))?;
            return get(cx, &[from.clone(), Value::Int(key)]);
        }
        _ => None,
    };
    Ok(found.unwrap_or(Value::Nil))
}

fn take(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let elements = list_of(a, "take from")?;
    let wanted = int(a, 1)?;
    let count = usize::try_from(wanted)
        .map_err(|_| format!("runtime error: slice bounds out of range [:{wanted}]"))?;
    let (kind, nil) = match a.first() {
        Some(Value::List(list)) => (list.kind, list.nil),
        from => (ListKind::Typed, from.is_some_and(Value::is_nil)),
    };
    let items = elements[..count.min(elements.len())].to_vec();
    Ok(Value::List(Arc::new(List { kind, nil, items })))
}

fn map_of(cx: &Cx<'_>, a: &[Value], verb: &str) -> Result<Vec<(Arc<str>, Value)>, String> {
    let value = a.first().unwrap_or(&Value::Nil);
    entries(cx, value).ok_or_else(|| format!("cannot {verb} {}", type_name(value)))
}

fn keys(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let entries = map_of(cx, a, "get keys from")?;
    Ok(Value::list(entries.into_iter().map(|(key, _)| Value::Str(key)).collect()))
}

fn values(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let entries = map_of(cx, a, "get values from")?;
    Ok(Value::list(entries.into_iter().map(|(_, value)| value).collect()))
}

fn to_pairs(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let entries = map_of(cx, a, "transform to pairs")?;
    // `[][2]any`
    let pair = |(key, value)| Value::slice(ListKind::Typed, vec![Value::Str(key), value]);
    Ok(Value::slice(ListKind::Typed, entries.into_iter().map(pair).collect()))
}

fn from_pairs(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let mut map = BTreeMap::new();
    for pair in list_of(a, "transform from pairs")?.iter() {
        let pair = items(pair).ok_or_else(|| format!("invalid pair {}", verbatim(cx, pair)))?;
        let [key, value] = &*pair else {
            return Err(format!("invalid pair length {}", pair.len()));
        };
        // Maps have string keys here; other keys go by their text.
        let key = match key {
            Value::Str(key) => key.clone(),
            key => verbatim(cx, key).into(),
        };
        map.insert(key, value.clone());
    }
    Ok(Value::map_of(PAIRED, map))
}

fn reverse(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    Ok(Value::list(list_of(a, "reverse")?.iter().rev().cloned().collect()))
}

fn uniq(cx: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let elements = list_of(a, "uniq")?;
    let (mut seen, mut compound, mut kept) = (BTreeSet::new(), Vec::new(), Vec::new());
    let mut compared = 0;
    for element in elements.iter() {
        compared += compound.len();
        let new = match key(element, false) {
            Some(key) => seen.insert(key),
            None if compared > MOST_COMPARED => return Err(over_budget()),
            None if compound.iter().any(|known| equal(cx, known, element)) => false,
            None => {
                compound.push(element.clone());
                true
            }
        };
        if new {
            kept.push(element.clone());
        }
    }
    Ok(Value::list(kept))
}

fn concat(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let mut all = Vec::new();
    for (index, _) in a.iter().enumerate() {
        let elements = list_of(&a[index..], "concat")?;
        if all.len() + elements.len() > ELEMENT_BUDGET {
            return Err(over_budget());
        }
        all.extend_from_slice(&elements);
    }
    Ok(list_or_nil(all))
}

fn flatten(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    flattened(&list_of(a, "flatten")?, true).map(Value::list)
}

fn sort(_: &mut Cx<'_>, a: &[Value]) -> Outcome {
    let descending = match a.len() {
        0 | 1 => false,
        _ => match text(a, 1)? {
            "asc" => false,
            "desc" => true,
            order => return Err(format!("invalid order {order}, expected asc or desc")),
        },
    };
    // What is no list has no elements.
    let Some(Value::List(list)) = a.first() else { return Ok(Value::list(Vec::new())) };
    // Checked before, since an order that fails midway would leave the list half sorted.
    for pair in list.items.windows(2) {
        less(&pair[0], &pair[1])?;
    }
    let mut sorted = list.items.clone();
    sorted.sort_by(|a, b| if descending { order(b, a) } else { order(a, b) });
    Ok(Value::list(sorted))
}

/// A total order that agrees with `<` where that has one; NaN comes last.
fn order(left: &Value, right: &Value) -> Ordering {
    match (number(left), number(right)) {
        (Some(a), Some(b)) => a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)),
        _ => match (less(left, right), less(right, left)) {
            (Ok(true), _) => Ordering::Less,
            (_, Ok(true)) => Ordering::Greater,
            _ => Ordering::Equal,
        },
    }
}

/// A number, and the integer that it is exactly.
fn number(value: &Value) -> Option<(f64, Option<i64>)> {
    match value {
        Value::Int(number) | Value::Int64(number) => Some((*number as f64, Some(*number))),
        Value::Float(number) if number.is_nan() => Some((f64::NAN, None)),
        Value::Float(number) => Some((number + 0.0, None)),
        _ => None,
    }
}
