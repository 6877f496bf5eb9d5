//! A rule set as meant: everything compiled together once, shared by all workers.

use std::sync::Arc;

use crate::bucket::catalogue::Catalogue;
use crate::expr::Program;
use crate::matcher::Matcher;
use crate::parse::stage::Parser;
use crate::parse::stash::CacheSpec;

/// A compiled rule set.
#[derive(Debug)]
pub struct Rules {
    /// All expressions.
    pub program: Arc<Program>,
    /// Parsers, stage by stage.
    pub parsers: Parser,
    /// Postoverflows, stage by stage.
    pub postoverflows: Parser,
    /// Scenarios.
    pub catalogue: Arc<Catalogue>,
    /// Which scenarios want an event.
    pub matcher: Matcher,
    /// Caches of `stash`.
    pub caches: Vec<CacheSpec>,
}
