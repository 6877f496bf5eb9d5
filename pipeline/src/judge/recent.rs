//! The end of the outbox, in memory: outputs that keep up are handed what was decided, and need not
//! read it from the store. It is what the store says, so that it does not matter where an output reads.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use operators::alert::Alert;

use crate::emit::Told;

/// What it holds at most. Unit: bytes in the store, of which there are about three times as many here.
const MOST_BYTES: usize = 8 << 20;

/// An alert as it was made, with its decisions.
#[derive(Debug)]
pub struct Made {
    /// The alert.
    pub alert: Arc<Alert>,
    /// Who found it.
    pub machine: Arc<str>,
}

/// Something told, as long as it is remembered.
#[derive(Debug)]
pub struct Entry {
    /// The number of its last message.
    pub last: u64,
    /// What the outbox says.
    pub told: Told,
    /// The alert that it names.
    pub made: Option<Made>,
    /// What it counts. Unit: bytes.
    pub size: usize,
}

impl Entry {
    fn first(&self) -> u64 {
        (self.last + 1).saturating_sub(self.told.messages())
    }
}

/// What was told of late, without a gap. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Recent(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Kept {
    fn drop_first(&mut self) {
        if let Some(gone) = self.entries.pop_front() {
            self.bytes -= gone.size;
        }
    }
}

impl Recent {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what follows on the rest, and is in the store.
    pub(super) fn add(&self, entries: impl Iterator<Item = Entry>) {
        let mut kept = self.kept();
        for entry in entries {
            kept.bytes += entry.size;
            kept.entries.push_back(Arc::new(entry));
        }
        while kept.bytes > MOST_BYTES {
            kept.drop_first();
        }
    }

    /// Everything from what holds message `next` on; nothing where that is not remembered.
    pub fn from(&self, next: u64) -> Vec<Arc<Entry>> {
        let kept = self.kept();
        let begins = kept.entries.front().is_some_and(|entry| entry.first() <= next);
        let at = kept.entries.partition_point(|entry| entry.last < next);
        if begins { kept.entries.range(at..).cloned().collect() } else { Vec::new() }
    }

    /// Nobody needs what comes before message `next` any more.
    pub fn forget_before(&self, next: u64) {
        let mut kept = self.kept();
        while kept.entries.front().is_some_and(|entry| entry.last < next) {
            kept.drop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(last: u64, decisions: u64, size: usize) -> Entry {
        Entry { last, told: Told::Alert(last, last, decisions), made: None, size }
    }

    fn lasts(recent: &Recent, next: u64) -> Vec<u64> {
        recent.from(next).iter().map(|entry| entry.last).collect()
    }

    #[test]
    fn what_is_asked_for_is_given_without_a_gap_or_not_at_all() {
        let recent = Recent::default();
        assert!(lasts(&recent, 0).is_empty());
        // Messages 3 to 5, 6, 7 and 8.
        recent.add([entry(5, 2, 10), entry(6, 0, 10), entry(8, 1, 10)].into_iter());
        assert!(lasts(&recent, 2).is_empty());
        assert_eq!(lasts(&recent, 3), [5, 6, 8]);
        assert_eq!(lasts(&recent, 5), [5, 6, 8]);
        assert_eq!(lasts(&recent, 6), [6, 8]);
        assert_eq!(lasts(&recent, 8), [8]);
        assert!(lasts(&recent, 9).is_empty());
        recent.forget_before(6);
        assert!(lasts(&recent, 5).is_empty());
        assert_eq!(lasts(&recent, 6), [6, 8]);
        recent.forget_before(8);
        assert_eq!(lasts(&recent, 8), [8]);
    }

    #[test]
    fn the_oldest_goes_where_it_is_too_much() {
        let recent = Recent::default();
        recent.add((0..4).map(|last| entry(last, 0, MOST_BYTES / 3)));
        assert!(lasts(&recent, 0).is_empty());
        assert_eq!(lasts(&recent, 1), [1, 2, 3]);
        recent.add([entry(4, 0, 2 * MOST_BYTES)].into_iter());
        assert!(lasts(&recent, 4).is_empty());
        assert_eq!(recent.kept().bytes, 0);
    }
}
