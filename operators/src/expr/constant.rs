//! Constants: pure functions of literals are computed at load.

use std::net::IpAddr;
use std::sync::Arc;

use super::ast::{Kind, Node};
use super::context::Cx;
use super::eval;
use super::memo::Memo;
use super::subject::pure;
use crate::event::{Event, Line};
use crate::lookup::{Asn, City, Lookups};
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
        let mut cx = Cx::new(&mut self.event, &Nothing, &mut self.memo);
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

const EPOCH: Stamp = Stamp { at: EventTime(0), offset: 0, utc: true };

/// A world without facts.
#[derive(Debug)]
struct Nothing;

impl Lookups for Nothing {
    fn now(&self) -> Stamp {
        EPOCH
    }
    fn file(&self, _name: &str) -> Option<&Value> {
        None
    }
    fn regexp_in_file(&self, _text: &str, _name: &str) -> Option<bool> {
        None
    }
    fn file_map(&self, _name: &str) -> Option<&Value> {
        None
    }
    fn lookup_file(&self, _text: &str, _name: &str) -> Option<&str> {
        None
    }
    fn known_bot(&self, _ip: &str, _agent: &str, _path: &str, _files: &[&str]) -> String {
        String::new()
    }
    fn city(&self, _ip: IpAddr) -> Option<City> {
        None
    }
    fn asn(&self, _ip: IpAddr) -> Option<Asn> {
        None
    }
    fn reverse_dns(&self, _ip: IpAddr) -> Option<String> {
        None
    }
    fn lookup_host(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }
    fn hostname(&self) -> &str {
        ""
    }
    fn decisions_count(&self, _value: &str, _since_ns: Option<i64>) -> i64 {
        0
    }
    fn active_decisions(&self, _value: &str) -> (i64, i64) {
        (0, 0)
    }
    fn cti(&self, _ip: &str) -> Result<Value, String> {
        Err("not available".into())
    }
    fn http(
        &self,
        _method: &str,
        _url: &str,
        _headers: &[(&str, &str)],
        _body: &str,
    ) -> Result<Value, String> {
        Err("not available".into())
    }
}
