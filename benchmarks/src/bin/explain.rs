//! `explain`: what loading rules costs, and then explaining a line with everything said of it, in
//! CPU time of one thread. Lines that nothing takes cost most: every node says where it stopped.

use std::sync::Arc;

use clap::Parser;
use operators::origin::Origin;
use operators::text::RawLine;
use pipeline::cli::rules::{Loaded, RuleArgs};
use pipeline::explain::output::Form;
use pipeline::explain::shown::Shown;
use pipeline::explain::style::Style;
use pipeline::explain::{Explainer, Parts, Teller};
use rustix::time::{ClockId, clock_gettime};

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Load rules, then explain lines of several kinds.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    rules: RuleArgs,
}

/// Type and text.
const LINES: [(&str, &str); 5] = [
    ("nginx", "this line is garbage of no known kind at all, GET / HTTP/1.1 200 and so on"),
    ("nginx", "203.0.113.7 - - [02/Mar/2026:06:00:24 +0000] \"GET /x HTTP/1.1\" 200 oops"),
    (
        "nginx",
        "203.0.113.7 - - [02/Mar/2026:06:00:24 +0000] \"GET /.env HTTP/1.1\" 404 7 \"-\" \"x\"",
    ),
    ("syslog", "Mar  2 06:00:24 host sshd[12]: Failed password for root from 203.0.113.7 port x"),
    ("syslog", "this line is garbage of no known kind at all"),
];

/// CPU time of this thread. Unit: milliseconds.
fn processor() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let began = processor();
    let loaded = arguments.rules.load(Box::new(|_| None))?;
    println!("| what | CPU, ms |\n|-|-|\n| load the rules | {:.0} |", processor() - began);
    for (kind, line) in LINES {
        let began = processor();
        explain(&loaded, kind, line)?;
        println!("| explain {kind}: {line} | {:.1} |", processor() - began);
    }
    Ok(())
}

fn explain(loaded: &Loaded, kind: &str, line: &str) -> anyhow::Result<()> {
    let labels = [("type".into(), kind.into())].into_iter().collect();
    let mut explainer = Explainer::new(Parts {
        rules: Arc::clone(&loaded.rules),
        profiles: Arc::clone(&loaded.profiles),
        exempt: Arc::clone(&loaded.exempt),
        lookups: Arc::clone(&loaded.lookups) as _,
        origin: Origin { source: "-".into(), labels: Arc::new(labels), module: "file", zone: None },
        why_not: None,
        reasons: true,
        unwanted: true,
        still: false,
    });
    let shown = Shown { verbose: true, ..Shown::default() };
    let mut teller = Teller::new(Vec::new(), Form::Human, shown, Style::default());
    let mut stories = Vec::new();
    explainer.line(1, 0, RawLine::from(line), &mut stories);
    explainer.end(&mut stories);
    stories.into_iter().try_for_each(|story| teller.line(story))?;
    Ok(())
}
