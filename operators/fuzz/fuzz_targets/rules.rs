//! The rules that lines and state are run through, and how lines go through them.

use std::sync::{Arc, LazyLock};

use operators::bucket::compile::{Origin as From, compile, reads};
use operators::bucket::context::Contexts;
use operators::bucket::detect::{Detect, Outcome};
use operators::bucket::{Catalogue, Codec, ScenarioId, spec as scenario_spec};
use operators::detector::{Detector, Verdict};
use operators::origin::Origin;
use operators::place::{OrderKey, Partition, Place};
use operators::expr::Compiler;
use operators::grok::Library;
use operators::lookup::{Lookups, Offline};
use operators::matcher::Matcher;
use operators::order::batch::{Batch, Via};
use operators::parse::compile::ParserCompiler;
use operators::parse::lines::Tally;
use operators::parse::spec as node_spec;
use operators::parse::stash::Stashes;
use operators::rules::Rules;
use operators::time::{EventTime, Stamp};
use operators::yaml::{Reading, Source, parse};

const NOW: Stamp = Stamp::utc_at(EventTime(1_767_323_045_000_000_000));

/// All of them.
pub static RULES: LazyLock<Arc<Rules>> = LazyLock::new(rules);

/// The world: nothing is known of it.
pub fn lookups() -> Arc<dyn Lookups> {
    Arc::new(Offline::new(NOW))
}

fn rules() -> Arc<Rules> {
    let mut compiler = Compiler::new();
    let mut parsers = ParserCompiler::new(&mut compiler, Library::standard());
    let source = Source::new("parser.yaml", include_str!("line_parser.yaml"));
    let documents = parse(&source);
    let mut reading = Reading::new(&source);
    for node in node_spec::read(&documents, &mut reading) {
        parsers.add("s01-parse", &node, &mut reading);
    }
    assert!(reading.errors.is_empty(), "{:?}", reading.errors);
    let parsers = parsers.finish();
    let nothing = ParserCompiler::new(&mut compiler, Library::standard()).finish();
    let source = Source::new("scenario.yaml", include_str!("line_scenario.yaml"));
    let documents = parse(&source);
    let mut reading = Reading::new(&source);
    let specs = scenario_spec::read(&documents, &mut reading);
    let scenarios: Vec<_> = (0..)
        .zip(&specs)
        .filter_map(|(id, spec)| {
            let from = From { id: ScenarioId(id), version: "", hash: "", simulated: false };
            compile(spec, from, &mut compiler, &mut reading)
        })
        .collect();
    assert!(reading.errors.is_empty() && !scenarios.is_empty(), "{:?}", reading.errors);
    let caches = parsers.caches.clone();
    let program = Arc::new(compiler.finish());
    let (parsers, postoverflows) = (parsers.finish(&program), nothing.finish(&program));
    let contexts = Contexts::new();
    let reads = reads(&scenarios, &contexts, &program);
    let schema = Arc::clone(program.schema());
    let codec = Codec::new(schema, reads, Vec::<&'static str>::new(), Box::new(|_| None));
    let catalogue = Arc::new(Catalogue::new(scenarios, codec, contexts));
    let matcher = Matcher::new(catalogue.scenarios(), &program);
    Arc::new(Rules { program, parsers, postoverflows, catalogue, matcher, caches })
}

/// Takes lines through parsers and matcher into `detect`, an epoch each; the last one is sealed where
/// `seal` says so.
pub fn feed(detect: &mut Detect, text: &str, seal: bool) -> Vec<Outcome> {
    let origin = Origin { source: "x".into(), labels: Arc::default(), module: "file", zone: None };
    let mut detector = Detector::new(Arc::clone(&RULES), lookups(), Arc::from([origin]));
    let mut stash = Stashes::new(&RULES.caches);
    let mut clock = EventTime(i64::MIN);
    let mut tally = Tally::default();
    let mut outcomes = Vec::new();
    let last = text.lines().count().saturating_sub(1) as u64;
    for (position, line) in (0..).zip(text.lines()) {
        let place = Place { partition: Partition(0), position };
        let verdict = detector.line(line.into(), place, Some(&mut stash), &mut tally);
        let Verdict::Done { stamp, pours, .. } = verdict else { panic!("there is a stash") };
        clock = clock.max(stamp.unwrap_or(clock));
        let order = OrderKey { clock, partition: Partition(0), position, part: 0 };
        let ordered = pours.into_iter().map(|mut pour| {
            pour.order = order;
            (Via::default(), pour)
        });
        let seal = seal && position == last;
        let batch = Batch { worker: 0, clock, pours: ordered.collect(), seal };
        outcomes.extend(detect.epoch(vec![batch]));
    }
    outcomes
}
