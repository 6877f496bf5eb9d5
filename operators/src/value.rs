//! What expressions compute with: the values of expr-lang as CrowdSec's engine shows them.

use std::cmp::Ordering;
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
    /// `[]byte`: the elements are integers.
    Bytes,
    /// A slice of another concrete type (times, events, …).
    Typed,
}

/// A list and its Go element type.
#[derive(Clone, Debug)]
pub struct List {
    /// Element type.
    pub kind: ListKind,
    /// Whether it is Go's nil slice: it has no elements, and equals nil.
    pub nil: bool,
    /// The elements.
    pub items: Vec<Value>,
}

/// What the values of a Go map are, where helpers care.
#[derive(Clone, Copy, Debug)]
pub enum MapKind {
    /// `map[string]any`: a missing key is nil.
    Any,
    /// `map[string]string`: a missing key is "".
    Strings,
    /// `map[string][]string` (`url.Values`).
    StringLists,
    /// A map of another concrete type: a missing key is the zero value that this makes.
    Typed {
        /// Go name of the type.
        name: &'static str,
        /// Zero value of the elements.
        zero: fn() -> Value,
    },
}

impl MapKind {
    /// What a missing key gives.
    pub fn missing(self) -> Value {
        match self {
            Self::Any => Value::Nil,
            Self::Strings => Value::str(""),
            Self::StringLists => Value::nil_list(ListKind::Strings),
            Self::Typed { zero, .. } => zero(),
        }
    }

    /// Go name of the type.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Any => "map[string]interface {}",
            Self::Strings => "map[string]string",
            Self::StringLists => "map[string][]string",
            Self::Typed { name, .. } => name,
        }
    }
}

/// Types of Go maps are told apart by their names.
impl PartialEq for MapKind {
    fn eq(&self, other: &Self) -> bool {
        self.type_name() == other.type_name()
    }
}

impl Eq for MapKind {}

/// A map with string keys and its Go value type.
#[derive(Clone, Debug)]
pub struct Map {
    /// Value type.
    pub kind: MapKind,
    /// Whether it is Go's nil map: it has no entries, and equals nil.
    pub nil: bool,
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
    /// The number, where the Go type is one with a name.
    fn number(&self) -> Option<i64> {
        None
    }
    /// Whether it is a nil pointer or a nil slice of its Go type.
    fn is_nil(&self) -> bool {
        false
    }
}

impl Value {
    /// A string value.
    pub fn str(text: &str) -> Self {
        Self::Str(text.into())
    }

    /// A `[]any`.
    pub fn list(items: Vec<Value>) -> Self {
        Self::slice(ListKind::Any, items)
    }

    /// A slice of that element type.
    pub fn slice(kind: ListKind, items: Vec<Value>) -> Self {
        Self::List(Arc::new(List { kind, nil: false, items }))
    }

    /// A nil slice.
    pub fn nil_list(kind: ListKind) -> Self {
        Self::List(Arc::new(List { kind, nil: true, items: Vec::new() }))
    }

    /// A `[]string`.
    pub fn strings<S: Into<Arc<str>>>(items: impl IntoIterator<Item = S>) -> Self {
        let items = items.into_iter().map(|item| Self::Str(item.into())).collect();
        Self::slice(ListKind::Strings, items)
    }

    /// A `map[string]any`.
    pub fn map(entries: BTreeMap<Arc<str>, Value>) -> Self {
        Self::map_of(MapKind::Any, entries)
    }

    /// A map of that value type.
    pub fn map_of(kind: MapKind, entries: BTreeMap<Arc<str>, Value>) -> Self {
        Self::Map(Arc::new(Map { kind, nil: false, entries }))
    }

    /// A nil map.
    pub fn nil_map(kind: MapKind) -> Self {
        Self::Map(Arc::new(Map { kind, nil: true, entries: BTreeMap::new() }))
    }
}

impl Value {
    /// Name of the Go type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Float(_) => "float64",
            Self::Str(_) => "string",
            Self::List(list) => match list.kind {
                ListKind::Any => "[]interface {}",
                ListKind::Strings => "[]string",
                ListKind::Bytes => "[]uint8",
                ListKind::Typed => "slice",
            },
            Self::Map(map) => map.kind.type_name(),
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
            Self::Event => "*pipeline.Event",
            Self::Held(_) => "pipeline.Event",
            Self::Fields(_) | Self::Labels => "map[string]string",
            Self::Unmarshaled => "map[string]interface {}",
            Self::Object(object) => object.type_name(),
        }
    }

    /// Whether it is `nil`, or a nil slice, map or pointer.
    pub fn is_nil(&self) -> bool {
        match self {
            Self::Nil => true,
            Self::List(list) => list.nil,
            Self::Map(map) => map.nil,
            Self::Object(object) => object.is_nil(),
            _ => false,
        }
    }

    /// The characters, where it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The value as a float, where it is a number. Go compares numbers of two types as floats if
    /// one of them is.
    #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
    fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(x) | Self::Int64(x) => Some(*x as f64),
            Self::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// Go's `reflect.DeepEqual`: numbers of different types differ.
    fn identical(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(_), Self::Int64(_) | Self::Float(_))
            | (Self::Int64(_), Self::Int(_) | Self::Float(_))
            | (Self::Float(_), Self::Int(_) | Self::Int64(_)) => false,
            (Self::List(a), Self::List(b)) => {
                a.kind == b.kind
                    && a.items.len() == b.items.len()
                    && a.items.iter().zip(&b.items).all(|(a, b)| a.identical(b))
            }
            _ => self.equal(other),
        }
    }

    /// `==` of expr-lang (`vm/runtime.Equal`): numbers of different types compare by value, times
    /// by instant, lists and maps element by element; values of different types are different,
    /// except that whatever is nil equals nil.
    ///
    /// The maps of the live event must have been resolved by the caller; as handles they are equal
    /// to themselves only.
    pub fn equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a) | Self::Int64(a), Self::Int(b) | Self::Int64(b))
            | (Self::Duration(a), Self::Duration(b)) => a == b,
            (Self::Int(_) | Self::Int64(_) | Self::Float(_), _) => {
                self.as_float().zip(other.as_float()).is_some_and(|(a, b)| a == b)
            }
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Time(a), Self::Time(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.items.len() == b.items.len()
                    && a.items.iter().zip(&b.items).all(|(a, b)| a.equal(b))
            }
            (Self::Map(a), Self::Map(b)) => {
                (a.nil && b.nil)
                    || a.nil == b.nil
                        && a.kind == b.kind
                        && a.entries.len() == b.entries.len()
                        && a.entries
                            .iter()
                            .zip(&b.entries)
                            .all(|((ka, a), (kb, b))| ka == kb && a.identical(b))
            }
            (Self::Event, Self::Event)
            | (Self::Labels, Self::Labels)
            | (Self::Unmarshaled, Self::Unmarshaled) => true,
            (Self::Fields(a), Self::Fields(b)) => a == b,
            (Self::Held(a), Self::Held(b)) => Arc::ptr_eq(a, b),
            (Self::Object(a), Self::Object(b)) if Arc::ptr_eq(a, b) => true,
            _ => self.is_nil() && other.is_nil(),
        }
    }

    /// `<` and its relatives: `None` where the two cannot be ordered (that is an error), and
    /// `Some(None)` where they can but are not (NaN).
    pub fn order(&self, other: &Self) -> Option<Option<Ordering>> {
        match (self, other) {
            (Self::Int(a) | Self::Int64(a), Self::Int(b) | Self::Int64(b))
            | (Self::Duration(a), Self::Duration(b)) => Some(Some(a.cmp(b))),
            (Self::Str(a), Self::Str(b)) => Some(Some(a.cmp(b))),
            (Self::Time(a), Self::Time(b)) => Some(Some(a.at.cmp(&b.at))),
            _ => self.as_float().zip(other.as_float()).map(|(a, b)| a.partial_cmp(&b)),
        }
    }
}
