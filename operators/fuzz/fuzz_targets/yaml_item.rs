//! Items as anybody may write them: decoding and compiling end, with errors and no panic.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use operators::bucket::ScenarioId;
use operators::bucket::compile::{Origin, compile};
use operators::expr::Compiler;
use operators::grok::Library;
use operators::parse::compile::ParserCompiler;
use operators::profile::{Profile, context_spec, spec as profile_spec};
use operators::yaml::{Reading, Source, parse};
use operators::{bucket, parse as parsing};

static LIBRARY: LazyLock<Library> = LazyLock::new(Library::standard);

fuzz_target!(|text: &str| {
    let source = Source::new("fuzz.yaml", text);
    let documents = parse(&source);
    let mut reading = Reading::new(&source);
    let mut compiler = Compiler::new();
    let nodes = parsing::spec::read(&documents, &mut reading);
    let mut parsers = ParserCompiler::new(&mut compiler, LIBRARY.clone());
    for node in &nodes {
        parsers.add("s01-parse", node, &mut reading);
    }
    let parsers = parsers.finish();
    for scenario in bucket::spec::read(&documents, &mut reading) {
        let origin = Origin { id: ScenarioId(0), version: "", hash: "", simulated: false };
        compile(&scenario, origin, &mut compiler, &mut reading);
    }
    for profile in profile_spec::read(&documents, &mut reading) {
        Profile::compile(&profile, &mut compiler, &mut reading);
    }
    context_spec::read(&documents, &mut reading);
    parsers.finish(&compiler.finish());
});
