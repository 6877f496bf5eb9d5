//! Expressions with odd operands and arguments, and what CrowdSec 1.7.8 made of them: a value, an
//! error of run time, or an error at load. Recorded by integration/reference/expressions.sh.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use operators::event::{Event, Line};
use operators::expr::functions::verbatim;
use operators::expr::{Compiler, Cx, Env, Expect, Memo};
use operators::json::decode;
use operators::lookup::{Lookups, Stash};
use operators::schema::{Schema, Space};
use operators::text::Text;
use operators::time::{EventTime, Stamp};
use operators::value::Value;
use serde_json::Value as Json;

/// 2026-01-02T03:04:05Z.
const NOW: Stamp = Stamp::utc_at(EventTime(1_767_323_045_000_000_000));

/// A world without files.
#[derive(Debug)]
struct Nothing;

impl Lookups for Nothing {
    fn now(&self) -> Stamp {
        NOW
    }
}

impl Stash for Nothing {
    fn get(&mut self, _: &str, _: &str) -> Option<Arc<str>> {
        None
    }
    fn set(&mut self, _: &str, _: &str, _: &str, _: i64) {}
}

const UNMARSHALED: &str = r#"{
    "n": 3, "s": "str", "b": true, "none": null, "list": [1, 2], "empty": [], "map": {"a": {"b": "c"}},
    "texts": ["b", "a", "b"], "bools": [true, false], "mixed": [1, "x", null, true],
    "objects": [{"a": 2, "t": "x"}, {"a": 1, "t": "y"}, {"t": "x"}]
}"#;

fn event(schema: &Arc<Schema>) -> Event {
    let line = Line {
        raw: "raw".into(),
        source: "/var/log/x".into(),
        labels: Arc::new(BTreeMap::from([("type".into(), "syslog".into())])),
        module: Text::Static("file"),
        time: NOW,
        zone: None,
    };
    let mut event = Event::new(Arc::clone(schema), line);
    event.set_named(Space::Meta, "k", "v".into());
    event.set_named(Space::Meta, "number", "42".into());
    event.set_named(Space::Parsed, "p", "q".into());
    event.set_named(Space::Enriched, "e", "f".into());
    event.time = Some(NOW);
    if let Value::Map(map) = decode(UNMARSHALED).unwrap() {
        event.unmarshaled.extend(map.entries.clone());
    }
    event.touch();
    event
}

/// What an expression gives: the kind of the outcome, its type, its text.
fn outcome(source: &str) -> (&'static str, String, String) {
    let mut compiler = Compiler::new();
    let id = match compiler.compile(source, Env::Event, Expect::Any) {
        Ok(id) => id,
        Err(error) => return ("load", String::new(), error.message),
    };
    let program = compiler.finish();
    let (lookups, mut stash, mut memo) = (Nothing, Nothing, Memo::new());
    let mut live = event(program.schema());
    let mut cx = Cx::new(&mut live, &lookups, &mut memo).with_stash(&mut stash);
    match program.eval(id, &mut cx) {
        Ok(value) => ("result", value.type_name().to_owned(), verbatim(&cx, &value)),
        Err(error) => ("error", String::new(), error.message),
    }
}

fn reference(case: &Json) -> (&'static str, String, String) {
    let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
    let kind = ["load", "error"].into_iter().find(|kind| case[*kind].is_string());
    let kind = kind.unwrap_or("result");
    (kind, text("type"), text(kind))
}

#[test]
fn odd_arguments_mean_what_they_mean_to_crowdsec() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/expr/reference.jsonl");
    let recorded = fs::read_to_string(path).unwrap();
    let mut wrong = Vec::new();
    for line in recorded.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let source = case["expr"].as_str().unwrap();
        let (expected, found) = (reference(&case), outcome(source));
        let texts = expected.0 != "result" || expected.2 == found.2;
        if expected.0 != found.0 || !texts {
            wrong.push(format!("{source}\n    reference {expected:?}\n    here      {found:?}\n"));
        }
    }
    assert!(recorded.lines().count() > 1_000);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.concat());
}
