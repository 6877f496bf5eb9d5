//! Rewriting of trees before they are compiled: what is evaluated stays the same.

use std::collections::BTreeMap;

use super::ast::{Kind, Node, Pointer};
use super::reads::total;
use super::subject::pure;

/// Most elements of a list of literals that a predicate is written out for.
const MAX_UNROLLED: usize = 64;

/// Most nodes of the values of `let`s: one that names another twice doubles it.
const MAX_VALUES: usize = 1_000;

/// Most nodes of a body with the values in it, at worst.
const MAX_INLINED: usize = 1_000_000;

/// A body once for every string of a list of literals, in their order.
pub(super) fn unrolled(list: &Node, body: &Node) -> Option<Vec<Node>> {
    let Kind::List(all) = &list.kind else { return None };
    if all.len() > MAX_UNROLLED || nested(body) || !all.iter().all(|node| node.text().is_some()) {
        return None;
    }
    let bodies = all.iter().map(|item| {
        let mut copy = body.clone();
        replace(&mut copy, &|kind| (*kind == Kind::Pointer(Pointer::Item)).then(|| item.clone()));
        copy
    });
    Some(bodies.collect())
}

/// A tree of `let`s whose values are pure, with the values in place of the names.
pub(super) fn inlined(node: &Node) -> Option<Node> {
    let mut values: BTreeMap<u16, Node> = BTreeMap::new();
    let mut body = node;
    let mut nodes = 0;
    while let Kind::Let { value, body: inner, .. } = &body.kind {
        let mut value = (**value).clone();
        replace(&mut value, &|kind| variable(kind, &values));
        nodes += value.size();
        if nodes > MAX_VALUES || !(pure(&value) && total(&value)) {
            return None;
        }
        values.insert(u16::try_from(values.len()).ok()?, value);
        body = inner;
    }
    if nested(body) || nodes.saturating_mul(body.size()) > MAX_INLINED {
        return None;
    }
    let mut copy = body.clone();
    replace(&mut copy, &|kind| variable(kind, &values));
    Some(copy)
}

fn variable(kind: &Kind, values: &BTreeMap<u16, Node>) -> Option<Node> {
    match kind {
        Kind::Variable(index) => values.get(index).cloned(),
        _ => None,
    }
}

/// Whether there are variables or predicates of its own in a tree.
fn nested(node: &Node) -> bool {
    let mut found = matches!(node.kind, Kind::Let { .. } | Kind::Predicate { .. });
    node.visit(&mut |child| found = found || nested(child));
    found
}

fn replace(node: &mut Node, by: &dyn Fn(&Kind) -> Option<Node>) {
    if let Some(new) = by(&node.kind) {
        let span = node.span.clone();
        *node = new;
        node.span = span;
        return;
    }
    let mut depth = 0;
    node.visit_mut(&mut |child| {
        replace(child, by);
        depth = depth.max(child.depth);
    });
    node.depth = depth.saturating_add(1);
}
