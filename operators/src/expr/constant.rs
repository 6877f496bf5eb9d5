//! Constants: pure functions of literals are computed at load.

use std::sync::Arc;

use super::ast::{Kind, Node};
use super::context::Cx;
use super::eval;
use super::memo::Memo;
use super::subject::pure;
use crate::event::{Event, Line};
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
        };
        Self { event: Event::new(Arc::new(Schema::default()), line), memo: Memo::new() }
    }

    /// The text of a node that is a string constant.
    pub(super) fn text(&mut self, node: &Node) -> Option<&'static str> {
        if let Some(text) = node.text() {
            return Some(intern(text));
        }
        if !(matches!(node.kind, Kind::Call { .. }) && pure(node) && constant(node)) {
            return None;
        }
        let offline = Offline::new(EPOCH);
        let mut cx = Cx::new(&mut self.event, &offline, &mut self.memo);
        match eval::run(node, &mut cx) {
            Ok(Value::Str(text)) => Some(intern(&text)),
            _ => None,
        }
    }
}

/// Whether a node has no strings of the event.
fn constant(node: &Node) -> bool {
    let mut all = !matches!(node.kind, Kind::Field(_) | Kind::Label(_) | Kind::Part(_));
    node.visit(&mut |child| all = all && constant(child));
    all
}

const EPOCH: Stamp = Stamp::utc_at(EventTime(0));
