//! YAML without a schema (labels of a scenario) as a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::scalar::Resolved;
use super::tree::{Content, Node, Scalar};
use crate::value::Value;

impl Node {
    /// What the node means by itself: numbers, booleans and nil where they are unquoted.
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar(scalar) => scalar_value(scalar),
            Content::List(items) => Value::list(items.iter().map(Self::to_value).collect()),
            Content::Map(entries) => {
                let pairs = entries.iter();
                let pairs = pairs.map(|(key, node)| (Arc::from(&*key.value), node.to_value()));
                Value::map(pairs.collect::<BTreeMap<_, _>>())
            }
        }
    }
}

fn scalar_value(scalar: &Scalar) -> Value {
    match scalar.resolved() {
        Resolved::Null => Value::Nil,
        Resolved::Bool(flag) => Value::Bool(flag),
        Resolved::Int(number) => Value::Int(number),
        Resolved::Float(number) => Value::Float(number),
        Resolved::Text => Value::str(&scalar.text),
    }
}
