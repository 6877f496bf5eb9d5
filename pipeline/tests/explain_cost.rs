//! What it costs to explain a line with a whole hub, where there is one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use operators::detector::Origin;
use operators::text::RawLine;
use operators::time::Stamp;
use pipeline::compile::{Options, compile};
use pipeline::explain::output::{Form, Shown};
use pipeline::explain::style::Style;
use pipeline::explain::{Explainer, Parts, Teller};
use pipeline::hub::{RuleSource, Selection, layout::Layout, load};
use pipeline::lookup::WorldLookups;
use rustix::time::{ClockId, clock_gettime};

/// Time of this thread's processor. Unit: milliseconds.
fn processor() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// Unit: milliseconds. What is not optimised takes some times as long.
const ALLOWED: f64 = if cfg!(debug_assertions) { 250.0 } else { 50.0 };

#[test]
fn a_line_is_explained_within_50_milliseconds() {
    let corpus = std::env::var_os("SPILLWAY_CONFORMANCE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"),
        PathBuf::from,
    );
    if !corpus.join("hub").is_dir() {
        eprintln!("skipped: no hub in {}", corpus.display());
        return;
    }
    let mut set = load(&[RuleSource::Directory(corpus.join("hub"))], &Selection::All);
    let mut layout = Layout::default();
    layout.read_patterns(&corpus.join("patterns"));
    set.patterns = layout.patterns;
    set.data_dirs.push(corpus.join("data"));
    let compiled = compile(&set, Options::default());
    let lookups = Arc::new(WorldLookups::of_rules(&set, Stamp::from_unix(1_787_400_000)));
    let garbage = "this line is garbage of no known kind at all, GET / HTTP/1.1 200 and so on";
    let half = "203.0.113.7 - - [02/Mar/2026:06:00:24 +0000] \"GET /x HTTP/1.1\" 200 oops";
    let whole =
        "203.0.113.7 - - [02/Mar/2026:06:00:24 +0000] \"GET /.env HTTP/1.1\" 404 7 \"-\" \"x\"";
    let ssh = "Mar  2 06:00:24 host sshd[12]: Failed password for root from 203.0.113.7 port x";
    for (kind, line) in [
        ("nginx", garbage),
        ("nginx", half),
        ("nginx", whole),
        ("syslog", ssh),
        ("syslog", garbage),
    ] {
        let labels = [("type".into(), kind.into())].into_iter().collect();
        let origin = Origin { source: "-".into(), labels: Arc::new(labels), module: "file" };
        let mut explainer = Explainer::new(Parts {
            rules: Arc::clone(&compiled.rules),
            profiles: Arc::clone(&compiled.profiles),
            exempt: Arc::default(),
            lookups: Arc::clone(&lookups) as _,
            origin,
            why_not: None,
            reasons: true,
            unwanted: true,
            still: false,
        });
        let shown = Shown { verbose: true, ..Shown::default() };
        let mut teller = Teller::new(Vec::new(), Form::Human, shown, Style::default());
        let (before, mut stories) = (processor(), Vec::new());
        explainer.line(1, 0, RawLine::from(line), &mut stories);
        explainer.end(&mut stories);
        stories.into_iter().for_each(|story| teller.line(story).unwrap());
        let took = processor() - before;
        eprintln!("{kind}, {took:.1} ms: {line}");
        assert!(took < ALLOWED, "{kind}: {took:.1} ms for {line:?}");
    }
}
