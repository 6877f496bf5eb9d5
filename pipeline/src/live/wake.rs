//! Wakes the worker that reads, from any thread: sources when something arrives, the keeper when
//! something is kept, signals.

use std::sync::{Arc, Mutex, PoisonError};

use timely::scheduling::SyncActivator;

/// A bell that rings at whichever worker reads now. Clones are the same bell.
#[derive(Clone, Default)]
pub struct Waking(Arc<Mutex<Option<SyncActivator>>>);

impl std::fmt::Debug for Waking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waking")
    }
}

impl Waking {
    /// From now on it rings there.
    pub fn wakes(&self, reader: SyncActivator) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader);
    }

    /// Rings. Where nobody reads, nobody needs to hear it.
    pub fn ring(&self) {
        if let Some(reader) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = reader.activate();
        }
    }
}
