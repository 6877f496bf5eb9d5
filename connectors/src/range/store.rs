//! What reading by ranges asks of a log store.

use std::ops;
use std::time::Duration;

use super::entry::Entry;

/// A stretch of time, its end excluded. Unit: nanoseconds since 1970.
pub(crate) type Range = ops::Range<i64>;

/// The first entries of a range.
#[derive(Debug)]
pub(crate) struct Page {
    /// Them, in any order. Fewer than asked for: there are no more in this range.
    pub(crate) entries: Vec<Entry>,
    /// The store's clock. Unit: seconds since 1970.
    pub(crate) served_at: Option<i64>,
}

/// A log store.
///
/// # Contract
/// * A page holds the first `limit` entries of the range by time; of those that share the last
///   time it may hold any (tested against the real store).
/// * `instant` holds all entries of one nanosecond (the same).
pub(crate) trait Store: Send {
    /// Asks for the first `limit` entries of `range`.
    fn page(
        &mut self,
        range: Range,
        limit: usize,
    ) -> impl Future<Output = Result<Page, Trouble>> + Send;

    /// Asks for everything of the nanosecond `time`, of which a page of `limit` is `known`.
    fn instant(
        &mut self,
        time: i64,
        known: Vec<Entry>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, Trouble>> + Send;
}

/// Why an answer cannot be used.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Ask again, not before `wait` if it says so.
    Again {
        /// What is wrong and what to do.
        reason: String,
        /// What the store asked for.
        wait: Option<Duration>,
    },
    /// Ask again for less.
    Narrower(String),
    /// Pages are at most so long.
    Limit(usize),
    /// A person must change the configuration.
    Never(String),
}
