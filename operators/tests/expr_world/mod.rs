//! What the tests of expressions share: an event, a world of few facts, and a source of chance.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use operators::event::{Event, Line};
use operators::lookup::{Asn, City, Lookups};
use operators::schema::Schema;
use operators::time::{EventTime, Stamp};
use operators::value::Value;

/// 2026-01-02T03:04:05Z, a Friday.
pub(crate) const NOW: Stamp =
    Stamp { at: EventTime(1_767_323_045_000_000_000), offset: 0, utc: true };

/// An event with a raw line.
pub(crate) fn event(schema: &Arc<Schema>, raw: &str) -> Event {
    let labels = BTreeMap::from([("type".into(), "syslog".into())]);
    let line = Line {
        raw: raw.into(),
        source: "/var/log/x".into(),
        labels: Arc::new(labels),
        module: operators::text::Text::Static("file"),
        time: NOW,
    };
    Event::new(Arc::clone(schema), line)
}

/// A world with a few data files and nothing else.
#[derive(Debug)]
pub(crate) struct Facts {
    lines: Value,
}

impl Default for Facts {
    fn default() -> Self {
        Self { lines: Value::strings(["/admin", "x", "10.0.0.0/8"]) }
    }
}

impl Lookups for Facts {
    fn now(&self) -> Stamp {
        NOW
    }
    fn file(&self, name: &str) -> Option<&Value> {
        (name != "missing").then_some(&self.lines)
    }
    fn regexp_in_file(&self, text: &str, name: &str) -> Option<bool> {
        (name != "missing").then(|| text.contains('x'))
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
        "host"
    }
    fn decisions_count(&self, _value: &str, _since_ns: Option<i64>) -> i64 {
        0
    }
    fn active_decisions(&self, _value: &str) -> (i64, i64) {
        (0, 0)
    }
    fn cti(&self, _ip: &str) -> Result<Value, String> {
        Err("offline".into())
    }
    fn http(
        &self,
        _method: &str,
        _url: &str,
        _headers: &[(&str, &str)],
        _body: &str,
    ) -> Result<Value, String> {
        Err("offline".into())
    }
}
