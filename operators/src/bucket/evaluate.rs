//! Expressions of buckets, run on events that were kept.

use std::borrow::Cow;
use std::sync::Arc;

use super::codec::Codec;
use super::kept::Kept;
use crate::event::Event;
use crate::expr::functions::verbatim;
use crate::expr::{Cx, ExprId, Memo, Past, Program, Reads, SieveId};
use crate::lookup::Lookups;
use crate::schema::FieldId;
use crate::value::{ListKind, Value};

/// Runs the expressions of one rule set. One per worker: it remembers what it computed.
#[derive(Debug)]
pub struct Evaluator {
    program: Arc<Program>,
    memo: Memo,
}

impl Evaluator {
    /// An evaluator for this program.
    pub fn new(program: Arc<Program>) -> Self {
        Self { program, memo: Memo::new() }
    }

    /// What an expression reads and does.
    pub(super) fn reads(&self, id: ExprId) -> &Reads {
        self.program.reads(id)
    }

    /// What a condition asks of each held event.
    pub(super) fn sieves(&self, id: ExprId) -> Vec<SieveId> {
        self.program.sieves(id)
    }

    /// What an event must pass for an expression to give anything but "".
    pub(super) fn wakes(&self, id: ExprId) -> Option<SieveId> {
        self.program.wakes(id)
    }

    /// Whether a sieve lets a held event through.
    pub(super) fn lets(&self, sieve: SieveId, kept: &Kept, codec: &Codec) -> bool {
        codec.glance(kept).is_some_and(|glance| {
            let text = &mut |field| glance.field(field).unwrap_or(Cow::Borrowed(""));
            self.program.lets(sieve, text)
        })
    }

    /// The field that an expression is, where it is nothing but that.
    pub(super) fn field(&self, id: ExprId) -> Option<FieldId> {
        self.program.field(id)
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub fn value(
        &mut self,
        id: ExprId,
        event: &mut Event,
        roots: &[(&'static str, Value)],
        lookups: &dyn Lookups,
    ) -> Result<Value, String> {
        let mut cx = Cx::new(event, lookups, &mut self.memo).with_roots(roots);
        self.program.eval(id, &mut cx).map_err(|error| error.to_string())
    }

    /// The same for a context: maps, and lists of anything but strings or integers, as Go prints
    /// them.
    ///
    /// # Errors
    /// As [`Evaluator::value`].
    pub(super) fn shown(
        &mut self,
        id: ExprId,
        event: &mut Event,
        lookups: &dyn Lookups,
    ) -> Result<Value, String> {
        let mut cx = Cx::new(event, lookups, &mut self.memo);
        let value = self.program.eval(id, &mut cx).map_err(|error| error.to_string())?;
        let prints = match &value {
            Value::List(list) => match list.kind {
                ListKind::Strings | ListKind::Bytes => false,
                ListKind::Typed => !list.items.iter().all(|item| matches!(item, Value::Int(_))),
                ListKind::Any => true,
            },
            Value::Map(_) | Value::Fields(_) | Value::Labels | Value::Unmarshaled => true,
            _ => false,
        };
        Ok(if prints && !value.is_nil() { Value::str(&verbatim(&cx, &value)) } else { value })
    }

    /// The same with the events of a bucket.
    pub(super) fn judge(
        &mut self,
        id: ExprId,
        event: &mut Event,
        (roots, past): (&[(&'static str, Value)], Option<&mut (dyn Past + '_)>),
        lookups: &dyn Lookups,
    ) -> Result<Value, String> {
        let mut cx = Cx::new(event, lookups, &mut self.memo).with_roots(roots);
        if let Some(past) = past {
            cx = cx.with_past(past);
        }
        self.program.eval(id, &mut cx).map_err(|error| error.to_string())
    }
}
