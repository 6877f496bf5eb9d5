//! Times: what a line claims ([`EventTime`], [`Stamp`]), Go's layouts and durations.

pub mod civil;
pub mod duration;
pub mod layout;
pub mod moment;
pub mod stamp;
pub mod zone;

use serde::{Deserialize, Serialize};

pub use duration::GoDuration;
pub use layout::Layout;
pub use moment::Moment;
pub use stamp::Stamp;
pub use zone::Zone;

/// What a log line claims. Unit: nanoseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct EventTime(pub i64);
