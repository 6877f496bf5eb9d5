//! The events that a bucket holds: the last of those poured, whatever has leaked since (crowdsec
//! pkg/pipeline/queue.go).

use std::collections::VecDeque;

use super::kept::Kept;

/// Held events, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    events: VecDeque<Kept>,
    /// How many have left, counted around.
    gone: u32,
}

impl Queue {
    /// Takes one more event; of a bounded queue the oldest make place, so that it holds
    /// `bound` + 1 events at most.
    pub fn add(&mut self, event: Kept, bound: Option<usize>) {
        if let Some(bound) = bound {
            while self.events.len() > bound {
                self.events.pop_front();
                self.gone = self.gone.wrapping_add(1);
            }
        }
        self.events.push_back(event);
    }

    /// The events, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.events.iter()
    }

    /// An event by its place from the oldest.
    pub fn get(&self, index: usize) -> Option<&Kept> {
        self.events.get(index)
    }

    /// The newest.
    pub fn last(&self) -> Option<&Kept> {
        self.events.back()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Number of the oldest among all that were ever added, counted around.
    pub(super) fn first_number(&self) -> u32 {
        self.gone
    }
}
