//! Strings as events carry them: mostly slices of the line, so that parsing copies nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// A string in an event. [`Text::Slice`] only means something together with the raw line of the
/// event that holds it: see [`crate::event::Event::text`].
#[derive(Clone, Debug)]
pub enum Text {
    /// Bytes `start..end` of the event's raw line; both lie on character boundaries.
    Slice {
        /// First byte.
        start: u32,
        /// One past the last byte.
        end: u32,
    },
    /// A text of the rules: lives as long as the process.
    Static(&'static str),
    /// Any other text.
    Shared(Arc<str>),
}

impl Text {
    /// The empty text.
    pub const EMPTY: Self = Self::Static("");

    /// The characters, given the raw line of the event that holds this text.
    #[inline]
    pub fn resolve<'a>(&'a self, raw: &'a str) -> &'a str {
        match self {
            Self::Slice { start, end } => raw.get(*start as usize..*end as usize).unwrap_or(""),
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::EMPTY } else { Self::Shared(text.into()) }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::EMPTY } else { Self::Shared(text.into()) }
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}

/// A line within the block of text that it was read in: lines of a block share it.
#[derive(Clone)]
pub struct RawLine {
    block: Arc<str>,
    start: u32,
    end: u32,
}

impl RawLine {
    /// Bytes `start..end` of a block; an empty line where they do not lie on character boundaries.
    pub fn new(block: Arc<str>, start: u32, end: u32) -> Self {
        if block.get(start as usize..end as usize).is_some() {
            Self { block, start, end }
        } else {
            Self { block, start: 0, end: 0 }
        }
    }

    /// The characters.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.block.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

impl std::fmt::Debug for RawLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

impl From<&str> for RawLine {
    fn from(text: &str) -> Self {
        Self { block: text.into(), start: 0, end: u32::try_from(text.len()).unwrap_or(0) }
    }
}

static INTERNED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Keeps `text` for the life of the process and returns the one copy of it. For texts of rules
/// only: what is loaded again costs nothing, and clones are free of shared counters.
pub fn intern(text: &str) -> &'static str {
    let mut interned = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = interned.get(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.into());
    interned.insert(kept);
    kept
}
