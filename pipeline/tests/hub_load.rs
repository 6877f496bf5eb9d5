//! A whole hub loads: every item of the conformance corpus where it is present.

use std::path::PathBuf;
use std::time::Instant;

use pipeline::hub::{RuleSource, Selection, load};

fn corpus() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    let path = std::env::var_os("SPILLWAY_CONFORMANCE").map_or(beside, PathBuf::from);
    let hub = path.join("hub");
    if !hub.is_dir() {
        eprintln!("skipped: no conformance corpus at {}", path.display());
        return None;
    }
    Some(hub)
}

#[test]
fn the_whole_hub_loads_without_an_error() {
    let Some(hub) = corpus() else { return };
    let start = Instant::now();
    let rules = load(&[RuleSource::Directory(hub)], &Selection::All);
    eprintln!("{:?} for the whole hub", start.elapsed());
    let report = pipeline::report::Report::new(false).all(&rules.errors, &rules.warnings);
    assert!(rules.is_sound(), "{report}");
    eprintln!("{report}");
    let nodes: usize = rules.parsers.iter().map(|file| file.nodes.len()).sum();
    assert!(nodes > rules.parsers.len() && rules.parsers.len() > 100);
    assert!(rules.scenarios.len() > 800, "{}", rules.scenarios.len());
    assert!(rules.postoverflows.len() > 10 && rules.contexts.len() > 5);
}
