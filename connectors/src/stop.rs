//! How a source learns that it should end: one switch for many threads and tasks.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// A switch that is thrown once. Clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Not thrown.
    pub fn new() -> Self {
        Self::default()
    }

    /// Throws it.
    pub fn now(&self) {
        self.0.cancel();
    }

    /// Whether it was thrown.
    pub fn is_set(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is thrown.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }

    /// Waits at most so long on a thread that is no task of `runtime`; whether it was thrown.
    pub fn wait_for(&self, runtime: &Handle, at_most: Duration) -> bool {
        self.is_set()
            || runtime.block_on(async { tokio::time::timeout(at_most, self.wait()).await.is_ok() })
    }

    /// A switch of its own that this one throws too.
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }
}
