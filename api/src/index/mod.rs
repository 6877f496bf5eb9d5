//! The read side of the active view: immutable snapshots, swapped whole, read without a lock.
//!
//! ```text
//! store ─▶ active decisions ─┐
//!                            ├▶ writer ─▶ Snapshot ─▶ live queries, stream, blocklists
//! view  ─▶ longest by key  ──┘
//! ```
//!
//! Decisions lie in segments in the order of their numbers. Of their JSON what many have in common is
//! made ready once per segment; number, UUID, value and what is left of the time are each one's own.
//! A commit copies the segments that it touches and shares the rest.

pub mod lookup;
pub mod query;
pub mod removals;
pub mod segment;
pub mod snapshot;
mod sort;
pub mod stream;
pub mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::error::ApiError;

pub use snapshot::Snapshot;
pub use writer::{Update, Writer};

/// What readers hold.
#[derive(Debug)]
pub struct Index {
    current: ArcSwap<Snapshot>,
    /// Whether the view has caught up with the store.
    ready: AtomicBool,
    published: watch::Sender<u64>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            current: ArcSwap::default(),
            ready: AtomicBool::new(false),
            published: watch::Sender::new(0),
        }
    }
}

impl Index {
    /// The present snapshot.
    ///
    /// # Errors
    /// Not caught up with the store: an answer from half a view would unban the world.
    pub fn read(&self) -> Result<Arc<Snapshot>, ApiError> {
        match self.ready.load(Ordering::Acquire) {
            true => Ok(self.current.load_full()),
            false => Err(ApiError::unavailable(
                "the decisions are not loaded, or the store fails: try again",
            )),
        }
    }

    /// The present snapshot, whether or not it is all.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Whether it answers.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Says whether the view has caught up with the store and the store works.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Tells of each published sequence number.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }

    fn publish(&self, snapshot: Snapshot) {
        let seq = snapshot.seq;
        self.current.store(Arc::new(snapshot));
        self.published.send_replace(seq);
    }
}
