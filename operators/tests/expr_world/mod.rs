//! What the tests of expressions share: an event, a world of few facts, and a source of chance.

use std::collections::BTreeMap;
use std::sync::Arc;

use operators::event::{Event, Line};
use operators::lookup::Lookups;
use operators::schema::Schema;
use operators::time::{EventTime, Stamp};
use operators::value::Value;

/// 2026-01-02T03:04:05Z, a Friday.
pub(crate) const NOW: Stamp = Stamp::utc_at(EventTime(1_767_323_045_000_000_000));

/// An event with a raw line.
pub(crate) fn event(schema: &Arc<Schema>, raw: &str) -> Event {
    let labels = BTreeMap::from([("type".into(), "syslog".into())]);
    let line = Line {
        raw: raw.into(),
        source: "/var/log/x".into(),
        labels: Arc::new(labels),
        module: operators::text::Text::Static("file"),
        time: NOW,
        zone: None,
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
    fn hostname(&self) -> &str {
        "host"
    }
}
