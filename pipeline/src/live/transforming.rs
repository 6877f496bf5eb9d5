//! Lines of a source on their way through its `transform`, before anything else sees them.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::Chunk;
use operators::lookup::Lookups;
use operators::origin::Origin;
use operators::parse::lines::LineSpan;
use operators::text::RawLine;

use crate::derive;
use crate::transform::{Transform, Transformer};

/// The transform of one lane.
#[derive(Debug)]
pub(super) struct Transforming {
    transform: Arc<Transform>,
    lookups: Arc<dyn Lookups>,
    /// Made for the last origin.
    made: Option<(Arc<Origin>, Transformer)>,
    /// What failed, and how often.
    failed: BTreeMap<String, u64>,
}

/// Reasons that are counted each for itself.
const MOST_REASONS: usize = 100;

/// Lines after a transform. `of` names the line of the chunk that each was made of.
#[derive(Debug)]
pub(super) struct Transformed {
    pub(super) text: Arc<str>,
    pub(super) spans: Vec<LineSpan>,
    pub(super) of: Vec<usize>,
}

impl Transforming {
    pub(super) fn new(transform: Arc<Transform>, lookups: Arc<dyn Lookups>) -> Self {
        Self { transform, lookups, made: None, failed: BTreeMap::new() }
    }

    /// The lines of `chunk`, each through the transform with its own origin. What fails stays as it
    /// is, is counted and told.
    pub(super) fn lines<'a>(
        &mut self,
        chunk: &Chunk,
        source: &str,
        origin: impl Fn(usize) -> Option<&'a Arc<Origin>>,
    ) -> Transformed {
        let (mut text, mut spans, mut of) = (String::new(), Vec::new(), Vec::new());
        for (number, span) in chunk.lines.iter().enumerate() {
            let Some(origin) = origin(number) else { continue };
            let raw = RawLine::new(Arc::clone(&chunk.text), span.start, span.end);
            let failed = &mut self.failed;
            let mut fault = |reason: &str| told(failed, source, reason);
            let transformer = match &mut self.made {
                Some((known, made)) if Arc::ptr_eq(known, origin) => made,
                made => {
                    let (transform, lookups) = (&self.transform, &self.lookups);
                    let (transform, lookups) = (Arc::clone(transform), Arc::clone(lookups));
                    let new = Transformer::new(transform, origin, lookups);
                    &mut made.insert((Arc::clone(origin), new)).1
                }
            };
            let derived = derive::record(transformer, &raw, &mut fault);
            for index in 0..derived.len() {
                let line = derived.get(index).unwrap_or_else(|reason| {
                    fault(&reason);
                    raw.as_str()
                });
                let start = derive::bound(text.len());
                text.push_str(line);
                let end = derive::bound(text.len());
                spans.push(LineSpan { start, end, position: span.offset });
                of.push(number);
            }
        }
        Transformed { text: text.into(), spans, of }
    }
}

/// Counts a failure; the first of its kind is told, then every one that doubles their number.
fn told(failed: &mut BTreeMap<String, u64>, source: &str, reason: &str) {
    if failed.len() >= MOST_REASONS && !failed.contains_key(reason) {
        return;
    }
    let times = failed.entry(reason.to_owned()).or_default();
    *times += 1;
    if times.is_power_of_two() {
        tracing::warn!(source, reason, times, "`transform` leaves a line as it is");
    }
}
