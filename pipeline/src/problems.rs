//! What went wrong while inputs were read.

use std::collections::BTreeMap;

use connectors::{Chunk, ReadError};
use operators::fault::Faults;

/// What went wrong with inputs, in the order in which it was seen.
#[derive(Debug, Default)]
pub struct Problems {
    /// Inputs that could not be read, or not to their end.
    pub errors: Vec<ReadError>,
    /// Rejected lines by reason.
    pub rejects: BTreeMap<&'static str, u64>,
    /// Lines with invalid UTF-8, which was replaced.
    pub repaired: u64,
    /// What failed in transforms, by number of the input.
    pub faults: Faults,
}

impl Problems {
    /// Counts what was not taken of a chunk, or not as it was.
    pub fn count(&mut self, chunk: &Chunk) {
        for reject in &chunk.rejects {
            self.rejected(reject.reason.as_str());
        }
        self.repaired += chunk.repaired as u64;
    }

    /// Counts a line that was not taken.
    pub fn rejected(&mut self, reason: &'static str) {
        *self.rejects.entry(reason).or_default() += 1;
    }
}
