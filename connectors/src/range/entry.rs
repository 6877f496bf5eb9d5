//! One entry of a log store: what it says, what makes it the same entry when it is read again, and
//! its place in the order. From a [`super::Store`], to the cursor.

use std::cmp::Ordering;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::labels::Labels;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Unit: nanoseconds since 1970.
    pub(crate) time: i64,
    /// Its stream, written the same whenever it is read.
    pub(crate) stream: Arc<str>,
    /// What else tells it from another entry of this time and stream with the same line.
    pub(crate) metadata: String,
    /// The line.
    pub(crate) line: String,
    /// Labels that go with the line.
    pub(crate) labels: Labels,
}

impl Entry {
    /// What it weighs in memory. Unit: bytes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.metadata.len() + self.line.len()
    }

    /// Its place in the order; equal ones are the same entry, several times.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let time = self.time.cmp(&other.time);
        time.then_with(|| self.stream.cmp(&other.stream))
            .then_with(|| self.line.cmp(&other.line))
            .then_with(|| self.metadata.cmp(&other.metadata))
    }

    /// Number by which it is known: the first eight bytes of a SHA-256, so that nobody can write a
    /// line that is taken for another. `occurrence` counts equal entries from 0.
    pub(crate) fn mark(&self, occurrence: u64) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.time.to_le_bytes());
        hash.update(occurrence.to_le_bytes());
        for part in [self.stream.as_bytes(), self.metadata.as_bytes(), self.line.as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(stream: &str, metadata: &str, line: &str) -> Entry {
        let labels = Arc::default();
        Entry {
            time: 7,
            stream: stream.into(),
            metadata: metadata.into(),
            line: line.into(),
            labels,
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let marks = [
            entry("ab", "c", "d").mark(0),
            entry("a", "bc", "d").mark(0),
            entry("a", "b", "cd").mark(0),
            entry("ab", "c", "d").mark(1),
        ];
        for (i, mark) in marks.iter().enumerate() {
            assert!(!marks[..i].contains(mark));
        }
        assert_eq!(entry("ab", "c", "d").mark(0), marks[0]);
    }
}
