//! A rule set as meant: everything compiled together once, shared by all workers.

use std::sync::Arc;

use crate::bucket::catalogue::Catalogue;
use crate::bucket::{Pour, Want};
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

impl Rules {
    /// Takes out of a pour what is for the buckets of scenarios that overflows are put to: these come
    /// behind the others.
    pub fn second_round(&self, pour: &mut Pour) -> Option<Pour> {
        if !self.matcher.takes_overflows() {
            return None;
        }
        let scenario = |want: &Want| self.catalogue.scenario(want.claim.scenario);
        pour.take(|want| scenario(want).is_some_and(|scenario| scenario.takes.overflows()))
    }
}
