//! Compiled conditions about held events say what the plain evaluator says of a list of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::borrow::Cow;
use std::sync::Arc;

use operators::event::{Event, Line};
use operators::expr::objects::Queue;
use operators::expr::{Compiler, Cx, Env, EvalError, Expect, ExprId, Memo, Past, Program, SieveId};
use operators::lookup::{Lookups, Offline};
use operators::schema::{FieldId, Schema, Space};
use operators::text::Text;
use operators::time::{EventTime, Stamp};
use operators::value::Value;
use proptest::prelude::*;

/// Events as they are, of which nothing is known but what is asked.
#[derive(Debug)]
struct Held<'a> {
    program: &'a Program,
    events: &'a [Arc<Event>],
}

impl Held<'_> {
    fn sifted(&self, sieve: Option<SieveId>) -> Vec<&Arc<Event>> {
        let lets = |event: &&Arc<Event>| {
            let text = &mut |field: FieldId| Cow::Borrowed(event.get(field).unwrap_or(""));
            sieve.is_none_or(|sieve| self.program.lets(sieve, text))
        };
        self.events.iter().filter(lets).collect()
    }
}

impl Past for Held<'_> {
    fn count(&self, sieve: Option<SieveId>) -> usize {
        self.sifted(sieve).len()
    }

    fn time(&self, sieve: Option<SieveId>, place: usize) -> Stamp {
        let event = self.sifted(sieve)[place];
        event.time.unwrap_or(event.line.time)
    }

    fn text(&self, sieve: Option<SieveId>, place: usize, field: FieldId) -> Cow<'_, str> {
        Cow::Owned(self.sifted(sieve)[place].get(field).unwrap_or("").to_owned())
    }

    fn root(&mut self, name: &str) -> Value {
        assert_eq!(name, "queue");
        queue(self.events)
    }
}

fn queue(events: &[Arc<Event>]) -> Value {
    let events = Queue::list(events.iter().cloned());
    Value::Object(Arc::new(Queue { events, capacity: 10 }))
}

fn event(schema: &Arc<Schema>, (second, kind, user): (u8, &str, &str)) -> Arc<Event> {
    let at = |second: u8| Stamp::utc_at(EventTime(i64::from(second) * 1_000_000_000));
    let line = Line {
        raw: "".into(),
        source: "".into(),
        labels: Arc::default(),
        module: Text::EMPTY,
        time: at(0),
        zone: None,
    };
    let mut event = Event::new(Arc::clone(schema), line);
    event.time = (second > 0).then(|| at(second));
    event.set(schema.find(Space::Meta, "kind").unwrap(), Text::from(kind));
    if !user.is_empty() {
        event.set(schema.find(Space::Meta, "user").unwrap(), Text::from(user));
    }
    Arc::new(event)
}

fn compile(source: &str) -> (Program, ExprId) {
    let mut compiler = Compiler::new();
    for name in ["kind", "user"] {
        compiler.schema().add(Space::Meta, name).unwrap();
    }
    let id = compiler.compile(source, Env::Condition, Expect::Any);
    let id = id.map_err(|error| format!("{source}: {error}")).unwrap();
    (compiler.finish(), id)
}

fn shown(value: Result<Value, EvalError>) -> Result<String, String> {
    value.map(|value| format!("{value:?}")).map_err(|error| error.message)
}

fn offline() -> Offline {
    Offline::new(Stamp::utc_at(EventTime(0)))
}

fn predicate() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "#\\.Meta\\.kind == '[ab]'",
        "#\\.Meta\\.user != '[xy]'",
        "'[ab]' == \\.Meta\\.kind",
        "#\\.Meta\\.user in \\['x', '', 'z'\\]",
        "#\\.Meta\\.user startsWith '[xy]'",
        "#\\.Meta\\.user endsWith 'y'",
        "#\\.Meta\\.user contains 'y'",
        "#\\.Meta\\.user matches '\\^\\[xy\\]\\{2\\}'",
        "#\\.Meta\\.missing == ''",
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

/// Lists of events; `v` is one that has a name.
fn list() -> impl Strategy<Value = String> {
    let whole = prop_oneof![
        Just("queue.Queue".to_owned()),
        Just("v".to_owned()),
        predicate().prop_map(|test| format!("filter(queue.Queue, {{{test}}})")),
    ];
    let bound =
        || prop::option::of(-4..5_i64).prop_map(|x| x.map_or(String::new(), |x| x.to_string()));
    (whole, prop::option::of((bound(), bound()))).prop_map(|(whole, part)| match part {
        Some((from, to)) => format!("{whole}[{from}:{to}]"),
        None => whole,
    })
}

fn condition() -> impl Strategy<Value = String> {
    let sign = || prop::sample::select(&["==", "!=", "<", ">", "<=", ">="][..]);
    let equal = || prop::sample::select(&["==", "!="][..]);
    let interval = || prop::sample::select(&["MedianInterval", "AverageInterval"][..]);
    let leaf = prop_oneof![
        (list(), sign(), 0..5_i64).prop_map(|(list, sign, n)| format!("len({list}) {sign} {n}")),
        (sign(), list(), list()).prop_map(|(sign, a, b)| format!("len({a}) {sign} len({b})")),
        (predicate(), sign(), 0..4_i64)
            .prop_map(|(test, sign, n)| format!("count(queue.Queue, {test}) {sign} {n}")),
        (prop::sample::select(&["any", "all", "none", "one"][..]), predicate())
            .prop_map(|(name, test)| format!("{name}(queue.Queue, {{{test}}})")),
        (interval(), list(), sign(), 0..30_u8).prop_map(|(name, list, sign, s)| {
            format!("{name}(map({list}, {{#.Time}})) {sign} duration('{s}s')")
        }),
        (list(), -3..3_i64, equal(), list(), -3..3_i64).prop_map(|(a, i, sign, b, k)| {
            format!("{a}[{i}].Meta.user {sign} {b}[{k}].Meta.kind")
        }),
        (list(), -3..3_i64, sign(), list(), -3..3_i64).prop_filter_map(
            "an order",
            |(a, i, sign, b, k)| {
                let places = format!("{a}[{i}].Meta.user, '2', {b}[{k}].Meta.user, '3.5'");
                (!sign.contains("=")).then(|| format!("Distance({places}) {sign} 300"))
            }
        ),
        (list(), -3..3_i64, equal())
            .prop_map(|(a, i, sign)| { format!("{a}[{i}].Meta.user {sign} 'x'") }),
    ];
    let body = leaf.prop_recursive(2, 5, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    });
    (list().prop_filter("no name of its own", |list| !list.starts_with('v')), body)
        .prop_map(|(list, body)| format!("let v = {list}; {body}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn questions_about_held_events_are_answered_plainly(
        source in condition(),
        events in prop::collection::vec(
            (0..60_u8, prop::sample::select(&["a", "b"][..]), "[xyz]{0,2}|[0-9]{1,2}"), 0..7),
    ) {
        let (program, id) = compile(&source);
        let schema = program.schema();
        let events: Vec<_> = events.iter().map(|(second, kind, user)| {
            event(schema, (*second, kind, user))
        }).collect();
        let lookups = offline();
        let mut nothing = Event::new(Arc::clone(schema), events.first().map_or_else(
            || event(schema, (0, "a", "")).line.clone(), |event| event.line.clone()));
        let mut memo = Memo::new();
        let mut past = Held { program: &program, events: &events };
        let compiled = {
            let mut cx = Cx::new(&mut nothing, &lookups, &mut memo).with_past(&mut past);
            shown(program.eval(id, &mut cx))
        };
        let roots = [("queue", queue(&events))];
        let mut cx = Cx::new(&mut nothing, &lookups as &dyn Lookups, &mut memo).with_roots(&roots);
        let plain = shown(program.eval_plainly(id, &mut cx));
        prop_assert_eq!(compiled, plain, "{}", source);
    }
}

/// Refuses to hand out lists: what needs them was not compiled.
#[derive(Debug)]
struct Bare;

impl Past for Bare {
    fn count(&self, _: Option<SieveId>) -> usize {
        5
    }

    fn time(&self, _: Option<SieveId>, place: usize) -> Stamp {
        Stamp::utc_at(EventTime(i64::try_from(place).unwrap() * 1_000_000_000))
    }

    fn text(&self, _: Option<SieveId>, _: usize, _: FieldId) -> Cow<'_, str> {
        Cow::Borrowed("x")
    }

    fn root(&mut self, name: &str) -> Value {
        unreachable!("{name} is asked for")
    }
}

#[test]
fn conditions_of_this_kind_need_no_list() {
    for source in [
        "len(queue.Queue) >= 4 && MedianInterval(map(queue.Queue[-4:], {#.Time})) >= duration('1s')",
        "let f = filter(queue.Queue, {#.Meta.kind == 'a'}); len(f) >= 4 && \
         MedianInterval(map(f[-4:], {#.Time})) < duration('10m')",
        "count(queue.Queue, #.Meta.user in ['x', 'y'] or #.Meta.user startsWith 'z') > 2",
        "any(queue.Queue, {.Meta.user == 'x'}) and any(queue.Queue, {.Meta.user matches 'x$'})",
        "len(queue.Queue) >= 2 and queue.Queue[0].Meta.user == queue.Queue[-1].Meta.user",
    ] {
        let (program, id) = compile(source);
        let mut nothing = Event::clone(&event(program.schema(), (0, "a", "")));
        let (lookups, mut memo) = (offline(), Memo::new());
        let mut bare = Bare;
        let mut cx = Cx::new(&mut nothing, &lookups, &mut memo).with_past(&mut bare);
        assert!(matches!(program.eval(id, &mut cx), Ok(Value::Bool(true))), "{source}");
    }
}

#[test]
fn distances_need_no_list() {
    let (program, id) = compile("Distance(queue.Queue[-1].Meta.user, '2', '3', '4') > 1");
    let mut nothing = Event::clone(&event(program.schema(), (0, "a", "")));
    let (lookups, mut memo) = (offline(), Memo::new());
    let mut bare = Bare;
    let mut cx = Cx::new(&mut nothing, &lookups, &mut memo).with_past(&mut bare);
    let message = program.eval(id, &mut cx).unwrap_err().message;
    assert!(message.contains("lat1 is not a float"), "{message}");
}
