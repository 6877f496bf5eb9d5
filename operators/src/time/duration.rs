//! Go durations: parsed and printed as `time.Duration` does.

/// A duration as hub files write it (`10s`, `1h30m`). Unit: nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub i64);
