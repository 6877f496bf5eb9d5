//! What one evaluation may cost. The memory budget of expr-lang counts elements alone: closures
//! within closures and texts that grow would run for hours.

use super::ast::Op;
use super::functions::Function;
use crate::value::Value;

/// Most work of one evaluation, below a second. Unit: bytes of text and elements of lists, read or
/// made.
const MOST: usize = 64 << 20;

/// What a node costs. Unit: as [`MOST`].
const NODE: usize = 4;

/// What each byte of a regular expression costs that is made while the evaluation runs. Unit: as
/// [`MOST`].
const PATTERN: usize = 256;

/// Deepest nesting of lists and maps; deeper than that of JSON.
const MAX_DEPTH: usize = 2 * crate::json::MAX_DEPTH;

/// The work of an evaluation so far.
#[derive(Debug, Default)]
pub(super) struct Work {
    done: usize,
}

impl Work {
    /// Counts a node.
    #[inline]
    pub(super) fn node(&mut self) -> Result<(), String> {
        self.spend(NODE)
    }

    /// Counts bytes or elements.
    #[inline]
    pub(super) fn spend(&mut self, by: usize) -> Result<(), String> {
        self.done = self.done.saturating_add(by);
        if self.done > MOST { over() } else { Ok(()) }
    }

    /// Counts the making of a regular expression.
    pub(super) fn pattern(&mut self, pattern: &str) -> Result<(), String> {
        self.spend(pattern.len().saturating_mul(PATTERN))
    }

    /// Counts what a text or the top of a list holds.
    pub(super) fn made(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::Str(text) => self.spend(text.len()),
            Value::List(list) => self.spend(list.items.len()),
            _ => Ok(()),
        }
    }

    /// Counts all that a value holds. Shared parts count wherever they stand, as comparing and
    /// printing visits them.
    pub(super) fn whole(&mut self, value: &Value) -> Result<(), String> {
        self.within(value, 0)
    }

    fn within(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err("value is nested too deeply".into());
        }
        match value {
            Value::List(list) => {
                self.spend(list.items.len())?;
                list.items.iter().try_for_each(|item| self.within(item, depth + 1))
            }
            Value::Map(map) => {
                self.spend(map.entries.len())?;
                map.entries.values().try_for_each(|item| self.within(item, depth + 1))
            }
            other => self.made(other),
        }
    }

    /// Counts what a function reads.
    pub(super) fn call(&mut self, function: &Function, arguments: &[Value]) -> Result<(), String> {
        arguments.iter().try_for_each(|argument| match argument {
            Value::List(_) | Value::Map(_) if function.shallow => Ok(()),
            other => self.whole(other),
        })
    }

    /// Counts what an operator reads, before it makes anything of it.
    pub(super) fn operator(&mut self, op: Op, a: &Value, b: &Value) -> Result<(), String> {
        match (a, b) {
            (Value::Str(a), Value::Str(b)) if op == Op::Add => self.spend(a.len() + b.len()),
            (Value::List(_) | Value::Map(_), Value::List(_)) if op == Op::In => self.whole(b),
            (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => self.whole(a),
            (_, Value::List(list)) if op == Op::In => self.spend(list.items.len()),
            (Value::Str(text), _) => self.spend(text.len()),
            _ => Ok(()),
        }
    }
}

#[cold]
fn over() -> Result<(), String> {
    Err("evaluation budget exceeded".into())
}
