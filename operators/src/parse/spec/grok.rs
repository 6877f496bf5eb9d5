//! The `grok` of a node as written: what is matched against which pattern.

use super::statics::{self, StaticSpec};
use crate::yaml::{Fields, Located, Position, Reading};

/// What a node matches.
#[derive(Clone, Debug)]
pub struct GrokSpec {
    /// Where it starts.
    pub at: Position,
    /// What is matched.
    pub input: GrokInput,
    /// By which pattern.
    pub pattern: GrokPattern,
    /// What is written on a match, before the node's own statics.
    pub statics: Vec<StaticSpec>,
}

/// What a pattern is matched against.
#[derive(Clone, Debug)]
pub enum GrokInput {
    /// `Line.Raw`, the whole line, or a key of `evt.Parsed`.
    ApplyOn(Located<String>),
    /// The result of an expression.
    Expression(Located<String>),
}

/// A pattern by name or as text.
#[derive(Clone, Debug)]
pub enum GrokPattern {
    /// One of the library or of `pattern_syntax`. Wins where both are given.
    Name(Located<String>),
    /// Written in place.
    Pattern(Located<String>),
}

const KEYS: [&str; 5] = ["apply_on", "name", "pattern", "expression", "statics"];

pub(super) fn read(node: &Fields<'_>, reading: &mut Reading<'_>) -> Option<GrokSpec> {
    let fields = Fields::open(node.node("grok")?, "grok", &KEYS, reading)?;
    if fields.all().is_empty() {
        return None;
    }
    let apply_on = fields.text("apply_on", reading);
    let expression = fields.text("expression", reading);
    let name = fields.text("name", reading);
    let pattern = fields.text("pattern", reading);
    let statics = statics::read(fields.items("statics", reading), reading);
    let input = apply_on.map(GrokInput::ApplyOn).or(expression.map(GrokInput::Expression));
    if input.is_none() {
        let help = "say what is matched: `apply_on: message`, or an `expression`";
        reading.refuse_with(fields.at, "grok needs `apply_on` or `expression`", help);
    }
    let pattern = name.map(GrokPattern::Name).or(pattern.map(GrokPattern::Pattern));
    if pattern.is_none() {
        reading.refuse(fields.at, "grok needs `pattern` or `name`");
    }
    Some(GrokSpec { at: fields.at, input: input?, pattern: pattern?, statics })
}
