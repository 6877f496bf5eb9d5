//! Static types: what the checker knows about a value at load.

use std::fmt;

/// Type of an expression, after Go's types as far as rules can tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Known only at run time.
    Any,
    /// `nil`.
    Nil,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64` and other sized integers.
    Int64,
    /// `float64` and `float32`.
    Float,
    /// `string`.
    String,
    /// `time.Time`.
    Time,
    /// `time.Duration`.
    Duration,
    /// `[]T`.
    List(&'static Type),
    /// `[]any` of which every element is a T: what the language itself builds.
    Items(&'static Type),
    /// `map[string]T`.
    Map(&'static Type),
    /// A structure of the engine, by name of its table in `expr::structures`.
    Struct(&'static str),
}

impl Type {
    /// Whether it is known at run time only.
    pub fn is_any(self) -> bool {
        self == Self::Any
    }

    /// Whether it is an integer or a float.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Int64 | Self::Float)
    }

    /// Whether it is an integer.
    pub fn is_integer(self) -> bool {
        matches!(self, Self::Int | Self::Int64)
    }

    /// Whether it is a list, and of what: also a structure whose Go type is a slice.
    pub fn element(self) -> Option<Self> {
        match self {
            Self::List(element) | Self::Items(element) => Some(*element),
            Self::Struct(name) => super::structures::find(name)?.items,
            _ => None,
        }
    }

    /// The list that the language builds of values of this type.
    pub fn list(self) -> Self {
        Self::Items(match self {
            Self::Bool => &Self::Bool,
            Self::Int => &Self::Int,
            Self::Int64 => &Self::Int64,
            Self::Float => &Self::Float,
            Self::String => &Self::String,
            Self::Time => &Self::Time,
            Self::Duration => &Self::Duration,
            Self::Struct(name) => match super::structures::find(name) {
                Some(known) => &known.ty,
                None => return Self::List(&Self::Any),
            },
            Self::Map(&Self::Any) => &Self::Map(&Self::Any),
            Self::Map(&Self::String) => &Self::Map(&Self::String),
            Self::Map(&Self::List(&Self::String)) => &Self::Map(&Self::List(&Self::String)),
            Self::List(&Self::String) => &Self::List(&Self::String),
            Self::List(&Self::Any) | Self::Items(_) => &Self::List(&Self::Any),
            _ => return Self::List(&Self::Any),
        })
    }

    /// Whether `==` between the two is accepted (Go's `Nature.ComparableTo`).
    pub fn comparable(self, other: Self) -> bool {
        let loose = |t| matches!(t, Self::Any | Self::Nil);
        loose(self)
            || loose(other)
            || self.is_number() && other.is_number()
            || self.element().is_some() && other.element().is_some()
            || self.assignable(other)
    }

    /// Whether a value of this type may stand where `target` is wanted.
    pub fn assignable(self, target: Self) -> bool {
        match (self, target) {
            (_, Self::Any) => true,
            (Self::Nil, _) => {
                matches!(target, Self::List(_) | Self::Items(_) | Self::Map(_) | Self::Struct(_))
            }
            (Self::List(a), Self::List(b)) => a == b || b.is_any(),
            (Self::Map(a), Self::Map(b)) => a == b || a.is_any(),
            (Self::Items(_), Self::List(b)) => b.is_any(),
            _ => self == target,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Nil => f.write_str("nil"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Int64 => f.write_str("int64"),
            Self::Float => f.write_str("float64"),
            Self::String => f.write_str("string"),
            Self::Time => f.write_str("time.Time"),
            Self::Duration => f.write_str("time.Duration"),
            Self::List(element) | Self::Items(element) => write!(f, "[]{element}"),
            Self::Map(value) => write!(f, "map[string]{value}"),
            Self::Struct(name) => f.write_str(name),
        }
    }
}
