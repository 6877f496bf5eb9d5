//! Merges source partitions into *the* order, taking from each only as much as the order needs.
//!
//! A replay waits for every partition. A live run may *park* one that has nothing to say: the order
//! goes on without it, and what it brings later stands behind what was ordered meanwhile.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::clock::{Claim, PartitionClock, Placed};
use crate::place::{OrderKey, Partition};
use crate::time::EventTime;

/// What the merge can do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// The next item of all.
    Item(OrderKey, T),
    /// The next item may come from this partition: more of it is needed first.
    Wants(Partition),
    /// All partitions ended or are parked, and nothing waits.
    End,
}

/// How far a partition is in the order: what a later run needs to go on with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Every line before this position is through.
    pub next: u64,
    /// The clock before the line there.
    pub clock: Option<EventTime>,
    /// Whether its lines come long after they were written; see [`super::arrival`].
    pub is_old: bool,
}

#[derive(Debug)]
struct Queue<T> {
    clock: PartitionClock<T>,
    ready: VecDeque<Ready<T>>,
    /// Position of the last line.
    position: u64,
    /// The position behind the last line.
    next: u64,
    /// Nothing of this partition may be ordered before this any more.
    floor: OrderKey,
    parked: bool,
    ended: bool,
}

#[derive(Debug)]
struct Ready<T> {
    key: OrderKey,
    before: Option<EventTime>,
    item: T,
}

impl<T> Ready<T> {
    /// An item at its place, or behind `floor` where its place has passed.
    fn new(placed: Placed<T>, partition: Partition, floor: OrderKey, late: &mut u64) -> Self {
        let Placed { position, clock, before, item } = placed;
        let natural = OrderKey { clock, partition, position, part: 0 };
        let key = if natural >= floor { natural } else { natural.behind(floor) };
        *late += u64::from(natural < floor);
        Self { key, before, item }
    }
}

impl<T> Queue<T> {
    fn new(from: Settled) -> Self {
        Self {
            clock: PartitionClock::starting_at(from.clock),
            ready: VecDeque::new(),
            position: 0,
            next: from.next,
            floor: OrderKey::FIRST,
            parked: false,
            ended: false,
        }
    }

    /// Nothing that is still to come from this partition stands before this key.
    fn bound(&self, partition: Partition) -> OrderKey {
        match self.ready.front() {
            Some(ready) => ready.key,
            None => {
                let clock = self.clock.now().unwrap_or(EventTime(i64::MIN));
                let position = self.position;
                self.floor.max(OrderKey { clock, partition, position, part: 0 })
            }
        }
    }

    fn settled(&self) -> Settled {
        let (next, clock) = match (self.ready.front(), self.clock.holds()) {
            (Some(ready), _) => (ready.key.position, ready.before),
            (None, Some(doubtful)) => (doubtful, self.clock.now()),
            (None, None) => (self.next, self.clock.now()),
        };
        Settled { next, clock, is_old: false }
    }
}

/// A merge of partitions; each delivers its lines in its own order.
#[derive(Debug)]
pub struct Merge<T> {
    queues: BTreeMap<Partition, Queue<T>>,
    heap: BinaryHeap<Reverse<(OrderKey, Partition)>>,
    /// The latest that was ordered.
    present: OrderKey,
    clock: EventTime,
    /// Stray stamps of partitions that ended.
    strays: u64,
    late: u64,
    /// Items that are not ordered yet.
    waiting: usize,
    /// Partitions that ended and are through, until somebody asks.
    through: Vec<(Partition, Settled)>,
}

impl<T> Merge<T> {
    /// A merge of these partitions.
    pub fn new(partitions: impl IntoIterator<Item = Partition>) -> Self {
        let mut merge = Self::going_on(OrderKey::FIRST);
        for partition in partitions {
            merge.open(partition, Settled::default());
        }
        merge
    }

    /// A merge without partitions that goes on behind what an earlier run ordered.
    pub fn going_on(present: OrderKey) -> Self {
        Self {
            queues: BTreeMap::new(),
            heap: BinaryHeap::new(),
            present,
            clock: present.clock,
            strays: 0,
            late: 0,
            waiting: 0,
            through: Vec::new(),
        }
    }

    /// Takes a partition in, which goes on from where an earlier run left it.
    pub fn open(&mut self, partition: Partition, from: Settled) {
        let mut queue = Queue::new(from);
        queue.floor = self.present;
        self.heap.push(Reverse((queue.bound(partition), partition)));
        self.queues.insert(partition, queue);
    }

    /// The next line of a partition: its position and time, and what of it is to be ordered.
    pub fn line(&mut self, partition: Partition, (position, claim): (u64, Claim), item: Option<T>) {
        let Some(queue) = self.queues.get_mut(&partition) else { return };
        queue.position = position;
        queue.next = position.saturating_add(1);
        if std::mem::take(&mut queue.parked) {
            queue.floor = self.present;
            self.heap.push(Reverse((queue.bound(partition), partition)));
        }
        let (ready, floor, late) = (&mut queue.ready, queue.floor, &mut self.late);
        let waiting = &mut self.waiting;
        queue.clock.line((position, claim), item, &mut |placed| {
            *waiting += 1;
            ready.push_back(Ready::new(placed, partition, floor, late));
        });
    }

    /// A partition has no more lines.
    pub fn end(&mut self, partition: Partition) {
        let Some(queue) = self.queues.get_mut(&partition) else { return };
        queue.ended = true;
        if std::mem::take(&mut queue.parked) {
            queue.floor = self.present;
            self.heap.push(Reverse((queue.bound(partition), partition)));
        }
        let (ready, floor, late) = (&mut queue.ready, queue.floor, &mut self.late);
        let waiting = &mut self.waiting;
        queue.clock.end(&mut |placed| {
            *waiting += 1;
            ready.push_back(Ready::new(placed, partition, floor, late));
        });
    }

    /// Goes on without a partition that is wanted; its next line brings it back. A stamp that waits
    /// for confirmation there has waited long enough.
    pub fn park(&mut self, partition: Partition) -> bool {
        let Some(queue) = self.queues.get_mut(&partition) else { return false };
        let waited = queue.clock.holds().is_some();
        let (ready, floor, late) = (&mut queue.ready, queue.floor, &mut self.late);
        let waiting = &mut self.waiting;
        queue.clock.end(&mut |placed| {
            *waiting += 1;
            ready.push_back(Ready::new(placed, partition, floor, late));
        });
        queue.parked = queue.ready.is_empty() && !queue.ended;
        waited
    }

    /// Time goes on without lines: whatever is still to come stands behind `clock`.
    pub fn advance(&mut self, clock: EventTime) {
        self.present = self.present.max(OrderKey::at_deadline(clock));
        self.clock = self.clock.max(clock);
    }

    /// The running maximum of a partition.
    pub fn partition_clock(&self, partition: Partition) -> Option<EventTime> {
        self.queues.get(&partition).and_then(|queue| queue.clock.now())
    }

    /// Partitions that ended and are through, since the last call.
    pub fn take_through(&mut self) -> Vec<(Partition, Settled)> {
        std::mem::take(&mut self.through)
    }

    /// The same or, before it, the stamp that waits for confirmation.
    pub fn likely_clock(&self, partition: Partition) -> Option<EventTime> {
        self.queues.get(&partition).and_then(|queue| queue.clock.likely())
    }

    /// How far a partition is; `None` for one that is not open, or is through.
    pub fn settled(&self, partition: Partition) -> Option<Settled> {
        self.queues.get(&partition).map(Queue::settled)
    }

    /// The merged clock: no item that is still to come has an earlier one. At the end, the clock
    /// of the last line.
    pub fn clock(&self) -> EventTime {
        self.clock
    }

    /// The latest that was ordered.
    pub fn present(&self) -> OrderKey {
        self.present
    }

    /// Stamps that the clocks did not follow, so far.
    pub fn strays(&self) -> u64 {
        let open = self.queues.values().map(|queue| queue.clock.strays());
        self.strays + open.sum::<u64>()
    }

    /// Items that came when the order had gone on without their partition, so far.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Items that others must come before.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// The next item, if it is certain.
    pub fn pop(&mut self) -> Next<T> {
        while let Some(Reverse((known, partition))) = self.heap.pop() {
            let Some(queue) = self.queues.get_mut(&partition) else { continue };
            if queue.parked {
                continue;
            }
            let bound = queue.bound(partition);
            // Also of a partition that ended: its clock counts when it is the earliest.
            if bound > known {
                self.heap.push(Reverse((bound, partition)));
                continue;
            }
            if queue.ready.is_empty() && queue.ended {
                self.clock = self.clock.max(bound.clock);
                self.strays += queue.clock.strays();
                self.through.push((partition, queue.settled()));
                self.queues.remove(&partition);
                continue;
            }
            self.clock = self.clock.max(bound.clock);
            let ready = queue.ready.pop_front();
            self.heap.push(Reverse((queue.bound(partition), partition)));
            return match ready {
                Some(Ready { key, item, .. }) => {
                    self.present = self.present.max(key);
                    self.waiting -= 1;
                    Next::Item(key, item)
                }
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
                    let lane = wanted.0 as usize;
                    let from = given[lane];
                    given[lane] = (from + chunk).min(inputs[lane].len());
                    for (line, stamp) in (from..).zip(&inputs[lane][from..given[lane]]) {
                        merge.line(wanted, (line as u64, at(*stamp)), Some(()));
                    }
                    if from == given[lane] {
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
        merge.line(early, (0, at(1)), Some(()));
        assert_eq!(merge.pop(), Next::Wants(early));
        merge.line(early, (1, at(2)), None);
        merge.line(late, (0, at(1)), Some(()));
        merge.line(late, (1, at(5)), Some(()));
        while let Next::Item(..) = merge.pop() {}
        // All the rest of the first one comes at once: lines that pour nothing, and the end.
        merge.line(early, (2, at(100)), None);
        merge.end(early);
        assert!(matches!(merge.pop(), Next::Item(OrderKey { clock: EventTime(5), .. }, ())));
        assert_eq!(merge.pop(), Next::Wants(late));
        assert_eq!(merge.clock(), EventTime(5));
        merge.line(late, (2, at(7)), Some(()));
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

    fn at(clock: i64) -> Claim {
        Claim::Doubtful(EventTime(clock))
    }

    #[test]
    fn a_parked_partition_holds_nothing_up_and_comes_back_behind() {
        let (busy, silent) = (Partition(1), Partition(0));
        let mut merge = Merge::new([silent, busy]);
        merge.line(busy, (0, at(5)), Some("a"));
        merge.line(busy, (1, at(5)), Some("b"));
        assert_eq!(merge.pop(), Next::Wants(silent));
        merge.park(silent);
        let key = |clock, partition, position| OrderKey {
            clock: EventTime(clock),
            partition,
            position,
            part: 0,
        };
        assert_eq!(merge.pop(), Next::Item(key(5, busy, 0), "a"));
        merge.line(silent, (0, at(3)), Some("late"));
        merge.line(silent, (1, at(7)), Some("in time"));
        assert_eq!(merge.pop(), Next::Item(key(5, busy, 1), "b"), "the order stays one");
        assert_eq!(merge.pop(), Next::Wants(busy));
        merge.park(busy);
        assert_eq!(merge.pop(), Next::Item(key(6, silent, 0), "late"));
        assert_eq!(merge.pop(), Next::Item(key(7, silent, 1), "in time"));
        assert_eq!(merge.late(), 1);
    }

    #[test]
    fn time_that_went_on_is_not_taken_back() {
        let only = Partition(0);
        let mut merge = Merge::new([only]);
        merge.line(only, (0, at(5)), Some("a"));
        assert_eq!(merge.pop(), Next::Wants(only), "a first stamp is doubtful");
        merge.park(only);
        assert!(matches!(merge.pop(), Next::Item(..)), "and stands when nothing follows");
        assert_eq!(merge.pop(), Next::Wants(only));
        merge.park(only);
        merge.advance(EventTime(9));
        assert_eq!((merge.clock(), merge.pop()), (EventTime(9), Next::End));
        merge.line(only, (1, at(8)), Some("b"));
        let Next::Item(order, _) = merge.pop() else { panic!("an item") };
        assert_eq!(order.clock, EventTime(10));
    }

    /// Reads `inputs` from where `from` says, and pops until `most` items are out.
    fn run(
        inputs: &[Vec<(Option<i64>, bool)>],
        from: (OrderKey, &[Settled]),
        most: usize,
    ) -> (Vec<OrderKey>, OrderKey, Vec<Settled>) {
        let mut merge = Merge::going_on(from.0);
        let partition = |at: usize| Partition(u32::try_from(at).unwrap());
        for (at, from) in from.1.iter().enumerate() {
            merge.open(partition(at), *from);
        }
        let mut given: Vec<_> =
            from.1.iter().map(|from| usize::try_from(from.next).unwrap()).collect();
        let mut out = Vec::new();
        while out.len() < most {
            match merge.pop() {
                Next::Item(key, ()) => out.push(key),
                Next::End => break,
                Next::Wants(wanted) => {
                    let lane = wanted.0 as usize;
                    match inputs[lane].get(given[lane]) {
                        None => merge.end(wanted),
                        Some((stamp, pours)) => {
                            let claim = stamp.map_or(Claim::Nothing, at);
                            merge.line(wanted, (given[lane] as u64, claim), pours.then_some(()));
                            given[lane] += 1;
                        }
                    }
                }
            }
        }
        let through =
            |lane: usize| Settled { next: inputs[lane].len() as u64, ..Settled::default() };
        let settled = (0..inputs.len())
            .map(|lane| merge.settled(partition(lane)).unwrap_or_else(|| through(lane)));
        (out, merge.present(), settled.collect())
    }

    #[test]
    fn going_on_from_anywhere_gives_the_same_order() {
        let mut state = 11_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let day = super::super::clock::STRAY;
        let mut line = |at: usize| {
            let stray = if next(12) == 0 { 3 * day } else { 0 };
            let stamp = i64::try_from(at / 2).unwrap() + stray;
            ((next(5) > 0).then_some(stamp), next(3) > 0)
        };
        let inputs: Vec<Vec<_>> = (0..3).map(|_| (0..40).map(&mut line).collect()).collect();
        let start = vec![Settled::default(); 3];
        let (whole, ..) = run(&inputs, (OrderKey::FIRST, &start), usize::MAX);
        assert!(whole.len() > 50);
        for cut in 0..whole.len() {
            let (first, present, settled) = run(&inputs, (OrderKey::FIRST, &start), cut);
            let (rest, ..) = run(&inputs, (present, &settled), usize::MAX);
            assert_eq!([first, rest].concat(), whole, "cut after {cut}");
        }
    }
}
