//! The syntax tree: what the parser builds, the checker resolves and the compiler reads.

use std::ops::Range;
use std::sync::Arc;

use super::functions::Function;
use super::types::Type;
use crate::schema::{FieldId, Space};

/// Binary operators other than `&&` and `||`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Op {
    Equal,
    NotEqual,
    Less,
    More,
    LessOrEqual,
    MoreOrEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Coalesce,
}

impl Op {
    /// The operator as written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::More => ">",
            Self::LessOrEqual => "<=",
            Self::MoreOrEqual => ">=",
            Self::In => "in",
            Self::Matches => "matches",
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Range => "..",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "**",
            Self::Coalesce => "??",
        }
    }
}

/// A string of the live event that is neither a field nor an entry of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `evt.Line.Raw`.
    Raw,
    /// `evt.Line.Src`.
    Source,
    /// `evt.Line.Module`.
    Module,
    /// `evt.Stage`.
    Stage,
    /// `evt.StrTime`.
    StrTime,
    /// `evt.StrTimeFormat`.
    StrTimeFormat,
    /// `evt.MarshaledTime`.
    MarshaledTime,
    /// `evt.WhitelistReason`.
    WhitelistReason,
    /// `evt.Overflow.Alert.Scenario`, "" where there is no alert.
    Scenario,
}

/// What a name stands for once it is checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    /// A name as parsed; the checker replaces it by a variable or a root.
    Name(Arc<str>),
    /// A `let` variable by depth of declaration.
    Variable(u16),
    /// A root of the environment other than `evt`.
    Root(&'static str),
    /// `evt`.
    Event,
    /// `evt.Parsed.x` with a known name.
    Field(FieldId),
    /// `evt.Parsed` itself.
    Space(Space),
    /// `evt.Line.Labels.x`.
    Label(Arc<str>),
    /// `evt.Line.Labels` itself.
    Labels,
    /// `evt.Unmarshaled` itself.
    Unmarshaled,
    /// A string of the event.
    Part(Part),
    /// `$env`.
    Environment,
    /// `#`, `#acc`, `#index`.
    Pointer(Pointer),
    Negate(Box<Node>),
    Plus(Box<Node>),
    Not(Box<Node>),
    Binary(Op, Box<Node>, Box<Node>),
    /// Operands of `&&`, flattened.
    And(Vec<Node>),
    /// Operands of `||`, flattened.
    Or(Vec<Node>),
    Member {
        base: Box<Node>,
        property: Box<Node>,
        optional: bool,
    },
    /// Where a `?.` within leads to when it finds nil.
    Chain(Box<Node>),
    Slice {
        base: Box<Node>,
        from: Option<Box<Node>>,
        to: Option<Box<Node>>,
    },
    /// A function; the checker finds the callee.
    Call {
        name: Arc<str>,
        callee: Callee,
        arguments: Vec<Node>,
    },
    Method {
        base: Box<Node>,
        name: Arc<str>,
        arguments: Vec<Node>,
        optional: bool,
    },
    /// A builtin that takes a predicate.
    Predicate {
        name: Loop,
        arguments: Vec<Node>,
    },
    Let {
        name: Arc<str>,
        value: Box<Node>,
        body: Box<Node>,
    },
    Sequence(Vec<Node>),
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// A function that was found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Callee(pub(super) Option<&'static Function>);

impl PartialEq for Callee {
    /// The name says it.
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// What a pointer in a predicate points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pointer {
    Item,
    Index,
    Accumulator,
}

/// The builtins that take a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loop {
    All,
    None,
    Any,
    One,
    Filter,
    Map,
    Count,
    Sum,
    Find,
    FindIndex,
    FindLast,
    FindLastIndex,
    GroupBy,
    SortBy,
    Reduce,
}

/// Name, loop, number of arguments that must be given and that may be given.
pub(super) const LOOPS: [(&str, Loop, usize, usize); 15] = [
    ("all", Loop::All, 2, 2),
    ("none", Loop::None, 2, 2),
    ("any", Loop::Any, 2, 2),
    ("one", Loop::One, 2, 2),
    ("filter", Loop::Filter, 2, 2),
    ("map", Loop::Map, 2, 2),
    ("count", Loop::Count, 1, 2),
    ("sum", Loop::Sum, 1, 2),
    ("find", Loop::Find, 2, 2),
    ("findIndex", Loop::FindIndex, 2, 2),
    ("findLast", Loop::FindLast, 2, 2),
    ("findLastIndex", Loop::FindLastIndex, 2, 2),
    ("groupBy", Loop::GroupBy, 2, 2),
    ("sortBy", Loop::SortBy, 2, 3),
    ("reduce", Loop::Reduce, 2, 3),
];

impl Loop {
    /// The builtin as written.
    pub(super) fn name(self) -> &'static str {
        LOOPS.iter().find(|(_, known, ..)| *known == self).map_or("", |(name, ..)| name)
    }
}

/// A part of an expression.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Bytes in the source.
    pub(super) span: Range<usize>,
    /// Static type, [`Type::Any`] until checked.
    pub(super) ty: Type,
    /// Levels below and including this one: bounds the recursion of all later stages.
    pub(super) depth: u16,
}

impl PartialEq for Node {
    /// The same text in another place is the same expression.
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Node {
    /// A node over children that exist already.
    pub(super) fn new(kind: Kind, span: Range<usize>) -> Self {
        let mut node = Self { kind, span, ty: Type::Any, depth: 1 };
        let mut depth = 0;
        node.visit(&mut |child| depth = depth.max(child.depth));
        node.depth = depth.saturating_add(1);
        node
    }

    /// Calls `see` for every direct child, in order of evaluation.
    pub(super) fn visit<'a>(&'a self, see: &mut dyn FnMut(&'a Self)) {
        match &self.kind {
            Kind::Negate(x) | Kind::Plus(x) | Kind::Not(x) | Kind::Chain(x) => see(x),
            Kind::Binary(_, a, b) => {
                see(a);
                see(b);
            }
            Kind::And(all) | Kind::Or(all) | Kind::Sequence(all) | Kind::List(all) => {
                all.iter().for_each(see);
            }
            Kind::Member { base, property, .. } => {
                see(base);
                see(property);
            }
            Kind::Slice { base, from, to } => {
                see(base);
                to.iter().chain(from).for_each(|x| see(x));
            }
            Kind::Call { arguments, .. } | Kind::Predicate { arguments, .. } => {
                arguments.iter().for_each(see);
            }
            Kind::Method { base, arguments, .. } => {
                see(base);
                arguments.iter().for_each(see);
            }
            Kind::Let { value, body, .. } => {
                see(value);
                see(body);
            }
            Kind::Conditional(a, b, c) => [a, b, c].into_iter().for_each(|x| see(x)),
            Kind::Map(pairs) => pairs.iter().for_each(|(key, value)| {
                see(key);
                see(value);
            }),
            _ => {}
        }
    }

    /// How many nodes there are in the tree.
    pub(super) fn size(&self) -> usize {
        let mut nodes = 1;
        self.visit(&mut |child| nodes += child.size());
        nodes
    }

    /// As [`Node::visit`], to change the children.
    pub(super) fn visit_mut(&mut self, see: &mut dyn FnMut(&mut Self)) {
        match &mut self.kind {
            Kind::Negate(x) | Kind::Plus(x) | Kind::Not(x) | Kind::Chain(x) => see(x),
            Kind::Binary(_, a, b) => {
                see(a);
                see(b);
            }
            Kind::And(all) | Kind::Or(all) | Kind::Sequence(all) | Kind::List(all) => {
                all.iter_mut().for_each(see);
            }
            Kind::Member { base, property, .. } => {
                see(base);
                see(property);
            }
            Kind::Slice { base, from, to } => {
                see(base);
                to.iter_mut().chain(from).for_each(|x| see(x));
            }
            Kind::Call { arguments, .. } | Kind::Predicate { arguments, .. } => {
                arguments.iter_mut().for_each(see);
            }
            Kind::Method { base, arguments, .. } => {
                see(base);
                arguments.iter_mut().for_each(see);
            }
            Kind::Let { value, body, .. } => {
                see(value);
                see(body);
            }
            Kind::Conditional(a, b, c) => [a, b, c].into_iter().for_each(|x| see(x)),
            Kind::Map(pairs) => pairs.iter_mut().for_each(|(key, value)| {
                see(key);
                see(value);
            }),
            _ => {}
        }
    }

    /// The number, where this is an integer literal, with its sign.
    pub(super) fn integer(&self) -> Option<i64> {
        match &self.kind {
            Kind::Int(number) => Some(*number),
            Kind::Plus(node) => node.integer(),
            Kind::Negate(node) => node.integer()?.checked_neg(),
            _ => None,
        }
    }

    /// The text, where this is a string literal.
    pub(super) fn text(&self) -> Option<&Arc<str>> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}
