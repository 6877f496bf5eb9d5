//! The strategy `ARC` of a stash: adaptive replacement, between recency and frequency, with the
//! arithmetic of the cache that CrowdSec uses (github.com/bluele/gcache `arc.go`).
//!
//! Keys that were used once and keys that were used again stand in two lists, and the ghosts of
//! those that left in two more: a ghost that comes back says which list should have been longer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::recency::Recency;

/// Which keys a cache of a given size holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Adaptive {
    size: usize,
    once: Recency,
    again: Recency,
    once_ghosts: Recency,
    again_ghosts: Recency,
    /// How many keys that were used once are wanted.
    part: usize,
}

impl Adaptive {
    /// For `size` keys, at least one.
    pub(super) fn new(size: usize) -> Self {
        let list = Recency::default;
        let (once, again) = (list(), list());
        let (once_ghosts, again_ghosts) = (list(), list());
        Self { size, once, again, once_ghosts, again_ghosts, part: 0 }
    }

    /// A key that is held was read.
    pub(super) fn read(&mut self, key: &Arc<str>) {
        self.once.remove(key);
        self.again.touch(key);
    }

    /// A key that was held is over.
    pub(super) fn expire(&mut self, key: &Arc<str>) {
        if self.once.remove(key) {
            self.once_ghosts.touch(key);
        } else if self.again.remove(key) {
            self.again_ghosts.touch(key);
        }
    }

    /// A key is written; the one that leaves for it. One that is held already keeps its place.
    pub(super) fn write(&mut self, key: &Arc<str>) -> Option<Arc<str>> {
        if self.once.has(key) || self.again.has(key) {
            return None;
        }
        let (once, again) = (self.once_ghosts.len(), self.again_ghosts.len());
        if self.once_ghosts.has(key) {
            let more = self.part + (again / once.max(1)).max(1);
            return self.bring_back(key, more.min(self.size));
        }
        if self.again_ghosts.has(key) {
            let less = self.part.saturating_sub((once / again.max(1)).max(1));
            return self.bring_back(key, less);
        }
        let left = self.make_room(key);
        self.once.touch(key);
        left
    }

    fn is_full(&self) -> bool {
        self.once.len() + self.again.len() == self.size
    }

    fn bring_back(&mut self, key: &Arc<str>, part: usize) -> Option<Arc<str>> {
        if self.is_full() {
            self.part = part;
        }
        let left = self.replace(key);
        self.once_ghosts.remove(key);
        self.again_ghosts.remove(key);
        self.again.touch(key);
        left
    }

    /// Room for a key that nothing is known of.
    fn make_room(&mut self, key: &Arc<str>) -> Option<Arc<str>> {
        let once = self.once.len() + self.once_ghosts.len();
        if self.is_full() && once == self.size {
            if self.once.len() == self.size {
                return self.once.pop();
            }
            self.once_ghosts.pop();
            return self.replace(key);
        }
        let total = once + self.again.len() + self.again_ghosts.len();
        if total == 2 * self.size && self.again_ghosts.pop().is_none() {
            self.once_ghosts.pop();
        }
        self.replace(key)
    }

    /// Makes a ghost of a key that is held, if the cache is full.
    fn replace(&mut self, key: &Arc<str>) -> Option<Arc<str>> {
        if !self.is_full() {
            return None;
        }
        let once = self.once.len();
        let many = once > self.part || (once == self.part && self.again_ghosts.has(key));
        let from_once = (once > 0 && many) || self.again.len() == 0;
        let (held, ghosts) = match from_once {
            true => (&mut self.once, &mut self.once_ghosts),
            false => (&mut self.again, &mut self.again_ghosts),
        };
        let left = held.pop()?;
        ghosts.touch(&left);
        Some(left)
    }
}
