//! Merges source partitions into *the* order, taking from each only as much as the order needs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::clock::PartitionClock;
use super::{OrderKey, Partition};
use crate::time::EventTime;

/// What the merge can do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// The next item of all.
    Item(OrderKey, T),
    /// The next item may come from this partition: more of it is needed first.
    Wants(Partition),
    /// All partitions ended.
    End,
}

#[derive(Debug)]
struct Queue<T> {
    clock: PartitionClock<(u64, T)>,
    ready: VecDeque<(OrderKey, T)>,
    position: u64,
    ended: bool,
}

impl<T> Queue<T> {
    /// Nothing that is still to come from this partition stands before this key.
    fn bound(&self, partition: Partition) -> OrderKey {
        match self.ready.front() {
            Some((key, _)) => *key,
            None => {
                let clock = self.clock.now().unwrap_or(EventTime(i64::MIN));
                OrderKey { clock, partition, position: self.position }
            }
        }
    }
}

/// A merge of partitions; each delivers its lines in its own order.
#[derive(Debug)]
pub struct Merge<T> {
    queues: BTreeMap<Partition, Queue<T>>,
    heap: BinaryHeap<Reverse<(OrderKey, Partition)>>,
    clock: EventTime,
    /// Stray stamps of partitions that ended.
    strays: u64,
}

impl<T> Merge<T> {
    /// A merge of these partitions.
    pub fn new(partitions: impl IntoIterator<Item = Partition>) -> Self {
        let clock = EventTime(i64::MIN);
        let mut merge = Self { queues: BTreeMap::new(), heap: BinaryHeap::new(), clock, strays: 0 };
        for partition in partitions {
            let clock = PartitionClock::default();
            let queue = Queue { clock, ready: VecDeque::new(), position: 0, ended: false };
            merge.heap.push(Reverse((queue.bound(partition), partition)));
            merge.queues.insert(partition, queue);
        }
        merge
    }

    /// The next line of a partition: its position and stamp, and what of it is to be ordered.
    pub fn line(
        &mut self,
        partition: Partition,
        position: u64,
        stamp: Option<EventTime>,
        item: Option<T>,
    ) {
        let Some(queue) = self.queues.get_mut(&partition) else { return };
        queue.position = position;
        let ready = &mut queue.ready;
        queue.clock.line(
            stamp,
            item.map(|item| (position, item)),
            &mut |clock, (position, item)| {
                ready.push_back((OrderKey { clock, partition, position }, item));
            },
        );
    }

    /// A partition has no more lines.
    pub fn end(&mut self, partition: Partition) {
        let Some(queue) = self.queues.get_mut(&partition) else { return };
        queue.ended = true;
        let ready = &mut queue.ready;
        queue.clock.end(&mut |clock, (position, item)| {
            ready.push_back((OrderKey { clock, partition, position }, item));
        });
    }

    /// The running maximum of a partition.
    pub fn partition_clock(&self, partition: Partition) -> Option<EventTime> {
        self.queues.get(&partition).and_then(|queue| queue.clock.now())
    }

    /// The merged clock: no item that is still to come has an earlier one. At the end, the clock
    /// of the last line.
    pub fn clock(&self) -> EventTime {
        self.clock
    }

    /// Stamps that the clocks did not follow, so far.
    pub fn strays(&self) -> u64 {
        let open = self.queues.values().map(|queue| queue.clock.strays());
        self.strays + open.sum::<u64>()
    }

    /// The next item, if it is certain.
    pub fn pop(&mut self) -> Next<T> {
        while let Some(Reverse((known, partition))) = self.heap.pop() {
            let Some(queue) = self.queues.get_mut(&partition) else { continue };
            let bound = queue.bound(partition);
            // Also of a partition that ended: its clock counts when it is the earliest.
            if bound > known {
                self.heap.push(Reverse((bound, partition)));
                continue;
            }
            if queue.ready.is_empty() && queue.ended {
                self.clock = self.clock.max(bound.clock);
                self.strays += queue.clock.strays();
                self.queues.remove(&partition);
                continue;
            }
            self.clock = self.clock.max(bound.clock);
            let item = queue.ready.pop_front();
            self.heap.push(Reverse((queue.bound(partition), partition)));
            return match item {
                Some((key, item)) => Next::Item(key, item),
                None => Next::Wants(partition),
            };
        }
        Next::End
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pulls everything through a merge, `chunk` lines at a time.
    fn merged(inputs: &[Vec<i64>], chunk: usize) -> Vec<(u32, u64)> {
        let partition = |at: usize| Partition(u32::try_from(at).unwrap());
        let mut merge = Merge::new((0..inputs.len()).map(partition));
        let mut given = vec![0; inputs.len()];
        let mut out = Vec::new();
        loop {
            match merge.pop() {
                Next::Item(key, ()) => out.push((key.partition.0, key.position)),
                Next::End => return out,
                Next::Wants(wanted) => {
                    let at = wanted.0 as usize;
                    let from = given[at];
                    given[at] = (from + chunk).min(inputs[at].len());
                    for (line, stamp) in (from..).zip(&inputs[at][from..given[at]]) {
                        merge.line(wanted, line as u64, Some(EventTime(*stamp)), Some(()));
                    }
                    if from == given[at] {
                        merge.end(wanted);
                    }
                }
            }
        }
    }

    #[test]
    fn partitions_are_merged_by_their_clocks() {
        let inputs = [vec![1, 4, 2, 9], vec![3, 4, 5]];
        let expected = [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1), (1, 2), (0, 3)];
        assert_eq!(merged(&inputs, 1), expected);
    }

    #[test]
    fn the_clock_does_not_run_ahead_with_a_partition_that_ends() {
        let (early, late) = (Partition(0), Partition(1));
        let mut merge = Merge::new([early, late]);
        let at = |clock| Some(EventTime(clock));
        merge.line(early, 0, at(1), Some(()));
        assert_eq!(merge.pop(), Next::Wants(early));
        merge.line(early, 1, at(2), None);
        merge.line(late, 0, at(1), Some(()));
        merge.line(late, 1, at(5), Some(()));
        while let Next::Item(..) = merge.pop() {}
        // All the rest of the first one comes at once: lines that pour nothing, and the end.
        merge.line(early, 2, at(100), None);
        merge.end(early);
        assert!(matches!(merge.pop(), Next::Item(OrderKey { clock: EventTime(5), .. }, ())));
        assert_eq!(merge.pop(), Next::Wants(late));
        assert_eq!(merge.clock(), EventTime(5));
        merge.line(late, 2, at(7), Some(()));
        merge.end(late);
        assert!(matches!(merge.pop(), Next::Item(OrderKey { clock: EventTime(7), .. }, ())));
        assert_eq!(merge.pop(), Next::End);
        assert_eq!(merge.clock(), EventTime(100));
    }

    #[test]
    fn the_size_of_chunks_does_not_matter() {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i64::try_from(state >> 50).unwrap()
        };
        let inputs: Vec<Vec<i64>> = (0..5).map(|_| (0..50).map(|_| next()).collect()).collect();
        let whole = merged(&inputs, 50);
        assert_eq!(whole.len(), 250);
        for chunk in [1, 2, 3, 7] {
            assert_eq!(merged(&inputs, chunk), whole);
        }
    }
}
