//! Brings parsed lines into *the* order, asking the source for what the order needs next.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;
use timely::scheduling::Activator;

use super::Partition;
use super::batch::{Batch, Via};
use super::merge::{Merge, Next};
use crate::bucket::Pour;
use crate::detector::{Detector, Place, Verdict};
use crate::epoch::Epoch;
use crate::parse::lines::{Found, Parsed, Tally};
use crate::parse::stash::Stashes;
use crate::text::RawLine;
use crate::time::EventTime;

/// Blocks that the order asks the source for, and what it says of its progress. Lives on the
/// worker that reads.
#[derive(Debug, Default)]
pub struct Demand {
    /// The partition whose next block is needed before anything else.
    pub wanted: Option<Partition>,
    /// Blocks taken so far, by partition.
    pub taken: BTreeMap<Partition, u64>,
    /// Blocks parsed so far, by worker.
    pub done: Vec<u64>,
    /// The epoch that new blocks belong to.
    pub epoch: Epoch,
    /// What was counted so far.
    pub tally: Tally,
    /// The clock of the merge.
    pub clock: Option<EventTime>,
    /// Stamps that the clocks did not follow.
    pub strays: u64,
}

/// Puts blocks of partitions into one order, as pure logic.
#[derive(Debug)]
pub struct Sequencer {
    merge: Merge<Vec<Pour>>,
    detector: Detector,
    stashes: BTreeMap<Partition, Stashes>,
    early: BTreeMap<(Partition, u64), Parsed>,
    taken: BTreeMap<Partition, u64>,
    done: Vec<u64>,
    tally: Tally,
}

impl Sequencer {
    /// A sequencer of these partitions; the detector parses what needs the stash.
    pub fn new(partitions: impl IntoIterator<Item = Partition>, detector: Detector) -> Self {
        Self {
            merge: Merge::new(partitions),
            detector,
            stashes: BTreeMap::new(),
            early: BTreeMap::new(),
            taken: BTreeMap::new(),
            done: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Takes a block, in any order of blocks.
    pub fn take(&mut self, parsed: Parsed) {
        let partition = parsed.partition;
        add_one(&mut self.done, parsed.worker);
        self.early.insert((partition, parsed.number), parsed);
        loop {
            let next = self.taken.entry(partition).or_default();
            let Some(parsed) = self.early.remove(&(partition, *next)) else { return };
            *next += 1;
            self.feed(parsed);
        }
    }

    fn feed(&mut self, parsed: Parsed) {
        self.tally.add(&parsed.tally);
        let mut found = parsed.found.into_iter().peekable();
        for (number, (position, stamp)) in (0_u32..).zip(parsed.stamps) {
            let (stamp, pours) = match found.next_if(|(line, _)| *line == number) {
                None => (stamp, None),
                Some((_, Found::Pours(pours))) => (stamp, Some(pours)),
                Some((_, Found::Later(span))) => {
                    let Some(block) = &parsed.block else { continue };
                    let raw = RawLine::new(Arc::clone(block), span.start, span.end);
                    self.parse_in_order(raw, Place { partition: parsed.partition, position })
                }
            };
            self.merge.line(parsed.partition, position, stamp, pours);
        }
        if parsed.last {
            self.merge.end(parsed.partition);
        }
    }

    fn parse_in_order(
        &mut self,
        raw: RawLine,
        place: Place,
    ) -> (Option<EventTime>, Option<Vec<Pour>>) {
        let caches = &self.detector.rules().caches;
        let stash = self.stashes.entry(place.partition).or_insert_with(|| Stashes::new(caches));
        stash.advance(self.merge.partition_clock(place.partition));
        match self.detector.line(raw, place, Some(stash), &mut self.tally) {
            Verdict::Done { stamp, pours } => (stamp, (!pours.is_empty()).then_some(pours)),
            Verdict::WantsStash => (None, None),
        }
    }

    /// Appends what is certain to `pours`; the partition that is needed next, `None` at the end.
    pub fn drain(&mut self, pours: &mut Vec<(Via, Pour)>) -> Option<Partition> {
        loop {
            match self.merge.pop() {
                Next::Item(order, items) => pours.extend(items.into_iter().map(|mut pour| {
                    pour.order = order;
                    (Via::default(), pour)
                })),
                Next::Wants(partition) => return Some(partition),
                Next::End => return None,
            }
        }
    }

    /// The merged clock.
    pub fn clock(&self) -> EventTime {
        self.merge.clock()
    }
}

fn add_one(counts: &mut Vec<u64>, worker: u64) {
    let Ok(at) = usize::try_from(worker) else { return };
    if counts.len() <= at {
        counts.resize(at + 1, 0);
    }
    if let Some(count) = counts.get_mut(at) {
        *count += 1;
    }
}

/// Orders what the parsers found; runs on the worker that reads, with `demand` shared with the
/// source and `source` to wake it.
pub fn operator<'scope>(
    parsed: StreamVec<'scope, Epoch, Parsed>,
    sequencer: Option<Sequencer>,
    demand: Rc<RefCell<Demand>>,
    source: Option<Activator>,
    workers: u64,
) -> StreamVec<'scope, Epoch, Batch> {
    parsed.unary(Exchange::new(|_: &Parsed| 0), "order", move |capability, _info| {
        let mut running = sequencer.map(|sequencer| (sequencer, capability));
        move |input, output| {
            let Some((sequencer, capability)) = &mut running else {
                input.for_each_time(|_time, _batches| {});
                return;
            };
            let mut news = false;
            input.for_each_time(|_time, batches| {
                for parsed in batches.flat_map(|batch| batch.drain(..)) {
                    sequencer.take(parsed);
                    news = true;
                }
            });
            let mut demand = demand.borrow_mut();
            if !news && demand.wanted.is_some() {
                return;
            }
            let mut pours = Vec::new();
            let wanted = sequencer.drain(&mut pours);
            let clock = sequencer.clock();
            output.session(&*capability).give_iterator(Batch::deal(clock, pours, workers));
            let next = Epoch(capability.time().0 + 1);
            demand.wanted = wanted;
            demand.taken.clone_from(&sequencer.taken);
            demand.done.clone_from(&sequencer.done);
            demand.epoch = next;
            demand.tally.clone_from(&sequencer.tally);
            demand.clock = Some(clock);
            demand.strays = sequencer.merge.strays();
            source.iter().for_each(Activator::activate);
            capability.downgrade(&next);
            if wanted.is_none() {
                running = None;
            }
        }
    })
}
