//! What a worker changed between two seals, as the store is to keep it.

use serde::{Deserialize, Serialize};

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    /// A bucket.
    Bucket,
    /// A bucket that overflowed a short while ago and is ignored.
    Blackhole,
    /// When a bucket ends by itself.
    Deadline,
}

/// An entry of the store as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What it is about.
    pub subject: Subject,
    /// Its key.
    pub key: Box<[u8]>,
    /// Its value; `None` where it is gone.
    pub value: Option<Box<[u8]>>,
}

/// All changes of a worker since the last seal. Transport, not a promise; the bytes in it are one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The entries, each key once.
    pub entries: Vec<Change>,
}
