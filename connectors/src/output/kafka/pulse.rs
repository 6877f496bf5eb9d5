//! Whether a thread gets on: calls of the Kafka client may hang when brokers go away in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Beats while a thread gets on. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// Something was done, or is begun.
    pub(super) fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it has beaten.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
