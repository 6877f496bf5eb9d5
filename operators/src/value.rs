//! What expressions compute with: the values of expr-lang as CrowdSec's engine shows them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use crate::event::Event;
use crate::schema::Space;
use crate::time::Stamp;

/// A value of the expression language. Cloning is cheap.
#[derive(Clone, Debug)]
pub enum Value {
    /// `nil`.
    Nil,
    /// A boolean.
    Bool(bool),
    /// Go `int`.
    Int(i64),
    /// Go `int64`, which statics refuse where they take an `int` (a result of `Time.Unix()`).
    Int64(i64),
    /// Go `float64`.
    Float(f64),
    /// A string.
    Str(Arc<str>),
    /// A list.
    List(Arc<List>),
    /// A map with string keys.
    Map(Arc<Map>),
    /// Go `time.Time`.
    Time(Stamp),
    /// Go `time.Duration`. Unit: nanoseconds.
    Duration(i64),
    /// The live event, `evt`.
    Event,
    /// A string map of the live event, such as `evt.Meta`.
    Fields(Space),
    /// `evt.Unmarshaled` of the live event.
    Unmarshaled,
    /// `evt.Line.Labels` of the live event.
    Labels,
    /// An event of a bucket's queue.
    Held(Arc<Event>),
    /// A structure of the engine: alert, source, queue, …
    Object(Arc<dyn Object>),
}

/// What the elements of a Go slice are, where helpers care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// `[]any`.
    Any,
    /// `[]string`.
    Strings,
    /// A slice of another concrete type (times, events, …).
    Typed,
}

/// A list and its Go element type.
#[derive(Clone, Debug)]
pub struct List {
    /// Element type.
    pub kind: ListKind,
    /// The elements.
    pub items: Vec<Value>,
}

/// What the values of a Go map are, where helpers care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// `map[string]any`: a missing key is nil.
    Any,
    /// `map[string]string`: a missing key is "".
    Strings,
    /// `map[string][]string` (`url.Values`).
    StringLists,
}

/// A map with string keys and its Go value type.
#[derive(Clone, Debug)]
pub struct Map {
    /// Value type.
    pub kind: MapKind,
    /// The entries, by key (Go prints maps in this order too).
    pub entries: BTreeMap<Arc<str>, Value>,
}

/// A structure with fields and methods that expressions may reach.
pub trait Object: Debug + Send + Sync {
    /// Go name of the type, for messages.
    fn type_name(&self) -> &'static str;
    /// The value of a field; `None` where the type has no such field.
    fn field(&self, name: &str) -> Option<Value>;
    /// Calls a method; `None` where the type has no such method.
    ///
    /// # Errors
    /// A text for people when the arguments do not fit.
    fn call(&self, method: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let _ = (method, arguments);
        None
    }
    /// The elements, where the Go type is a slice.
    fn items(&self) -> Option<Vec<Value>> {
        None
    }
}

impl Value {
    /// A string value.
    pub fn str(text: &str) -> Self {
        Self::Str(text.into())
    }

    /// A `[]any`.
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Arc::new(List { kind: ListKind::Any, items }))
    }

    /// A `[]string`.
    pub fn strings<S: Into<Arc<str>>>(items: impl IntoIterator<Item = S>) -> Self {
        let items = items.into_iter().map(|item| Self::Str(item.into())).collect();
        Self::List(Arc::new(List { kind: ListKind::Strings, items }))
    }

    /// A `map[string]any`.
    pub fn map(entries: BTreeMap<Arc<str>, Value>) -> Self {
        Self::Map(Arc::new(Map { kind: MapKind::Any, entries }))
    }
}
