//! An expression on the first line, a log line behind it: parsing and evaluation end, and the
//! compiled form gives what the plain evaluator gives.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use operators::event::{Event, Line};
use operators::expr::{Compiler, Cx, Env, Expect, Memo};
use operators::lookup::Offline;
use operators::time::{EventTime, Stamp};

const NOW: Stamp = Stamp::utc_at(EventTime(1_767_323_045_000_000_000));

fuzz_target!(|text: &str| {
    let (expression, raw) = text.split_once('\n').unwrap_or((text, "a=1 b"));
    let mut compiler = Compiler::new();
    for env in [Env::Condition, Env::OverflowFilter, Env::Context, Env::Profile] {
        let _ = compiler.compile(expression, env, Expect::Any);
    }
    let Ok(id) = compiler.compile(expression, Env::Event, Expect::Any) else { return };
    let program = compiler.finish();
    let line = Line {
        raw: raw.into(),
        source: "x".into(),
        labels: Arc::default(),
        module: "file".into(),
        time: NOW,
zone: None,
};
    let lookups = Offline::new(NOW);
    let run = |plainly: bool| {
        let mut event = Event::new(Arc::clone(program.schema()), line.clone());
        let mut memo = Memo::new();
        let mut cx = Cx::new(&mut event, &lookups, &mut memo);
        if plainly { program.eval_plainly(id, &mut cx) } else { program.eval(id, &mut cx) }
    };
    let (compiled, plain) = (run(false), run(true));
    // The compiled form does less work.
    if plain.as_ref().is_err_and(|error| error.message.ends_with("budget exceeded")) {
        return;
    }
    match (&compiled, &plain) {
        (Ok(compiled), Ok(plain)) => {
            assert_eq!(format!("{compiled:?}"), format!("{plain:?}"), "{expression}");
        }
        _ => assert_eq!(compiled.is_err(), plain.is_err(), "{expression}"),
    }
});
