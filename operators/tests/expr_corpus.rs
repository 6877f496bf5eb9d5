//! The expressions of the hub, where the conformance files are at hand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use operators::expr::{Compiler, Env, Expect};

fn corpus() -> Option<PathBuf> {
    let given = std::env::var_os("SPILLWAY_CONFORMANCE").map(PathBuf::from);
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    let found = given.unwrap_or(default);
    found.join("expressions.json").exists().then_some(found)
}

#[test]
fn every_expression_of_the_hub_compiles() {
    let Some(corpus) = corpus() else {
        println!("skipped: no conformance files");
        return;
    };
    let text = std::fs::read_to_string(corpus.join("expressions.json")).unwrap();
    let all: Vec<String> = serde_json::from_str(&text).unwrap();
    let mut failures: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut compiler = Compiler::new();
    for source in &all {
        let envs = [Env::Event, Env::Condition, Env::Context, Env::OverflowFilter];
        let results: Vec<_> =
            envs.iter().map(|env| compiler.compile(source, *env, Expect::Any)).collect();
        if results.iter().all(Result::is_err) {
            let error = results[0].as_ref().unwrap_err();
            let entry = failures.entry(error.message.clone()).or_default();
            entry.0 += 1;
            entry.1 = format!(
                "{:?} {}",
                source.get(error.span.clone()),
                &source[..source.len().min(200)]
            );
        }
    }
    for (message, (count, example)) in &failures {
        println!("{count} {message}: {example}");
    }
    assert_eq!(failures.len(), 0);
}
