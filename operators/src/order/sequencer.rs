//! Puts parsed blocks of partitions into one order, as pure logic: blocks in, in any order; pours in
//! *the* order out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::arrival;
use super::batch::Via;
use super::clock::Claim;
use super::journal::Journal;
use super::merge::{Merge, Next, Settled};
use crate::bucket::Pour;
use crate::bucket::shares::Shares;
use crate::detector::{Detector, Verdict};
use crate::parse::lines::{Found, LineSpan, MAX_SAMPLES, Parsed, Sample, Tally, Untaken};
use crate::parse::stash::Stashes;
use crate::place::{OrderKey, Partition, Place};
use crate::text::RawLine;
use crate::time::{EventTime, Stamp};

/// The order of one run.
#[derive(Debug)]
pub struct Sequencer {
    merge: Merge<Vec<Pour>>,
    detector: Detector,
    stashes: BTreeMap<Partition, Journal>,
    early: BTreeMap<(Partition, u64), Parsed>,
    taken: BTreeMap<Partition, u64>,
    done: Vec<u64>,
    tally: Tally,
    /// Partitions of a live run that were moved since the last seal.
    moved: BTreeSet<Partition>,
    /// Those whose dated lines come long after they were written.
    old: BTreeSet<Partition>,
    /// Whether seals are asked for.
    live: bool,
    /// Of a live run: lines that no parser took since they were asked for, a few of each partition.
    samples: BTreeMap<Partition, Vec<Sample>>,
    /// Where all of them stand that the order has not come to, if somebody asks for them.
    untaken: Option<BTreeMap<Partition, VecDeque<Untaken>>>,
    /// Of a live run: what happened in nodes since it was asked for, by its cell.
    nodes: Vec<Shares>,
}

/// How far a partition of a live run is.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The partition.
    pub partition: Partition,
    /// Its lines and clock.
    pub settled: Settled,
    /// Its stash there, where it changed.
    pub stash: Option<Stashes>,
    /// Lines that no parser took since the last seal; see [`Sequencer::tell_untaken`].
    pub untaken: Vec<Untaken>,
}

/// What was counted of a live run.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// What happened to lines.
    pub tally: Tally,
    /// Lines that no parser took, a few of each partition.
    pub samples: BTreeMap<Partition, Vec<Sample>>,
    /// What happened in nodes, by [`crate::parse::hit::Hit::cell`].
    pub nodes: Vec<Shares>,
}

/// Where the whole order stands.
#[derive(Clone, Debug)]
pub struct Stand {
    /// The latest that was ordered: nothing that is still to come stands before it.
    pub present: OrderKey,
    /// The partitions that have moved.
    pub partitions: Vec<Standing>,
}

/// Lines of one position.
struct Record {
    position: u64,
    parts: u32,
    claim: Claim,
    pours: Option<Vec<Pour>>,
}

impl Record {
    fn at(position: u64) -> Self {
        Self { position, parts: 0, claim: Claim::Nothing, pours: None }
    }

    fn add(&mut self, claim: Claim, pours: Option<Vec<Pour>>) {
        let part = self.parts;
        self.parts += 1;
        self.claim = self.claim.or_later(claim);
        let Some(mut pours) = pours else { return };
        pours.iter_mut().for_each(|pour| pour.order.part = part);
        match &mut self.pours {
            Some(before) => before.append(&mut pours),
            before => *before = Some(pours),
        }
    }
}

impl Sequencer {
    /// A sequencer of these partitions, each from its beginning to its end; the detector parses
    /// what needs the stash.
    pub fn new(partitions: impl IntoIterator<Item = Partition>, detector: Detector) -> Self {
        Self::over(Merge::new(partitions), detector, false)
    }

    /// A sequencer of a live run, which goes on behind what an earlier one ordered. Partitions are
    /// opened as they come.
    pub fn live(present: OrderKey, detector: Detector) -> Self {
        Self::over(Merge::going_on(present), detector, true)
    }

    fn over(merge: Merge<Vec<Pour>>, detector: Detector, live: bool) -> Self {
        Self {
            merge,
            detector,
            stashes: BTreeMap::new(),
            early: BTreeMap::new(),
            taken: BTreeMap::new(),
            done: Vec::new(),
            tally: Tally::default(),
            moved: BTreeSet::new(),
            old: BTreeSet::new(),
            live,
            samples: BTreeMap::new(),
            untaken: None,
            nodes: Vec::new(),
        }
    }

    /// From now on seals say of each line that no parser took where it stands.
    pub fn tell_untaken(&mut self) {
        self.untaken = Some(BTreeMap::new());
    }

    /// Takes a partition in, as an earlier run left it. Its blocks are numbered from 0 again.
    pub fn open(&mut self, partition: Partition, from: Settled, stash: Option<Stashes>) {
        self.merge.open(partition, from);
        self.taken.remove(&partition);
        if from.is_old {
            self.old.insert(partition);
        }
        if let Some(stash) = stash {
            self.stashes.insert(partition, Journal::going_on(stash));
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

    /// Appends what is certain to `pours`; the partition that is needed next, `None` at the end.
    /// What is needed and `idle` says has nothing to say is gone on without.
    pub fn drain(
        &mut self,
        pours: &mut impl Extend<(Via, Pour)>,
        idle: &mut dyn FnMut(Partition) -> bool,
    ) -> Option<Partition> {
        loop {
            match self.merge.pop() {
                Next::Item(order, items) => {
                    if self.live {
                        self.moved.insert(order.partition);
                    }
                    pours.extend(items.into_iter().map(|mut pour| {
                        pour.order = OrderKey { part: pour.order.part, ..order };
                        (Via::default(), pour)
                    }));
                }
                Next::Wants(partition) if idle(partition) => {
                    if self.merge.park(partition) && self.live {
                        self.moved.insert(partition);
                    }
                }
                Next::Wants(partition) => return Some(partition),
                Next::End => return None,
            }
        }
    }

    /// Time goes on without lines, while nothing is needed.
    pub fn advance(&mut self, clock: EventTime) {
        self.merge.advance(clock);
    }

    /// Where the order stands, as far as it has moved since the last call.
    pub fn stand(&mut self) -> Stand {
        let mut partitions = Vec::new();
        for (partition, settled) in self.merge.take_through() {
            self.moved.remove(&partition);
            partitions.push(self.standing(partition, settled));
        }
        for partition in std::mem::take(&mut self.moved) {
            if let Some(settled) = self.merge.settled(partition) {
                partitions.push(self.standing(partition, settled));
            }
        }
        Stand { present: self.merge.present(), partitions }
    }

    fn standing(&mut self, partition: Partition, settled: Settled) -> Standing {
        let stash = self.stashes.get_mut(&partition);
        let stash = stash.and_then(|stash| stash.settle(settled.next)).cloned();
        let mut untaken = Vec::new();
        if let Some(all) = self.untaken.as_mut().and_then(|all| all.get_mut(&partition)) {
            let passed = |line: &mut Untaken| line.position < settled.next;
            untaken.extend(std::iter::from_fn(|| all.pop_front_if(passed)));
        }
        let settled = Settled { is_old: self.old.contains(&partition), ..settled };
        Standing { partition, settled, stash, untaken }
    }

    fn feed(&mut self, parsed: Parsed) {
        self.tally.add(&parsed.tally);
        if self.live {
            self.moved.insert(parsed.partition);
            self.sample(parsed.partition, &parsed.tally.samples);
            self.share_nodes(parsed.partition, &parsed.tally.nodes);
        }
        let Parsed { partition, found, stamps, block, transport, last, untaken, .. } = parsed;
        let mut found = found.into_iter().peekable();
        let mut untaken = untaken.into_iter().peekable();
        // The lines that a transform made of one record stand together: the record is what is
        // ordered, at the latest time that any of them claims.
        let mut record: Option<Record> = None;
        let mut is_old = self.old.contains(&partition);
        for (number, (position, stamp)) in (0_u32..).zip(stamps) {
            if record.as_ref().is_some_and(|record| record.position != position) {
                self.order(partition, record.take());
            }
            let mut taken = untaken.next_if(|line| *line == number).is_none();
            let (stamp, mut pours) = match found.next_if(|(line, _)| *line == number) {
                None => (stamp, None),
                Some((_, Found::Pours(pours))) => (stamp, Some(pours)),
                Some((_, Found::Later(span))) => {
                    let Some(block) = &block else { continue };
                    self.detector.comes(transport.as_deref(), number);
                    let (stamp, pours, later) = self.parse_in_order(block, span, partition);
                    taken = later;
                    (stamp, (!pours.is_empty()).then_some(pours))
                }
            };
            let claim = match transport.as_deref() {
                None => stamp.map_or(Claim::Nothing, Claim::Doubtful),
                Some(transport) => {
                    let now = self.merge.likely_clock(partition);
                    let clock = (now, &mut is_old);
                    let dated = arrival::date(stamp, (transport, number), clock, &mut self.tally);
                    if let Some(time) = dated.replaced {
                        let time = Some(Stamp::utc_at(time));
                        pours.iter_mut().flatten().for_each(|pour| pour.time = time);
                    }
                    dated.claim
                }
            };
            let record = record.get_or_insert_with(|| Record::at(position));
            if !taken && let Some(all) = &mut self.untaken {
                let line = Untaken { position, part: record.parts };
                all.entry(partition).or_default().push_back(line);
            }
            record.add(claim, pours);
        }
        match is_old {
            true => self.old.insert(partition),
            false => self.old.remove(&partition),
        };
        self.order(partition, record);
        if last {
            self.merge.end(partition);
        }
    }

    fn order(&mut self, partition: Partition, record: Option<Record>) {
        let Some(Record { position, claim, pours, .. }) = record else { return };
        self.merge.line(partition, (position, claim), pours);
    }

    fn parse_in_order(
        &mut self,
        block: &Arc<str>,
        span: LineSpan,
        partition: Partition,
    ) -> (Option<EventTime>, Vec<Pour>, bool) {
        let raw = RawLine::new(Arc::clone(block), span.start, span.end);
        let place = Place { partition, position: span.position };
        let (caches, live) = (&self.detector.rules().caches, self.live);
        let stash = self.stashes.entry(partition).or_insert_with(|| match live {
            true => Journal::going_on(Stashes::new(caches)),
            false => Journal::new(caches),
        });
        let stash = stash.at(span.position, self.merge.partition_clock(partition));
        *self.tally.partitions.entry(partition).or_default() += 1;
        let mut tally = Tally::default();
        let verdict = self.detector.line(raw, place, Some(stash), &mut tally);
        self.tally.add(&tally);
        self.share_nodes(partition, &tally.nodes);
        match verdict {
            Verdict::Done { stamp, pours, taken } => (stamp, pours, taken),
            Verdict::WantsStash => (None, Vec::new(), true),
        }
    }

    fn share_nodes(&mut self, partition: Partition, counts: &[u64]) {
        if !self.live {
            return;
        }
        if self.nodes.len() < counts.len() {
            self.nodes.resize(counts.len(), Shares::default());
        }
        for (shares, count) in self.nodes.iter_mut().zip(counts).filter(|(_, count)| **count > 0) {
            shares.add(partition, *count);
        }
    }

    fn sample(&mut self, partition: Partition, samples: &[Sample]) {
        if samples.is_empty() {
            return;
        }
        let kept = self.samples.entry(partition).or_default();
        let room = MAX_SAMPLES.saturating_sub(kept.len());
        kept.extend(samples.iter().take(room).cloned());
    }

    /// Whether partitions come and go.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// The merged clock.
    pub fn clock(&self) -> EventTime {
        self.merge.clock()
    }

    /// Blocks taken so far, by partition.
    pub fn taken(&self) -> &BTreeMap<Partition, u64> {
        &self.taken
    }

    /// Blocks parsed so far, by worker.
    pub fn done(&self) -> &[u64] {
        &self.done
    }

    /// What was counted so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What was counted since the last call; of a live run.
    pub fn take_counts(&mut self) -> Counts {
        Counts {
            tally: std::mem::take(&mut self.tally),
            samples: std::mem::take(&mut self.samples),
            nodes: std::mem::take(&mut self.nodes),
        }
    }

    /// Stamps that the clocks did not follow, so far.
    pub fn strays(&self) -> u64 {
        self.merge.strays()
    }

    /// Lines with pours that others must come before.
    pub fn waiting(&self) -> usize {
        self.merge.waiting()
    }

    /// Lines with pours that came when the order had gone on without their partition, so far.
    pub fn late(&self) -> u64 {
        self.merge.late()
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
