//! An instant with the offset that it was written with, as Go's `time.Time`.

use serde::{Deserialize, Serialize};

use super::EventTime;

/// An instant and its zone. Two stamps are equal when their instants are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Stamp {
    /// The instant.
    pub at: EventTime,
    /// Seconds east of UTC.
    pub offset: i32,
    /// Whether it was written (or made) as UTC: printed as `Z`, named `UTC`.
    pub utc: bool,
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl Eq for Stamp {}
