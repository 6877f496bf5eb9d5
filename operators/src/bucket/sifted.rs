//! For which of the events that a bucket holds each predicate of its conditions holds: every event is
//! asked once, when it comes. Follows from the events alone, so that it is nothing to be kept.

use std::collections::VecDeque;

use super::kept::Kept;
use super::queue::Queue;

/// Events that predicates let through.
#[derive(Clone, Debug, Default)]
pub struct Sifted {
    /// Number of the first event that was not asked yet.
    next: u32,
    /// Numbers of the events that each predicate lets through, ascending.
    passed: Vec<VecDeque<u32>>,
}

impl Sifted {
    /// Asks the new events of `queue`: `lets` says which of so many predicates hold for one.
    pub fn update(
        &mut self,
        queue: &Queue,
        predicates: usize,
        mut lets: impl FnMut(&Kept, usize) -> bool,
    ) {
        self.passed.resize_with(predicates, VecDeque::new);
        let first = queue.first_number();
        let length = u32::try_from(queue.len()).unwrap_or(u32::MAX);
        for passed in &mut self.passed {
            // What has left the queue lies behind all that is in it.
            while passed.front().is_some_and(|number| number.wrapping_sub(first) >= length) {
                passed.pop_front();
            }
        }
        let asked = self.next.wrapping_sub(first);
        let from = if asked <= length { asked } else { 0 };
        for (place, kept) in (from..length).zip(queue.iter().skip(from as usize)) {
            for (predicate, passed) in self.passed.iter_mut().enumerate() {
                if lets(kept, predicate) {
                    passed.push_back(first.wrapping_add(place));
                }
            }
        }
        self.next = first.wrapping_add(length);
    }

    /// How many events a predicate lets through.
    pub fn count(&self, predicate: usize) -> usize {
        self.passed.get(predicate).map_or(0, VecDeque::len)
    }

    /// The place in `queue` of one of them.
    pub fn place(&self, queue: &Queue, predicate: usize, index: usize) -> Option<usize> {
        let number = self.passed.get(predicate)?.get(index)?;
        usize::try_from(number.wrapping_sub(queue.first_number())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sifted_bit_by_bit_is_what_sifting_all_gives(
            events in prop::collection::vec((any::<u8>(), any::<bool>()), 0..60),
            bound in prop::option::of(0..5_usize),
        ) {
            let lets = |kept: &Kept, predicate: usize| kept.as_bytes()[0] & (1 << predicate) != 0;
            let (mut queue, mut sifted) = (Queue::default(), Sifted::default());
            for (event, ask) in events {
                queue.add(Kept::from_bytes(&[event]), bound);
                if !ask {
                    continue;
                }
                sifted.update(&queue, 2, lets);
                for predicate in 0..2 {
                    let all = queue.iter().enumerate();
                    let passed = all.filter(|(_, kept)| lets(kept, predicate));
                    let wanted: Vec<_> = passed.map(|(place, _)| Some(place)).collect();
                    let count = sifted.count(predicate);
                    let places = (0..count).map(|index| sifted.place(&queue, predicate, index));
                    prop_assert_eq!(places.collect::<Vec<_>>(), wanted);
                }
            }
        }
    }
}
