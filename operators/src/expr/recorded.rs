//! Events and results of nodes as a dump of the engine shows them: what assertions of tests look at.

use std::sync::{Arc, OnceLock};

use super::{method, objects};
use crate::event::Event;
use crate::schema::Space;
use crate::value::{ListKind, MapKind, Object, Value};

/// An event as it stood when it was recorded. Unlike the live one it went through the engine's dump
/// (YAML), which decides the types of decoded numbers.
#[derive(Debug)]
pub struct Recorded {
    event: Event,
    parsed: OnceLock<Value>,
    meta: OnceLock<Value>,
    enriched: OnceLock<Value>,
    unmarshaled: OnceLock<Value>,
}

impl Recorded {
    /// Records an event.
    pub fn new(event: Event) -> Self {
        let [parsed, meta, enriched, unmarshaled] = [const { OnceLock::new() }; 4];
        Self { event, parsed, meta, enriched, unmarshaled }
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Decoded documents by name, as they come back from a dump.
    pub fn unmarshaled(&self) -> &Value {
        self.unmarshaled.get_or_init(|| {
            let entries = self.event.unmarshaled.iter();
            Value::map(entries.map(|(key, value)| (Arc::clone(key), dumped(value))).collect())
        })
    }

    fn named(&self, space: Space) -> Value {
        let cell = match space {
            Space::Parsed => &self.parsed,
            Space::Meta => &self.meta,
            Space::Enriched => &self.enriched,
        };
        cell.get_or_init(|| objects::string_map(self.event.named(space))).clone()
    }
}

impl Object for Recorded {
    fn type_name(&self) -> &'static str {
        "pipeline.Event"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Parsed" => Some(self.named(Space::Parsed)),
            "Meta" => Some(self.named(Space::Meta)),
            "Enriched" => Some(self.named(Space::Enriched)),
            "Unmarshaled" => Some(self.unmarshaled().clone()),
            _ => objects::event_field(&self.event, name),
        }
    }

    fn call(&self, method: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        method::event(&self.event, method, arguments)
    }
}

/// What a top-level node made of an event (crowdsec pkg/dumps `ParserResult`).
#[derive(Debug)]
pub struct NodeResult {
    /// Number of the node among those of its stage that any event reached, from 1.
    pub index: i64,
    /// The event right after the node.
    pub event: Arc<Recorded>,
    /// Whether the node succeeded.
    pub success: bool,
}

impl Object for NodeResult {
    fn type_name(&self) -> &'static str {
        "dumps.ParserResult"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Idx" => Value::Int(self.index),
            "Evt" => Value::Object(Arc::clone(&self.event) as Arc<dyn Object>),
            "Success" => Value::Bool(self.success),
            _ => return None,
        })
    }
}

/// `[]dumps.ParserResult`, or another list of structures.
pub fn list(items: Vec<Value>) -> Value {
    Value::slice(ListKind::Typed, items)
}

/// The results of the nodes of a stage by name of the node.
pub const NODES: MapKind = MapKind::Typed {
    name: "map[string][]dumps.ParserResult",
    zero: || Value::nil_list(ListKind::Typed),
};

/// The results of all nodes by stage and name of the node.
pub const STAGES: MapKind =
    MapKind::Typed { name: "dumps.ParserResults", zero: || Value::nil_map(NODES) };

/// Whole floats are written without a fraction below this size, and read as integers.
const WHOLE: f64 = 1e6;

/// A decoded value after its way through YAML: every map has any values, whole numbers below a
/// million are integers (yaml.v3 writes floats in Go's shortest form).
fn dumped(value: &Value) -> Value {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
        Value::Float(x) if x.fract() == 0.0 && x.abs() < WHOLE => Value::Int(*x as i64),
        Value::Int64(x) => Value::Int(*x),
        Value::List(of) => Value::list(of.items.iter().map(dumped).collect()),
        Value::Map(map) => {
            let entries = map.entries.iter();
            Value::map(entries.map(|(key, value)| (Arc::clone(key), dumped(value))).collect())
        }
        other => other.clone(),
    }
}
