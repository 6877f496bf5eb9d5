//! Crash points: steps between which a test wants the process to die as by `kill -9`. They exist in
//! builds with the feature `crash-points` alone; every other build passes them by.

/// Names the point and how often it is passed before: `NAME` or `NAME:TIMES`.
#[cfg(feature = "crash-points")]
const VARIABLE: &str = "SPILLWAY_CRASH_AT";

/// Dies here if the environment says so.
#[cfg(feature = "crash-points")]
pub fn point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, AtomicU64)>> = OnceLock::new();
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (name, times) = text.split_once(':').unwrap_or((&text, "0"));
        Some((name.to_owned(), AtomicU64::new(times.parse().unwrap_or(0))))
    });
    if let Some((wanted, times)) = wanted
        && wanted == name
        && times
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_err()
    {
        std::process::abort();
    }
}

/// Does nothing.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub fn point(_: &str) {}
