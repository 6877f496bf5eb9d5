//! Functions that expressions may call: one list, one family per file.

use super::context::Cx;
use super::types::Type;
use crate::value::Value;

/// How many arguments a function takes and of which types.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Types of the fixed arguments.
    pub arguments: &'static [Type],
    /// How many of them must be given.
    pub required: usize,
    /// Type of any further arguments, where they are allowed.
    pub rest: Option<Type>,
    /// Type of the result.
    pub result: Type,
}

/// A function of the language: a builtin of expr-lang or a helper of CrowdSec.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Name as written.
    pub name: &'static str,
    /// Arguments and result.
    pub signature: Signature,
    /// Whether the result depends on the arguments alone (it may be computed once per event, and
    /// at load for constants).
    pub pure: bool,
    /// Computes the result.
    pub call: fn(&mut Cx<'_>, &[Value]) -> Result<Value, String>,
    /// An expression that shows it, and what it gives (as `Sprintf("%v")` prints it).
    pub example: (&'static str, &'static str),
}

/// All functions, by family.
pub const FUNCTIONS: &[&[Function]] = &[];

/// All functions.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().flat_map(|family| family.iter())
}

/// A function by name.
pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}
