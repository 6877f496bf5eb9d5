//! The expressions of the hub, where the conformance files are at hand: each compiles in the
//! environment of its place, and its compiled form gives what the plain evaluator gives.

mod expr_world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use expr_world::{Facts, event, random};
use operators::expr::{Compiler, Cx, Env, EvalError, Expect, ExprId, Memo, Program};
use operators::schema::Space;
use operators::text::Text;
use operators::value::Value;

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

#[test]
fn every_expression_of_the_hub_compiles() {
    let Some(corpus) = corpus() else { return };
    let all = expressions(&corpus);
    let (_, ids) = program(&all);
    assert_eq!(ids.len(), 1673);
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

fn shown(result: Result<Value, EvalError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("error: {}", error.message),
    }
}

/// Evaluates an expression both ways on two events of the same content.
fn agree(program: &Program, id: ExprId, source: &str, fields: &BTreeMap<usize, Text>) {
    let lookups = Facts::default();
    let mut results = Vec::new();
    for plainly in [true, false] {
        let mut event = event(program.schema(), "a raw line");
        for (index, text) in fields {
            let id = [Space::Parsed, Space::Meta, Space::Enriched]
                .into_iter()
                .flat_map(|space| program.schema().fields(space))
                .map(|(_, id)| id)
                .find(|id| id.index() == *index)
                .unwrap();
            event.set(id, text.clone());
        }
        let mut memo = Memo::new();
        let mut cx = Cx::new(&mut event, &lookups, &mut memo);
        let result =
            if plainly { program.eval_plainly(id, &mut cx) } else { program.eval(id, &mut cx) };
        let again = if plainly { None } else { program.test(id, &mut cx).ok() };
        if let (Ok(Value::Bool(x)), Some(y), false) = (&result, again, program.reads(id).mutates) {
            assert_eq!(*x, y, "asked twice: {source}");
        }
        results.push((shown(result), format!("{:?}", event.named(Space::Meta))));
    }
    assert_eq!(results[0], results[1], "{source}");
}

#[test]
fn compiled_expressions_give_what_plain_ones_give() {
    let Some(corpus) = corpus() else { return };
    let all = expressions(&corpus);
    let (program, ids) = program(&all);
    let mut random = random(7);
    for (source, id) in &ids {
        let literals = literals(source);
        let reads = program.reads(*id);
        for _ in 0..12 {
            let mut fields = BTreeMap::new();
            for field in &reads.fields {
                if random(8) == 0 {
                    continue;
                }
                let mut text = String::new();
                for _ in 0..=random(3) {
                    if !literals.is_empty() && random(5) > 0 {
                        text.push_str(&literals[random(literals.len())]);
                    } else {
                        text.push_str(["", "x", "/", "10.0.0.1", "{\"a\":1}"][random(5)]);
                    }
                    if random(2) == 0 {
                        break;
                    }
                }
                if random(4) == 0 {
                    text = text.to_lowercase();
                }
                fields.insert(field.index(), Text::from(Arc::from(text)));
            }
            agree(&program, *id, source, &fields);
        }
    }
}
