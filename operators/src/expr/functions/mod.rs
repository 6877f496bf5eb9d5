//! Functions that expressions may call: one list, one family per file.
//!
//! The names in lower camel case are the builtins of expr-lang (those that take no predicate); the
//! others are the helpers of CrowdSec. Where a helper differs from CrowdSec's, its text says how.

mod accept;
mod arguments;
mod builtin_collection;
mod builtin_number;
mod builtin_string;
mod builtin_time;
mod collection;
mod compare;
mod element;
mod file;
mod float;
mod format;
mod glob;
pub(super) mod ip;
mod ja4h;
mod json;
mod json_scan;
mod json_text;
mod kv;
pub(super) mod number;
mod remote;
mod sphere;
mod state;
mod string;
pub(super) mod time;
mod uri;
mod url;
mod xml;
mod xml_path;
mod xml_tree;

use std::sync::LazyLock;

use super::context::Cx;
use super::types::Type;
use crate::value::Value;

pub(super) use builtin_time::{in_location, location_of};
pub use compare::{equal, less};
pub use float::shortest;
pub use format::{sprintf, type_name, verbatim};
pub use json_text::encode;

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

/// Computes the result of a call.
pub type Call = fn(&mut Cx<'_>, &[Value]) -> Result<Value, String>;

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
    /// Whether it looks at a list or map without visiting all of it.
    pub shallow: bool,
    /// Which of the arguments that fit the signature it takes, and what it gives for them.
    pub(super) accept: Option<accept::Accept>,
    /// Computes the result. The number of arguments fits the signature, their types need not.
    pub call: Call,
    /// What it gives, in a sentence fragment.
    pub about: &'static str,
    /// An expression that shows it, and what it gives (as `Sprintf("%v")` prints it).
    pub example: (&'static str, &'static str),
}

impl Function {
    /// A pure function of a fixed number of arguments, without text.
    const fn new(name: &'static str, arguments: &'static [Type], result: Type, call: Call) -> Self {
        let required = arguments.len();
        let signature = Signature { arguments, required, rest: None, result };
        let (about, example) = ("", ("", ""));
        Self { name, signature, pure: true, shallow: false, accept: None, call, about, example }
    }

    /// Says that only the first `required` arguments must be given.
    const fn required(mut self, required: usize) -> Self {
        self.signature.required = required;
        self
    }

    /// Allows any number of further arguments.
    const fn rest(mut self, rest: Type) -> Self {
        self.signature.rest = Some(rest);
        self
    }

    /// Says what it takes of what fits the signature.
    const fn accepts(mut self, accept: accept::Accept) -> Self {
        self.accept = Some(accept);
        self
    }

    /// Says that it reads or writes more than its arguments.
    const fn impure(mut self) -> Self {
        self.pure = false;
        self
    }

    /// Says that its cost does not grow with a list.
    const fn shallow(mut self) -> Self {
        self.shallow = true;
        self
    }

    /// Adds the text for people: what it gives, an expression and its value.
    const fn about(
        mut self,
        about: &'static str,
        expression: &'static str,
        value: &'static str,
    ) -> Self {
        self.about = about;
        self.example = (expression, value);
        self
    }
}

/// Every function, by family.
pub const FUNCTIONS: &[&[Function]] = &[
    builtin_collection::FUNCTIONS,
    builtin_number::FUNCTIONS,
    builtin_string::FUNCTIONS,
    builtin_time::FUNCTIONS,
    collection::FUNCTIONS,
    file::FUNCTIONS,
    format::FUNCTIONS,
    ip::FUNCTIONS,
    ja4h::FUNCTIONS,
    json::FUNCTIONS,
    kv::FUNCTIONS,
    number::FUNCTIONS,
    remote::FUNCTIONS,
    state::FUNCTIONS,
    string::FUNCTIONS,
    time::FUNCTIONS,
    uri::FUNCTIONS,
    xml::FUNCTIONS,
];

/// Every function, by family.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().flat_map(|family| family.iter())
}

/// The function of that name.
pub fn find(name: &str) -> Option<&'static Function> {
    static SORTED: LazyLock<Vec<&'static Function>> = LazyLock::new(|| {
        let mut sorted: Vec<_> = all().collect();
        sorted.sort_unstable_by_key(|function| function.name);
        sorted
    });
    let found = SORTED.binary_search_by_key(&name, |function| function.name).ok()?;
    SORTED.get(found).copied()
}
