//! Static types: what the checker knows about a value at load.

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
    /// `map[string]T`.
    Map(&'static Type),
    /// A structure of the engine, by name of its table in `expr::types`.
    Struct(&'static str),
}
