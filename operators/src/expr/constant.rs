//! Constants: pure functions of literals are computed at load.

use std::sync::Arc;

use super::ast::{Kind, Node};
use super::context::Cx;
use super::eval;
use super::memo::Memo;
use super::subject::pure;
use crate::event::{self, Event, Line};
use crate::lookup::Offline;
use crate::schema::Schema;
use crate::text::intern;
use crate::time::{EventTime, Stamp};
use crate::value::Value;

/// Evaluates what needs no event.
#[derive(Debug)]
pub(super) struct Folder {
    event: Event,
    memo: Memo,
}

impl Folder {
    /// A folder over an empty event.
    pub(super) fn new() -> Self {
        let line = Line {
            raw: "".into(),
            source: "".into(),
            labels: Arc::default(),
            module: crate::text::Text::EMPTY,
            time: EPOCH,
            zone: None,
        };
        Self { event: Event::new(Arc::new(Schema::default()), line), memo: Memo::new() }
    }

    /// The same over an event of this kind.
    pub(super) fn of(kind: event::Kind) -> Self {
        let mut folder = Self::new();
        folder.event.kind = kind;
        folder
    }

    /// The text of a node that is a string constant.
    pub(super) fn text(&mut self, node: &Node) -> Option<&'static str> {
        if let Some(text) = node.text() {
            return Some(intern(text));
        }
        match self.call(node)? {
            Value::Str(text) => Some(intern(&text)),
            _ => None,
        }
    }

    /// The duration of a node that is a constant. Unit: nanoseconds.
    pub(super) fn span(&mut self, node: &Node) -> Option<i64> {
        match self.call(node)? {
            Value::Duration(ns) => Some(ns),
            _ => None,
        }
    }

    /// The value of a call that is a constant and does not fail.
    fn call(&mut self, node: &Node) -> Option<Value> {
        if !(matches!(node.kind, Kind::Call { .. }) && pure(node) && constant(node)) {
            return None;
        }
        self.value(node)
    }

    /// The value of a node for this event, if it does not fail.
    pub(super) fn value(&mut self, node: &Node) -> Option<Value> {
        let offline = Offline::new(EPOCH);
        let mut cx = Cx::new(&mut self.event, &offline, &mut self.memo);
        eval::run(node, &mut cx).ok()
    }
}

/// Whether a node has no strings of the event.
fn constant(node: &Node) -> bool {
    let mut all = !matches!(node.kind, Kind::Field(_) | Kind::Label(_) | Kind::Part(_));
    node.visit(&mut |child| all = all && constant(child));
    all
}

const EPOCH: Stamp = Stamp::utc_at(EventTime(0));
