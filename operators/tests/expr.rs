//! The expression language, case by case: values, errors of run time, and errors at load with the
//! part of the source that they point to. The cases were compared with expr-lang 1.17.8.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod expr_world;

use std::collections::BTreeMap;
use std::sync::Arc;

use expr_world::{Facts, NOW, event};
use operators::event::Event;
use operators::expr::functions::verbatim;
use operators::expr::objects::Queue;
use operators::expr::{Compiler, Cx, Env, Expect, Guard, GuardTest, Memo, Subject, TestError};
use operators::schema::Space;
use operators::value::Value;

fn fill(event: &mut Event) {
    event.set_named(Space::Meta, "k", "v".into());
    event.set_named(Space::Parsed, "p", "q".into());
    event.time = Some(NOW);
    let inner = BTreeMap::from([("b".into(), Value::str("c"))]);
    let map = BTreeMap::from([("a".into(), Value::map(inner))]);
    let list = vec![Value::Float(1.0), Value::Float(2.0)];
    for (name, value) in [
        ("n", Value::Float(3.0)),
        ("s", Value::str("str")),
        ("b", Value::Bool(true)),
        ("list", Value::list(list)),
        ("m", Value::map(map)),
    ] {
        event.unmarshaled.insert(name.into(), value);
    }
    event.touch();
}

/// What an expression gives, as a line of the table.
fn outcome(source: &str) -> String {
    let mut compiler = Compiler::new();
    let id = match compiler.compile(source, Env::Condition, Expect::Any) {
        Ok(id) => id,
        Err(error) => {
            let place = source.get(error.span.clone()).unwrap_or("?");
            let help = error.help.map_or(String::new(), |help| format!(" ({help})"));
            return format!("load {:?} `{place}`: {}{help}", error.span, error.message);
        }
    };
    let program = compiler.finish();
    let lookups = Facts::default();
    let mut memo = Memo::new();
    let mut held = event(program.schema(), "raw");
    fill(&mut held);
    let held = Arc::new(held);
    let queue = Queue { events: Queue::list([Arc::clone(&held), held]), capacity: -1 };
    let roots = [("queue", Value::Object(Arc::new(queue)))];
    let mut live = event(program.schema(), "raw");
    fill(&mut live);
    let mut cx = Cx::new(&mut live, &lookups, &mut memo).with_roots(&roots);
    match program.eval(id, &mut cx) {
        Ok(value) => {
            let text = verbatim(&cx, &value).replace('\n', "\\n");
            format!("{} {text}", value.type_name())
        }
        Err(error) => {
            let place = source.get(error.span.clone()).unwrap_or("?");
            format!("error {:?} `{place}`: {}", error.span, error.message)
        }
    }
}

/// Two lines a case: the expression, and what it gives.
#[test]
fn expressions_give_what_the_table_says() {
    let table = include_str!("fixtures/expr/cases.txt");
    let mut wrong = Vec::new();
    let mut lines = table.lines();
    let mut count = 0;
    while let (Some(source), Some(expected)) = (lines.next(), lines.next()) {
        let found = outcome(source);
        if found.trim_end() != expected.trim() {
            wrong.push(format!("{source}\n    {found}\n"));
        }
        count += 1;
    }
    assert!(wrong.is_empty() && count > 200, "{count} cases, wrong:\n{}", wrong.concat());
}

fn compile(source: &str, env: Env, expect: Expect) -> Result<(), (String, String)> {
    match Compiler::new().compile(source, env, expect) {
        Ok(_) => Ok(()),
        Err(error) => {
            let place = source.get(error.span).unwrap_or("?").to_owned();
            Err((error.message, place))
        }
    }
}

#[test]
fn every_place_has_its_own_names() {
    for (source, good, bad) in [
        ("evt.Meta.x", Env::Event, Env::OverflowFilter),
        ("queue.Queue[0].Meta.x", Env::Condition, Env::Event),
        ("signal.Sources", Env::OverflowFilter, Env::Condition),
        ("req.UserAgent()", Env::Context, Env::Event),
        ("match.id", Env::Context, Env::Event),
        ("Alert.GetScope()", Env::Profile, Env::Event),
        ("results[0].Overflow.GetSources()", Env::ScenarioAssert, Env::Event),
        ("basename(results[0].Line.Src)", Env::ScenarioAssert, Env::Event),
    ] {
        assert_eq!(compile(source, good, Expect::Any), Ok(()), "{source}");
        let (message, _) = compile(source, bad, Expect::Any).unwrap_err();
        assert!(message.starts_with("unknown name"), "{source}: {message}");
    }
}

#[test]
fn a_place_refuses_what_cannot_be_of_its_type() {
    assert_eq!(compile("evt.Unmarshaled.x", Env::Event, Expect::Bool), Ok(()));
    assert_eq!(compile("1 == 1", Env::Event, Expect::Bool), Ok(()));
    let (message, place) = compile("evt.Meta.x", Env::Event, Expect::Bool).unwrap_err();
    assert_eq!((message.as_str(), place.as_str()), ("expected bool, but got string", "evt.Meta.x"));
    let (message, _) = compile("len('x')", Env::Event, Expect::String).unwrap_err();
    assert_eq!(message, "expected string, but got int");
}

#[test]
fn every_unknown_name_is_an_error() {
    let source = "evt.Parsd.y == 'z' && Uper(evt.Lien.Raw) == evt.Time.Yaer() || x.y";
    let error = Compiler::new().compile(source, Env::Event, Expect::Bool).unwrap_err();
    let all = std::iter::once(&error).chain(&error.more);
    let places: Vec<_> = all.map(|error| source.get(error.span.clone()).unwrap()).collect();
    assert_eq!(places, ["Parsd", "Uper", "Lien", "Yaer()", "x"]);
}

/// What the reference takes without a word, on the stack of a thread as the engine has it.
#[test]
fn what_is_long_or_deep_runs() {
    let many =
        |count: usize, part: &dyn Fn(usize) -> String| -> String { (0..count).map(part).collect() };
    for count in [100, 250, 480] {
        let sum = vec!["'x'"; count].join(" + ");
        assert_eq!(outcome(&format!("len({sum})")), format!("int {count}"));
        assert_eq!(outcome(&sum), format!("string {}", "x".repeat(count)));
        let arms = many(count, &|i| format!("evt.Meta.k == '{i}' ? '{i}' : "));
        assert_eq!(outcome(&format!("{arms}'none'")), "string none");
        let blocks = many(count, &|i| format!("if evt.Meta.k == '{i}' {{ {i} }} else "));
        assert_eq!(outcome(&format!("{blocks}{{ -1 }}")), "int -1");
        let lets = many(count, &|i| format!("let a{i} = {i}; "));
        assert_eq!(outcome(&format!("{lets}a{}", count - 1)), format!("int {}", count - 1));
        let or = many(count, &|i| format!("evt.Meta.k == '{i}' || ("));
        let close = ")".repeat(count);
        assert_eq!(outcome(&format!("{or}evt.Meta.k == 'v'{close}")), "bool true");
        let calls = "[".repeat(count);
        let found = outcome(&format!("len({calls}1{})", "]".repeat(count)));
        assert_eq!(found, "int 1");
        let all = "all([1], ".repeat(count);
        assert_eq!(outcome(&format!("{all}true{close}")), "bool true");
        let minus = format!("{}evt.Unmarshaled.n", "- ".repeat(count));
        assert_eq!(outcome(&minus), "float64 3");
        let tests = many(count, &|i| format!("evt.Meta.k == '{i}' ? true : "));
        assert_eq!(outcome(&format!("{tests}false")), "bool false");
    }
}

/// `a ?: b` and `a < b < c` hold an operand twice.
#[test]
fn operands_that_stand_twice_count_twice() {
    let nested = format!("{}1{}", "(".repeat(60), " ?: 2)".repeat(60));
    let (message, _) = compile(&nested, Env::Event, Expect::Any).unwrap_err();
    assert_eq!(message, "expression exceeds maximum allowed nodes");
}

#[test]
fn deep_nesting_is_refused_and_long_chains_are_not() {
    let nested = |levels| format!("{}1{}", "(".repeat(levels), ")".repeat(levels));
    assert_eq!(outcome(&nested(900)), "int 1");
    let (message, _) = compile(&nested(50_000), Env::Event, Expect::Any).unwrap_err();
    assert_eq!(message, "expression is nested too deeply");
    let sum = vec!["1"; 5_000].join(" + ");
    let (message, _) = compile(&sum, Env::Event, Expect::Any).unwrap_err();
    assert_eq!(message, "expression is nested too deeply");
    let terms: Vec<String> =
        (0..2_000).map(|i| format!("evt.Parsed.x contains 'needle number {i}'")).collect();
    let chain = terms.join(" || ");
    assert!(chain.len() > 50_000);
    assert_eq!(ask(&chain, &[("x", "a needle number 1999 in a haystack")]), Ok(true));
    assert_eq!(ask(&chain, &[("x", "a needle number ten in a haystack")]), Ok(false));
    let not = format!("{}true", "not ".repeat(5_000));
    assert!(compile(&not, Env::Event, Expect::Any).is_err());
}

/// Tests a condition on an event with these parsed fields.
fn ask(source: &str, fields: &[(&str, &str)]) -> Result<bool, TestError> {
    let mut compiler = Compiler::new();
    let id = compiler.compile(source, Env::Event, Expect::Bool).unwrap();
    let program = compiler.finish();
    let mut event = event(program.schema(), "raw");
    for (name, text) in fields {
        event.set_named(Space::Parsed, name, (*text).into());
    }
    let (lookups, mut memo) = (Facts::default(), Memo::new());
    program.test(id, &mut Cx::new(&mut event, &lookups, &mut memo))
}

#[test]
fn a_condition_that_gives_no_bool_is_told_from_one_that_fails() {
    assert_eq!(ask("evt.Unmarshaled.x", &[]), Err(TestError::NotBool("nil".into())));
    assert!(matches!(ask("evt.Unmarshaled.x.y == 1", &[]), Err(TestError::Runtime(_))));
}

#[test]
fn what_was_computed_is_forgotten_when_its_field_changes() {
    let mut compiler = Compiler::new();
    let terms: Vec<String> =
        (0..20).map(|i| format!("Lower(evt.Parsed.x) contains 'word{i}.'")).collect();
    let ids: Vec<_> = terms
        .iter()
        .map(|term| compiler.compile(term, Env::Event, Expect::Bool).unwrap())
        .collect();
    let program = compiler.finish();
    let (lookups, mut memo) = (Facts::default(), Memo::new());
    let mut event = event(program.schema(), "raw");
    for round in [3, 17, 3] {
        event.set_named(Space::Parsed, "x", format!("WORD{round}.").into());
        for (number, id) in ids.iter().enumerate() {
            let mut cx = Cx::new(&mut event, &lookups, &mut memo);
            assert_eq!(program.test(*id, &mut cx), Ok(number == round));
        }
    }
    // Another event with a memo that was used before.
    let mut other = event.clone();
    other.set_named(Space::Parsed, "x", "word5.".into());
    for (number, id) in ids.iter().enumerate() {
        let mut cx = Cx::new(&mut other, &lookups, &mut memo);
        assert_eq!(program.test(*id, &mut cx), Ok(number == 5));
    }
}

#[test]
fn a_change_in_the_middle_is_seen_by_what_follows() {
    let source = "evt.Parsed.x == '' && evt.SetParsed('x', 'y') && evt.Parsed.x == 'y'";
    assert_eq!(ask(source, &[]), Ok(true));
    assert_eq!(ask(source, &[("x", "y")]), Ok(false));
}

#[test]
fn addresses_in_fields_are_tested_as_the_functions_say() {
    for (test, addresses) in [
        ("IpInRange(evt.Parsed.x, '10.0.0.0/8')", "10.1.2.3 ::ffff:10.1.2.3"),
        ("IpInRange(evt.Parsed.x, 'fd00::/8')", "fd12::1"),
        ("IpInRange(evt.Parsed.x, '10.0.0.0')", ""),
        ("IsIP(evt.Parsed.x)", "10.1.2.3 ::ffff:10.1.2.3 fd12::1"),
        ("IsIPV4(evt.Parsed.x)", "10.1.2.3 ::ffff:10.1.2.3"),
        ("IsIPV6(evt.Parsed.x)", "fd12::1"),
        ("'x' in evt.Parsed", "10.1.2.3 ::ffff:10.1.2.3 fd12::1 010.1.2.3 none"),
    ] {
        // What is nothing but a call is not compiled.
        let test = format!("{test} && true");
        assert_eq!(ask(&test, &[]), Ok(false), "{test}");
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "010.1.2.3", "none"] {
            let found = addresses.split(' ').any(|known| known == address);
            assert_eq!(ask(&test, &[("x", address)]), Ok(found), "{test} {address}");
        }
    }
}

#[test]
fn what_wakes_an_expression_is_asked_of_the_event_alone() {
    let wakes = |source: &str| {
        let mut compiler = Compiler::new();
        let id = compiler.compile(source, Env::Context, Expect::Any).unwrap();
        let program = compiler.finish();
        let field = program.schema().find(Space::Meta, "service").unwrap();
        let lets = |sieve, service: &'static str| {
            program.lets(sieve, &mut |id| if id == field { service } else { "" }.into())
        };
        program.wakes(id).map(|sieve| [lets(sieve, "tcp"), lets(sieve, "http")])
    };
    let found = wakes("evt.Meta.service in ['tcp', 'udp'] ? evt.Meta.service + '!' : ''");
    assert_eq!(found, Some([true, false]));
    assert_eq!(wakes("evt.Meta.service == 'tcp' ? '' : 'x'"), None);
    assert_eq!(wakes("req != nil ? evt.Meta.service : ''"), None);
}

fn guards(source: &str) -> Vec<String> {
    let mut compiler = Compiler::new();
    let id = compiler.compile(source, Env::Event, Expect::Bool).unwrap();
    let program = compiler.finish();
    let shown = program.guards(id).iter().map(|Guard { subject, test, .. }| {
        let subject = match subject {
            Subject::Field(id) => program.schema().name(*id).1.to_owned(),
            Subject::Label(name) => format!("label {name}"),
            Subject::Part(part) => format!("{part:?}"),
        };
        match test {
            GuardTest::OneOf(texts) => format!("{subject} in {texts:?}"),
            GuardTest::StartsWith(text) => format!("{subject} starts {text:?}"),
        }
    });
    shown.collect()
}

#[test]
fn guards_are_what_must_hold() {
    assert_eq!(
        guards(
            "evt.Meta.a == 'x' && evt.Line.Labels.type in ['t', 's'] && evt.Parsed.p startsWith 'y'"
        ),
        ["a in [\"x\"]", "label type in [\"s\", \"t\"]", "p starts \"y\""]
    );
    assert_eq!(
        guards("(evt.Meta.a == 'x' && evt.Meta.b == 'y') || evt.Meta.a == 'z'"),
        ["a in [\"x\", \"z\"]"]
    );
    assert_eq!(guards("evt.Meta.a == 'x' || evt.Meta.b == 'y'"), [""; 0]);
    assert_eq!(guards("evt.Meta.a != 'x'"), [""; 0]);
    // What fails or changes the event comes first: the rest is no reason to skip it.
    assert_eq!(guards("evt.Unmarshaled.x.y == 'z' && evt.Meta.a == 'x'"), [""; 0]);
    assert_eq!(guards("evt.SetMeta('a', 'x') && evt.Meta.a == 'x'"), [""; 0]);
    assert_eq!(guards("evt.Overflow.Alert.Scenario == 's'"), ["Scenario in [\"s\"]"]);
}

#[test]
fn what_an_expression_reads_is_known() {
    let reads = |source: &str| {
        let mut compiler = Compiler::new();
        let id = compiler.compile(source, Env::Condition, Expect::Any).unwrap();
        let program = compiler.finish();
        let reads = program.reads(id).clone();
        let names: Vec<_> = reads.fields.iter().map(|id| program.schema().name(*id).1).collect();
        (names.join(" "), reads)
    };
    let (names, found) = reads("any(queue.Queue, {.Meta.x == evt.Parsed.y})");
    assert_eq!((names.as_str(), found.all_fields, found.dynamic), ("y x", false, true));
    let (names, found) = reads("Lower(evt.Meta.a) + evt.Line.Raw");
    assert_eq!(names, "a");
    assert!(found.line_raw && !found.dynamic && !found.mutates && !found.unmarshaled);
    assert!(reads("map(queue.Queue, #.Meta)").1.all_fields);
    assert!(reads("toJSON(evt)").1.all_fields);
    assert!(reads("evt.SetMeta('a', 'b')").1.mutates);
    assert!(reads("UnmarshalJSON(evt.Line.Raw, evt.Unmarshaled, 'x')").1.mutates);
    assert!(reads("evt.Unmarshaled.a.b").1.unmarshaled);
    assert!(reads("evt.Overflow.Alert.Scenario").1.overflow);
    assert!(reads("GetFromStash('a', 'b')").1.stash);
}

#[test]
fn a_trace_names_the_term_that_was_false() {
    let source = "evt.Meta.k == 'v' && Upper(evt.Parsed.p) == 'X' && evt.Meta.z == 'z'";
    let mut compiler = Compiler::new();
    let id = compiler.compile(source, Env::Event, Expect::Bool).unwrap();
    let program = compiler.finish();
    let (lookups, mut memo) = (Facts::default(), Memo::new());
    let mut event = event(program.schema(), "raw");
    fill(&mut event);
    let trace = program.trace(id, &mut Cx::new(&mut event, &lookups, &mut memo));
    let failed = trace.failed.unwrap();
    assert_eq!(source.get(failed.span), Some("Upper(evt.Parsed.p) == 'X'"));
    let shown: Vec<_> =
        failed.operands.iter().map(|(text, value)| (text.as_str(), value.as_str())).collect();
    assert_eq!(shown, [("Upper(evt.Parsed.p)", Some("Q"))]);
}

#[test]
fn what_is_nested_as_deeply_as_allowed_runs() {
    let depth = 75;
    let lists = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let negations = format!("{}(evt.Unmarshaled.b)", "not ".repeat(depth));
    let choices = format!("{}1", "evt.Unmarshaled.n == 4 ? 0 : ".repeat(depth));
    let calls = format!("{}evt.Meta.k{}", "Lower(".repeat(35), ")".repeat(35));
    let loops = format!("{}true{}", "any([1], ".repeat(35), ")".repeat(35));
    let members = format!("evt.Unmarshaled{}", "?.x".repeat(38));
    for source in [lists, negations, choices, calls, loops, members] {
        let found = outcome(&source);
        let fine = !found.starts_with("load") && !found.starts_with("error");
        assert!(fine, "{found}: {source}");
    }
}

#[test]
fn no_text_makes_it_panic() {
    const PIECES: [&str; 56] = [
        "evt",
        ".",
        "Meta",
        "Unmarshaled",
        "?.",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        ";",
        ":",
        "?",
        "??",
        "|",
        "||",
        "&&",
        "not ",
        "in ",
        "matches ",
        "contains ",
        "..",
        "+",
        "-",
        "*",
        "/",
        "%",
        "**",
        "==",
        "<",
        "'",
        "\"",
        "`",
        "\\",
        "\\x4",
        "\\u{e9}",
        "é",
        "😀",
        "b'a'",
        "1",
        "0x",
        "1.5e",
        "_",
        "nil",
        "true",
        "let x = ",
        "if ",
        "else ",
        "#",
        "any",
        "Upper",
        "s",
        " ",
        "\n",
    ];
    let mut state = 11_u64;
    let mut random = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % bound
    };
    let mut good = 0;
    for _ in 0..20_000 {
        let source: String = (0..=random(12)).map(|_| PIECES[random(PIECES.len())]).collect();
        let mut compiler = Compiler::new();
        match compiler.compile(&source, Env::Event, Expect::Any) {
            Ok(_) => {
                good += 1;
                outcome(&source);
            }
            Err(error) => assert!(source.get(error.span.clone()).is_some(), "{error:?}: {source}"),
        }
    }
    assert!(good > 100, "{good}");
}
