//! The expressions of the hub, where the conformance files are at hand: each compiles in the
//! environment of its place, and its compiled form gives what the plain evaluator gives.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod expr_world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use expr_world::{Facts, event};
use operators::expr::{
    Compiler, Cx, Env, EvalError, Expect, ExprId, Guard, GuardTest, Memo, Program, Subject,
};
use operators::schema::{FieldId, Space};
use operators::text::Text;
use operators::value::Value;
use operators::yaml::{self, Content, Node, Source};

#[expect(clippy::disallowed_methods, reason = "a test may be told where the corpus is")]
fn corpus() -> Option<PathBuf> {
    let given = std::env::var_os("SPILLWAY_CONFORMANCE").map(PathBuf::from);
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    let found = given.unwrap_or(default);
    if found.join("expressions.json").exists() {
        return Some(found);
    }
    println!("skipped: no conformance files");
    None
}

fn expressions(corpus: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(corpus.join("expressions.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The environment of an expression, by the names of the roots that it reads: those of buckets and
/// alert context occur nowhere else.
fn env(source: &str) -> Env {
    match source {
        _ if source.contains("queue.") || source.contains("leaky.") => Env::Condition,
        _ if source.contains("req.") || source.contains("match.") => Env::Context,
        _ => Env::Event,
    }
}

fn program(all: &[String]) -> (Program, Vec<(String, ExprId)>) {
    let mut compiler = Compiler::new();
    let mut ids = Vec::new();
    for source in all {
        match compiler.compile(source, env(source), Expect::Any) {
            Ok(id) => ids.push((source.clone(), id)),
            Err(error) => panic!("{error} at {:?} of {source}", source.get(error.span.clone())),
        }
    }
    (compiler.finish(), ids)
}

/// An expression of the hub and what its place wants.
type Written = (String, Env, Expect);

/// The expressions of a rule file: what stands under the keys that take one.
fn written(node: &Node, found: &mut Vec<Written>) {
    let text = |node: &Node| node.located_text().map(|text| text.value);
    match &node.content {
        Content::Map(entries) => {
            for (key, value) in entries {
                let mut add = |env, expect| {
                    found.extend(text(value).map(|text| (text, env, expect)));
                };
                match (key.value.as_str(), &value.content) {
                    ("filter" | "cancel_on", Content::Scalar(_)) => add(Env::Event, Expect::Bool),
                    ("groupby" | "distinct", _) => add(Env::Event, Expect::String),
                    ("condition", _) => add(Env::Condition, Expect::Bool),
                    ("overflow_filter", _) => add(Env::OverflowFilter, Expect::Bool),
                    ("expression", Content::Scalar(_)) => add(Env::Event, Expect::Any),
                    ("expression", Content::List(all)) => {
                        let all = all.iter().filter_map(text);
                        found.extend(all.map(|text| (text, Env::Event, Expect::Bool)));
                    }
                    ("stash", Content::List(all)) => {
                        for part in
                            all.iter().flat_map(|item| ["key", "value"].map(|k| item.entry(k)))
                        {
                            let text = part.and_then(text);
                            found.extend(text.map(|text| (text, Env::Event, Expect::Any)));
                        }
                    }
                    ("context", Content::Map(all)) => {
                        for (_, values) in all {
                            let Content::List(values) = &values.content else { continue };
                            let all = values.iter().filter_map(text);
                            found.extend(all.map(|text| (text, Env::Context, Expect::Any)));
                        }
                    }
                    _ => written(value, found),
                }
            }
        }
        Content::List(all) => all.iter().for_each(|node| written(node, found)),
        _ => {}
    }
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.extend(
                path.extension().is_some_and(|e| e == "yaml" || e == "yml").then_some(path),
            ),
        }
    }
}

#[test]
fn every_expression_of_the_hub_compiles_in_its_place() {
    let Some(corpus) = corpus() else { return };
    let mut paths = Vec::new();
    for kind in ["parsers", "scenarios", "postoverflows", "contexts"] {
        files(&corpus.join("hub").join(kind), &mut paths);
    }
    let mut compiler = Compiler::new();
    let mut missing: BTreeSet<String> = expressions(&corpus).into_iter().collect();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut found = Vec::new();
        for node in yaml::parse(&Source::new("rules", &text)).nodes {
            written(&node, &mut found);
        }
        for (source, env, expect) in found.iter().filter(|(text, ..)| !text.is_empty()) {
            missing.remove(source);
            missing.remove(source.trim());
            if let Err(error) = compiler.compile(source, *env, expect.to_owned()) {
                let place = source.get(error.span.clone());
                panic!("{}: {error} at {place:?} of {source}", path.display());
            }
        }
    }
    assert!(missing.is_empty(), "not found in the hub: {missing:#?}");
}

/// Numbers below a bound, the same ones every time (xorshift).
fn random(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |bound| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % bound.max(1)
    }
}

/// String literals of an expression.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for quote in ['\'', '"'] {
        for part in source.split(quote).skip(1).step_by(2) {
            found.push(part.replace("\\\\", "\\"));
        }
    }
    found
}

fn shown(result: &Result<Value, EvalError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("error: {}", error.message),
    }
}

type Fields = BTreeMap<FieldId, String>;

/// Evaluates an expression both ways on two events of the same content, and gives its value.
fn agree(program: &Program, id: ExprId, fields: &Fields) -> Result<Value, EvalError> {
    let source = program.source(id);
    let lookups = Facts::default();
    let mut results = Vec::new();
    let mut last = Ok(Value::Nil);
    for plainly in [true, false] {
        let mut event = event(program.schema(), "a raw line");
        for (id, text) in fields {
            event.set(*id, Text::from(text.as_str()));
        }
        let mut memo = Memo::new();
        let mut cx = Cx::new(&mut event, &lookups, &mut memo);
        let result = match plainly {
            true => program.eval_plainly(id, &mut cx),
            false => program.eval(id, &mut cx),
        };
        if let (Ok(Value::Bool(x)), false, false) = (&result, plainly, program.reads(id).mutates) {
            assert_eq!(program.test(id, &mut cx), Ok(*x), "asked twice: {source}");
        }
        if let (Ok(Value::Str(x)), false) = (&result, plainly)
            && let Some(text) = program.text(id, &mut cx).unwrap()
        {
            assert_eq!(event.text(&text), &**x, "as text: {source}");
        }
        results.push((shown(&result), format!("{:?}", event.named(Space::Meta))));
        last = result;
    }
    assert_eq!(results[0], results[1], "{source}");
    last
}

/// Whether the guards of an expression hold.
fn guarded(program: &Program, id: ExprId, fields: &Fields) -> bool {
    program.guards(id).iter().all(|Guard { subject, test, .. }| {
        let text = match subject {
            Subject::Field(id) => fields.get(id).map_or("", String::as_str),
            Subject::Label(name) if &**name == "type" => "syslog",
            _ => return true,
        };
        match test {
            GuardTest::OneOf(texts) => texts.iter().any(|known| &**known == text),
            GuardTest::StartsWith(start) => text.starts_with(&**start),
        }
    })
}

#[test]
fn compiled_expressions_give_what_plain_ones_give() {
    let Some(corpus) = corpus() else { return };
    let all = expressions(&corpus);
    let (program, ids) = program(&all);
    let mut random = random(7);
    let (mut met, mut total) = (0, 0);
    for (source, id) in &ids {
        let literals = literals(source);
        let mut yes = false;
        for round in 0..16 {
            let mut fields = Fields::new();
            for field in &program.reads(*id).fields {
                if random(8) == 0 {
                    continue;
                }
                let mut text = String::new();
                for _ in 0..=random(3) {
                    if !literals.is_empty() && random(5) > 0 {
                        text.push_str(&literals[random(literals.len())]);
                    } else {
                        text.push_str(["", "x", "/admin", "10.0.0.1", "{\"a\":1}"][random(5)]);
                    }
                    if random(2) == 0 {
                        break;
                    }
                }
                if random(4) == 0 {
                    text = text.to_lowercase();
                }
                fields.insert(*field, text);
            }
            // Let most events pass the first hurdle.
            for Guard { subject, test, .. } in program.guards(*id).iter().filter(|_| round % 4 > 0)
            {
                if let (Subject::Field(id), GuardTest::OneOf(texts)) = (subject, test) {
                    fields.insert(*id, texts[random(texts.len())].to_string());
                }
            }
            let value = agree(&program, *id, &fields);
            if !guarded(&program, *id, &fields) && !matches!(value, Ok(Value::Str(_) | Value::Nil))
            {
                assert!(matches!(value, Ok(Value::Bool(false))), "guards of {source}: {value:?}");
            }
            yes |= matches!(value, Ok(Value::Bool(true)));
        }
        met += usize::from(yes);
        total += usize::from(!program.guards(*id).is_empty());
    }
    // Most conditions were met at least once: the comparison is not one of false with false.
    assert!(met * 2 > total, "{met} of {total}");
}
