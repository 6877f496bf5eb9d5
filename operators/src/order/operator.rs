//! Brings parsed lines into *the* order, asking the source for what the order needs next.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::Operator;
use timely::scheduling::Activator;

use super::batch::{Batch, Deal};
use super::merge::Settled;
use super::sequencer::{Counts, Sequencer, Stand};
use crate::epoch::Epoch;
use crate::parse::lines::{Parsed, Tally};
use crate::parse::stash::Stashes;
use crate::place::Partition;
use crate::time::EventTime;

/// Blocks that the order asks the source for, what it says of its progress, and what the source of a
/// live run tells it. Lives on the worker that reads.
#[derive(Debug, Default)]
pub struct Demand {
    /// The partition whose next block is needed before anything else.
    pub wanted: Option<Partition>,
    /// Blocks of it taken so far.
    pub wanted_taken: u64,
    /// Blocks taken so far, by partition; of a replay.
    pub taken: BTreeMap<Partition, u64>,
    /// Lines with pours that others must come before.
    pub waiting: usize,
    /// Blocks parsed so far, by worker.
    pub done: Vec<u64>,
    /// The epoch that new blocks belong to.
    pub epoch: Epoch,
    /// What was counted so far; of a replay.
    pub tally: Tally,
    /// The clock of the merge.
    pub clock: Option<EventTime>,
    /// Stamps that the clocks did not follow.
    pub strays: u64,
    /// Lines with pours that came after their time.
    pub late: u64,
    /// What the source of a live run wants, in order.
    pub wishes: Vec<Wish>,
    /// Partitions that the order need not wait for.
    pub idle: BTreeSet<Partition>,
    /// Wakes the order.
    pub order: Option<Activator>,
    /// Seals whose epochs are under way, oldest first.
    pub seals: VecDeque<Seal>,
}

/// What the source of a live run tells the order.
#[derive(Debug)]
pub enum Wish {
    /// A partition begins, or goes on from an earlier run.
    Open(Partition, Settled, Option<Stashes>),
    /// While nothing is needed, time goes on to this.
    Advance(EventTime),
    /// What is ordered so far, and what follows from it, is to be kept together.
    Seal(u64),
    /// The run ends; what is not ordered stays so.
    Finish,
}

/// The line between what is kept and what is not.
#[derive(Clone, Debug)]
pub struct Seal {
    /// Number within the run.
    pub number: u64,
    /// Where the order stands there.
    pub stand: Stand,
    /// What was counted since the seal before.
    pub counts: Counts,
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
    let scope = parsed.scope();
    let by_worker = Exchange::new(|_: &Parsed| 0);
    parsed.unary(by_worker, "order", move |capability, info| {
        demand.borrow_mut().order = Some(scope.activator_for(info.address));
        let mut running = sequencer.map(|sequencer| (sequencer, capability));
        move |input, output| {
            let Some((sequencer, capability)) = &mut running else {
                input.for_each_time(|_time, _batches| {});
                return;
            };
            let demand = &mut *demand.borrow_mut();
            let wishes = std::mem::take(&mut demand.wishes);
            let mut news = !wishes.is_empty();
            let Granted { advance, seal, finish } = grant(wishes, sequencer);
            input.for_each_time(|_time, batches| {
                for parsed in batches.flat_map(|batch| batch.drain(..)) {
                    sequencer.take(parsed);
                    news = true;
                }
            });
            let freed = demand.wanted.is_none_or(|wanted| demand.idle.contains(&wanted));
            if !news && !freed {
                return;
            }
            let mut deal = Deal::new(workers);
            let wanted = sequencer.drain(&mut deal, &mut |p| demand.idle.contains(&p));
            if let (None, Some(time)) = (wanted, advance) {
                sequencer.advance(time);
            }
            let clock = sequencer.clock();
            let batches = deal.batches(clock, seal.is_some());
            output.session(&*capability).give_iterator(batches);
            if let Some(number) = seal {
                let counts = sequencer.take_counts();
                let stand = sequencer.stand();
                demand.seals.push_back(Seal { number, stand, counts });
            }
            let next = Epoch(capability.time().0 + 1);
            demand.wanted = wanted;
            demand.report(sequencer, next);
            source.iter().for_each(Activator::activate);
            capability.downgrade(&next);
            if finish || (wanted.is_none() && !sequencer.is_live()) {
                running = None;
            }
        }
    })
}

/// What is left of wishes when partitions are open.
#[derive(Default)]
struct Granted {
    advance: Option<EventTime>,
    seal: Option<u64>,
    finish: bool,
}

fn grant(wishes: Vec<Wish>, sequencer: &mut Sequencer) -> Granted {
    let mut granted = Granted::default();
    for wish in wishes {
        match wish {
            Wish::Open(partition, from, stash) => sequencer.open(partition, from, stash),
            Wish::Advance(time) => granted.advance = granted.advance.max(Some(time)),
            Wish::Seal(number) => granted.seal = Some(number),
            Wish::Finish => granted.finish = true,
        }
    }
    granted
}

impl Demand {
    fn report(&mut self, sequencer: &Sequencer, epoch: Epoch) {
        let taken = self.wanted.and_then(|wanted| sequencer.taken().get(&wanted));
        self.wanted_taken = taken.copied().unwrap_or(0);
        if !sequencer.is_live() {
            self.taken.clone_from(sequencer.taken());
            self.tally.clone_from(sequencer.tally());
        }
        self.waiting = sequencer.waiting();
        self.done.clear();
        self.done.extend_from_slice(sequencer.done());
        self.epoch = epoch;
        self.clock = Some(sequencer.clock());
        self.strays = sequencer.strays();
        self.late = sequencer.late();
    }
}
