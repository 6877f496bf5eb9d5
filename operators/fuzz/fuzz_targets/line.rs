//! Lines as an attacker writes them, through parsers, filters and buckets.
#![no_main]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use operators::bucket::compile::{Origin as From, compile, reads};
use operators::bucket::context::Contexts;
use operators::bucket::detect::Detect;
use operators::bucket::{Buckets, Catalogue, Codec, ScenarioId, spec as scenario_spec};
use operators::detector::{Detector, Origin, Place, Verdict};
use operators::expr::Compiler;
use operators::grok::Library;
use operators::lookup::{Lookups, Offline};
use operators::matcher::Matcher;
use operators::order::batch::{Batch, Via};
use operators::order::{OrderKey, Partition};
use operators::parse::compile::ParserCompiler;
use operators::parse::lines::Tally;
use operators::parse::spec as node_spec;
use operators::parse::stash::Stashes;
use operators::rules::Rules;
use operators::time::{EventTime, Stamp};
use operators::yaml::{Reading, Source, parse};

const NOW: Stamp = Stamp::utc_at(EventTime(1_767_323_045_000_000_000));

static RULES: LazyLock<Arc<Rules>> = LazyLock::new(rules);

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
    let matcher = Matcher::new(&scenarios, &program);
    let catalogue = Arc::new(Catalogue::new(scenarios, codec, contexts));
    Arc::new(Rules { program, parsers, postoverflows, catalogue, matcher, caches })
}

fuzz_target!(|text: &str| {
    let rules = Arc::clone(&RULES);
    let lookups: Arc<dyn Lookups> = Arc::new(Offline::new(NOW));
    let origin = Origin { source: "x".into(), labels: Arc::default(), module: "file" };
    let mut detector = Detector::new(Arc::clone(&rules), Arc::clone(&lookups), Arc::from([origin]));
    let mut stash = Stashes::new(&rules.caches);
    let buckets = Buckets::new(Arc::clone(&rules.catalogue), Arc::clone(&rules.program));
    let buckets = Rc::new(RefCell::new(buckets));
    let mut detect = Detect::new(rules, lookups, buckets, 1, false);
    let mut clock = EventTime(i64::MIN);
    let mut tally = Tally::default();
    for (position, line) in (0..).zip(text.lines()) {
        let place = Place { partition: Partition(0), position };
        let verdict = detector.line(line.into(), place, Some(&mut stash), &mut tally);
        let Verdict::Done { stamp, pours } = verdict else { panic!("there is a stash") };
        clock = clock.max(stamp.unwrap_or(clock));
        let order = OrderKey { clock, partition: Partition(0), position, part: 0 };
        let ordered = pours.into_iter().map(|mut pour| {
            pour.order = order;
            (order, Via::default(), pour)
        });
        detect.epoch(vec![Batch { worker: 0, clock, pours: ordered.collect() }]);
    }
});
