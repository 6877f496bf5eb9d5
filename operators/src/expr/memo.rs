//! What was computed for the current content of the event.

use std::sync::Arc;

use regex::Regex;

use super::lines::Prepared;
use super::program::ExprId;

/// A key that no content has.
pub(super) const NEVER: u64 = u64::MAX;

/// Results that stay right until the event changes, and regular expressions that were built at
/// run time. One per worker: it serves one [`super::Program`] at a time.
#[derive(Debug, Default)]
pub struct Memo {
    program: u64,
    texts: Vec<Computed>,
    hits: Vec<Hits>,
    patterns: Vec<(Box<str>, Result<Regex, String>)>,
    raw: Option<Arc<str>>,
    lines: Vec<Option<Prepared>>,
    shared: Vec<Shared>,
}

/// The text that an expression gave for a version of the event.
#[derive(Clone, Debug)]
struct Shared {
    id: ExprId,
    version: u64,
    text: Arc<str>,
}

#[derive(Clone, Debug)]
struct Computed {
    key: u64,
    text: Option<Arc<str>>,
}

/// Which literals a string holds.
#[derive(Clone, Debug)]
struct Hits {
    key: u64,
    asked: u64,
    scanned: bool,
    bits: Vec<u64>,
    found: Vec<u32>,
}

/// How many regular expressions of run time are kept.
const MAX_PATTERNS: usize = 64;

/// Texts of how many expressions are kept. Few expressions name the buckets of an event, each of
/// them many.
const MAX_SHARED: usize = 8;

impl Memo {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for a program, forgetting any other.
    #[inline]
    pub(super) fn serve(&mut self, program: u64, sizes: (usize, usize, usize)) {
        if self.program != program {
            let (texts, hits, lines) = sizes;
            self.lines = vec![None; lines];
            self.program = program;
            self.shared.clear();
            self.texts = vec![Computed { key: NEVER, text: None }; texts];
            let empty =
                Hits { key: NEVER, asked: 0, scanned: false, bits: Vec::new(), found: Vec::new() };
            self.hits = vec![empty; hits];
        }
    }

    pub(super) fn text_key(&self, number: u32) -> u64 {
        self.texts.get(number as usize).map_or(NEVER, |computed| computed.key)
    }

    pub(super) fn set_text(&mut self, number: u32, key: u64, text: Option<Arc<str>>) {
        if let Some(computed) = self.texts.get_mut(number as usize) {
            *computed = Computed { key, text };
        }
    }

    pub(super) fn text(&self, number: u32) -> Option<&str> {
        self.texts.get(number as usize)?.text.as_deref()
    }

    /// Counts questions about a string; [`NEVER`] where it was scanned already.
    pub(super) fn ask(&mut self, haystack: u32, key: u64, questions: usize) -> u64 {
        let Some(hits) = self.hits.get_mut(haystack as usize) else { return 0 };
        if hits.key != key {
            hits.key = key;
            hits.asked = 0;
            hits.scanned = false;
        }
        if hits.scanned {
            return NEVER;
        }
        hits.asked += questions as u64;
        hits.asked
    }

    /// Keeps what a scan found.
    pub(super) fn set_hits(&mut self, haystack: u32, found: &[u32]) {
        let Some(hits) = self.hits.get_mut(haystack as usize) else { return };
        for old in hits.found.drain(..) {
            if let Some(word) = hits.bits.get_mut(old as usize / 64) {
                *word = 0;
            }
        }
        for id in found {
            let word = *id as usize / 64;
            if hits.bits.len() <= word {
                hits.bits.resize(word + 1, 0);
            }
            if let Some(bits) = hits.bits.get_mut(word)
                && *bits & (1 << (id % 64)) == 0
            {
                *bits |= 1 << (id % 64);
                hits.found.push(*id);
            }
        }
        hits.scanned = true;
    }

    /// Whether one of these literals was found.
    pub(super) fn hit(&self, haystack: u32, ids: &[u32], mask: &[u64]) -> bool {
        let Some(hits) = self.hits.get(haystack as usize) else { return false };
        let has = |bits: &[u64], id: u32| {
            bits.get(id as usize / 64).is_some_and(|word| word & (1 << (id % 64)) != 0)
        };
        if mask.is_empty() {
            ids.iter().any(|id| has(&hits.bits, *id))
        } else {
            hits.found.iter().any(|id| has(mask, *id))
        }
    }

    pub(super) fn lines(&self, number: u32) -> Option<&Prepared> {
        self.lines.get(number as usize)?.as_ref()
    }

    pub(super) fn set_lines(&mut self, number: u32, prepared: Prepared) {
        if let Some(lines) = self.lines.get_mut(number as usize) {
            *lines = Some(prepared);
        }
    }

    /// The text that an expression gave for this version of the event.
    pub(super) fn shared(&self, id: ExprId, version: u64) -> Option<Arc<str>> {
        let known = self.shared.iter().find(|known| known.id == id && known.version == version);
        known.map(|known| Arc::clone(&known.text))
    }

    pub(super) fn set_shared(&mut self, id: ExprId, version: u64, text: Arc<str>) {
        let new = Shared { id, version, text };
        match self.shared.iter_mut().find(|known| known.id == id) {
            Some(old) => *old = new,
            None => {
                if self.shared.len() == MAX_SHARED {
                    drop(self.shared.remove(0));
                }
                self.shared.push(new);
            }
        }
    }

    /// The raw line as a value: copied once a line.
    pub(super) fn raw(&mut self, line: &str) -> Arc<str> {
        match &self.raw {
            Some(known) if &**known == line => Arc::clone(known),
            _ => {
                let copy: Arc<str> = line.into();
                self.raw = Some(Arc::clone(&copy));
                copy
            }
        }
    }

    /// Whether a regular expression was asked for lately.
    pub(super) fn knows(&self, source: &str) -> bool {
        self.patterns.iter().any(|(known, _)| &**known == source)
    }

    /// A regular expression that was not known at load.
    pub(super) fn pattern(&mut self, source: &str) -> Result<&Regex, String> {
        let index = match self.patterns.iter().position(|(known, _)| &**known == source) {
            Some(index) => index,
            None => {
                if self.patterns.len() == MAX_PATTERNS {
                    drop(self.patterns.remove(0));
                }
                self.patterns.push((source.into(), super::pattern::compile(source)));
                self.patterns.len() - 1
            }
        };
        match self.patterns.get(index) {
            Some((_, Ok(regex))) => Ok(regex),
            Some((_, Err(error))) => Err(error.clone()),
            None => Err("the cache of regular expressions is empty".into()),
        }
    }
}
