//! How a live run keeps time: what it waits for, and how long.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use operators::time::EventTime;

/// The times of a live run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long lines wait for lanes that have nothing to say, where sources do not say otherwise;
    /// `None`: until they speak.
    pub hold: Option<Duration>,
    /// How long lines wait for sources that have not begun to read, or are in trouble.
    pub patience: Duration,
    /// How often what changed is kept; while there is more to read than is parsed, after two and a half
    /// times as long, so that what changes again is written once.
    pub epoch: Duration,
    /// How many epochs may be under way without being kept.
    pub ahead: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            hold: Some(Duration::from_millis(200)),
            patience: Duration::from_secs(10),
            epoch: Duration::from_millis(100),
            ahead: 4,
        }
    }
}

/// How often time goes on by itself while nothing comes.
pub const MARKER_EVERY: Duration = Duration::from_secs(1);

/// The present, as the host says.
pub fn wall() -> EventTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EventTime(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// What is left of `whole` since `since`; `None` where it is over.
pub fn left(whole: Duration, since: Instant, now: Instant) -> Option<Duration> {
    whole.checked_sub(now.saturating_duration_since(since)).filter(|left| !left.is_zero())
}
