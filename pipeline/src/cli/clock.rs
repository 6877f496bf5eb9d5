//! `--now`: the only clock that rules see.

use std::time::{SystemTime, UNIX_EPOCH};

use operators::time::{EventTime, Stamp, layout};

/// Parses `--now`.
///
/// # Errors
/// It is no RFC 3339 time.
pub fn parse(text: &str) -> Result<Stamp, String> {
    let stamp = layout::parse_rfc3339(text);
    stamp.ok_or_else(|| "write it as RFC 3339, such as 2026-08-22T12:00:00Z".into())
}

/// The time of this host, to the second, as UTC.
pub fn present() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    Stamp::utc_at(EventTime(seconds * 1_000_000_000))
}
