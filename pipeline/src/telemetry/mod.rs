//! What the service says of itself: its log and its metrics.

pub mod compat;
pub mod exposition;
pub mod lapi;
pub mod log;
pub mod metrics;
pub mod traces;
