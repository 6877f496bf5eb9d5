//! The lanes of a live run: their numbers in the order, what of them is not through yet, and where
//! they go on. Lives on the worker that reads and survives from one set of rules to the next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::{Delivery, LaneId, Permit, Position, Resume, SourceId};
use operators::lookup::Lookups;
use operators::order::merge::Settled;
use operators::order::sequencer::Standing;
use operators::parse::lines::{Clock, Lines};
use operators::place::Partition;
use operators::time::{EventTime, Zone};
use serde::{Deserialize, Serialize};

use super::aside::Aside;
use super::lane::{Held, Lane, Silence};
use super::names::Names;
use super::rate::Rate;
use super::transforming::Transforming;
use crate::transform::Transform;

/// Lanes of one source have numbers from its place times this on.
pub const LANES_PER_SOURCE: u32 = 1 << 20;

/// What the configuration says of a source, as far as its lines are concerned.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// Unique name.
    pub name: Arc<str>,
    /// Labels of every line.
    pub labels: Arc<BTreeMap<Arc<str>, Arc<str>>>,
    /// By which clock its lines count.
    pub clock: Clock,
    /// Where dates of its lines that say no zone were written; UTC if `None`.
    pub zone: Option<Zone>,
    /// Makes other lines of its lines.
    pub transform: Option<Arc<Transform>>,
    /// How long lines of others wait for its lanes when they have nothing to say; `None`: until they
    /// speak.
    pub hold: Option<Duration>,
    /// How many of its lines are taken in a second; `None`: all.
    pub rate: Option<u64>,
    /// Whether somebody wants to know of its lines that no parser takes.
    pub set_aside: bool,
}

/// A lane as the store keeps it. A promise: fields are only added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneRecord {
    /// Its number in the order.
    pub number: u32,
    /// Where its source reads on; empty where nothing of it is through.
    pub position: String,
    /// Lines before this offset are through.
    pub next: u64,
    /// Its clock there. Unit: nanoseconds since 1970.
    pub clock: Option<i64>,
    /// Whether its lines come long after they were written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_old: bool,
}

/// All lanes.
#[derive(Debug)]
pub struct Lanes {
    sources: Vec<SourceSettings>,
    /// Place of each source in the order.
    ordinals: BTreeMap<Arc<str>, u32>,
    lanes: BTreeMap<Partition, Lane>,
    numbers: BTreeMap<Box<str>, Partition>,
    open: BTreeMap<LaneId, Partition>,
    names: Arc<Names>,
    /// Lanes whose numbers the store does not know.
    unknown: BTreeSet<Partition>,
    /// Lanes with something to send.
    ready: VecDeque<Partition>,
    /// Budgets of sources that have one.
    rates: BTreeMap<SourceId, Rate>,
    /// The number that the next lane of a source gets, by the source's place.
    next: BTreeMap<u32, u32>,
    /// What transforms may ask.
    lookups: Option<Arc<dyn Lookups>>,
}

/// What of a lane is through.
#[derive(Debug)]
pub struct Through {
    /// The key of the lane in the store.
    pub key: Box<str>,
    /// What the store is to know of it.
    pub record: LaneRecord,
    /// What is given back when it does.
    pub held: Vec<Held>,
    /// What of its lines is to be told since they led to nothing, if anybody wants to know.
    pub aside: Vec<Aside>,
}

/// A source has no budget for more now.
struct Spent;

/// The key of a lane in the store.
pub fn key(source: &str, lane: &str) -> String {
    format!("{source}\0{lane}")
}

impl Lanes {
    /// The lanes that the store knows, of these sources in the order of the configuration.
    /// `ordinals` says which place each source has had so far; new ones get the next.
    pub fn new(
        sources: Vec<SourceSettings>,
        mut ordinals: BTreeMap<Arc<str>, u32>,
        records: impl IntoIterator<Item = (Box<str>, LaneRecord)>,
        names: Arc<Names>,
    ) -> Self {
        let mut next = ordinals.values().max().map_or(0, |last| last + 1);
        for source in &sources {
            ordinals.entry(Arc::clone(&source.name)).or_insert_with(|| {
                next += 1;
                next - 1
            });
        }
        let (lanes, numbers, open) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (unknown, ready, next) = (BTreeSet::new(), VecDeque::new(), BTreeMap::new());
        let (lookups, now) = (None, Instant::now());
        let budgets = (0..)
            .map(SourceId)
            .zip(&sources)
            .filter_map(|(source, settings)| Some((source, Rate::new(settings.rate?, now))));
        let rates = budgets.collect();
        let mut all = Self {
            sources,
            ordinals,
            lanes,
            numbers,
            open,
            names,
            unknown,
            ready,
            rates,
            next,
            lookups,
        };
        for (key, record) in records {
            all.remember(key, &record);
        }
        all.show_names();
        all
    }

    /// The place of each source in the order.
    pub fn ordinals(&self) -> &BTreeMap<Arc<str>, u32> {
        &self.ordinals
    }

    /// Where the lanes of a source go on, by name.
    pub fn resume(&self, source: SourceId) -> BTreeMap<Arc<str>, Resume> {
        let lanes = self.lanes.values().filter(|lane| lane.source == source);
        lanes
            .filter_map(|lane| {
                let (_, name) = lane.key.split_once('\0')?;
                let position = lane.position.clone()?;
                Some((Arc::from(name), Resume { position, next_offset: lane.settled.next }))
            })
            .collect()
    }

    fn remember(&mut self, key: Box<str>, record: &LaneRecord) {
        let number = Partition(record.number);
        self.numbers.insert(key.clone(), number);
        let next = self.next.entry(number.0 / LANES_PER_SOURCE).or_default();
        *next = (*next).max(number.0 + 1);
        let name = key.split_once('\0').map_or("", |(source, _)| source);
        // A source that is not configured any more keeps its numbers.
        let Some(at) = self.sources.iter().position(|source| &*source.name == name) else { return };
        let source = SourceId(u32::try_from(at).unwrap_or(u32::MAX));
        let (next, clock) = (record.next, record.clock.map(EventTime));
        let settled = Settled { next, clock, is_old: record.is_old };
        let position = Some(&*record.position).filter(|text| !text.is_empty());
        let position = position.map(Position::from_text);
        self.lanes.insert(number, Lane { settled, position, ..Lane::new(source, key) });
    }

    /// A lane begins in this run: its number and, where the order does not know it yet, where it
    /// stands.
    pub fn open(
        &mut self,
        id: LaneId,
        name: &str,
        now: EventTime,
    ) -> Option<(Partition, Option<Settled>)> {
        let source = self.sources.get(id.source.0 as usize)?;
        let key: Box<str> = key(&source.name, name).into();
        let number = match self.numbers.get(&key) {
            Some(number) => *number,
            None => {
                let number = self.next_number(&source.name.clone());
                self.unknown.insert(number);
                number
            }
        };
        self.numbers.insert(key.clone(), number);
        let lane = self.lanes.entry(number).or_insert_with(|| Lane::new(id.source, key));
        lane.heard = Instant::now();
        if lane.closed {
            lane.read_through = Some(now);
        }
        (lane.caught_up, lane.closed) = (false, false);
        self.open.insert(id, number);
        let fresh = !std::mem::replace(&mut lane.ordered, true);
        Some((number, fresh.then_some(lane.settled)))
    }

    fn next_number(&mut self, source: &str) -> Partition {
        let place = self.ordinals.get(source).copied().unwrap_or(0);
        let next = self.next.entry(place).or_insert(place * LANES_PER_SOURCE);
        *next += 1;
        Partition(*next - 1)
    }

    /// Makes the names of new lanes known to those who show them.
    pub fn show_names(&self) {
        let names = self
            .lanes
            .iter()
            .filter_map(|(number, lane)| Some((*number, Arc::from(lane.key.split_once('\0')?.1))));
        self.names.set(names.collect());
    }

    /// The number of a lane that is open.
    pub fn number(&self, id: LaneId) -> Option<Partition> {
        self.open.get(&id).copied()
    }

    /// Takes lines in.
    pub fn deliver(
        &mut self,
        id: LaneId,
        delivery: Delivery,
        (arrived, permit): (i64, Permit),
    ) -> Option<Partition> {
        let number = *self.open.get(&id)?;
        let lane = self.lanes.get_mut(&number)?;
        let settings = self.sources.get(id.source.0 as usize)?;
        lane.heard = Instant::now();
        if lane.caught_up {
            lane.read_through = Some(EventTime(arrived));
        }
        if let (Some(transform), Some(lookups), None) =
            (&settings.transform, &self.lookups, &lane.transforming)
        {
            let new = Transforming::new(Arc::clone(transform), Arc::clone(lookups));
            lane.transforming = Some(Box::new(new));
        }
        lane.take(settings, delivery, arrived, permit);
        self.ready.push_back(number);
        Some(number)
    }

    /// Whether everything that is there `now` has been sent on a lane.
    pub fn caught_up(&mut self, id: LaneId, caught_up: bool, now: EventTime) -> Option<Partition> {
        let number = *self.open.get(&id)?;
        let lane = self.lanes.get_mut(&number)?;
        if std::mem::replace(&mut lane.caught_up, caught_up) || caught_up {
            lane.read_through = Some(now);
        }
        Some(number)
    }

    /// Nothing more comes on a lane for now.
    pub fn close(&mut self, id: LaneId) -> Option<Partition> {
        let number = self.open.remove(&id)?;
        let lane = self.lanes.get_mut(&number)?;
        (lane.caught_up, lane.closed) = (true, true);
        Some(number)
    }

    /// A source has opened all the lanes that it has now: what is known of it otherwise is not there
    /// and has nothing to say.
    pub fn absent(&self, source: SourceId) -> Vec<Partition> {
        let open: BTreeSet<_> = self.open.values().collect();
        let absent = |(number, lane): &(&Partition, &Lane)| {
            lane.source == source && !open.contains(number) && lane.pending.is_empty()
        };
        self.lanes.iter().filter(absent).map(|(number, _)| *number).collect()
    }

    /// A new order begins: whatever is not through is sent again. The lanes with where they stand.
    /// From now on transforms ask `lookups`.
    pub fn begin(&mut self, lookups: &Arc<dyn Lookups>) -> Vec<(Partition, Settled)> {
        self.lookups = Some(Arc::clone(lookups));
        self.ready.clear();
        for (number, lane) in &mut self.lanes {
            (lane.sent, lane.begun) = (0, 0);
            lane.ordered = true;
            lane.blocks = 0;
            lane.heard = Instant::now();
            lane.transforming = None;
            if !lane.pending.is_empty() {
                self.ready.push_back(*number);
            }
        }
        self.lanes.iter().map(|(number, lane)| (*number, lane.settled)).collect()
    }

    /// The next block for the order, `wanted` first. The caller names the worker.
    pub fn next(&mut self, wanted: Option<Partition>, now: Instant) -> Option<Lines> {
        if let Some(lines) = wanted.and_then(|wanted| self.next_of(wanted, now)) {
            return Some(lines);
        }
        let mut spent = VecDeque::new();
        let mut found = None;
        while found.is_none()
            && let Some(number) = self.ready.front().copied()
        {
            match self.block(number, now) {
                Ok(Some(lines)) => found = Some(lines),
                Ok(None) => drop(self.ready.pop_front()),
                Err(Spent) => spent.extend(self.ready.pop_front()),
            }
        }
        self.ready.append(&mut spent);
        found
    }

    /// The next block of this lane.
    pub fn next_of(&mut self, wanted: Partition, now: Instant) -> Option<Lines> {
        self.block(wanted, now).ok()?
    }

    fn block(&mut self, number: Partition, now: Instant) -> Result<Option<Lines>, Spent> {
        let Some(lane) = self.lanes.get_mut(&number) else { return Ok(None) };
        let mut rate = self.rates.get_mut(&lane.source);
        if lane.has_more() && rate.as_ref().is_some_and(|rate| rate.wait(now).is_some()) {
            return Err(Spent);
        }
        let lines = lane.next(number);
        if let (Some(rate), Some(lines)) = (&mut rate, &lines) {
            rate.take(lines.spans.len(), now);
        }
        Ok(lines)
    }

    /// When lines that a rate holds back may be taken.
    pub fn next_budget(&self, now: Instant) -> Option<Duration> {
        let waiting = self.ready.iter().filter_map(|number| self.lanes.get(number));
        waiting.filter_map(|lane| self.rates.get(&lane.source)?.wait(now)).min()
    }

    /// How long lines of others wait for a lane; `None`: until it speaks.
    pub fn hold(&self, number: Partition) -> Option<Duration> {
        self.lanes.get(&number).and_then(|lane| self.hold_of(lane.source))
    }

    /// The same for the lanes of a source.
    pub fn hold_of(&self, source: SourceId) -> Option<Duration> {
        self.sources.get(source.0 as usize)?.hold
    }

    /// How silent a lane is: all it has was sent, and `taken` blocks of it have been taken by the
    /// order. `None` if it has, or may have, more.
    pub fn silence(&self, number: Partition, taken: u64) -> Option<Silence> {
        let lane = self.lanes.get(&number)?;
        let idle = lane.sent == lane.pending.len() && lane.blocks == taken;
        let Lane { heard: since, caught_up, closed, source, blocks, .. } = *lane;
        idle.then_some(Silence { since, caught_up, closed, source, has_spoken: blocks > 0 })
    }

    /// The sources with open lanes.
    pub fn sources(&self) -> BTreeSet<SourceId> {
        self.open.keys().map(|lane| lane.source).collect()
    }

    /// Whether somebody wants to know of lines that no parser takes.
    pub fn sets_aside(&self) -> bool {
        self.sources.iter().any(|source| source.set_aside)
    }

    /// Whether lines are here that no worker was given.
    pub fn has_more(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether lines are here that are not through.
    pub fn waits(&self) -> bool {
        self.lanes.values().any(|lane| !lane.pending.is_empty())
    }

    /// Whether every lane has been read to its end.
    pub fn all_caught_up(&self) -> bool {
        let mut open = self.open.values().filter_map(|number| self.lanes.get(number));
        open.all(|lane| lane.caught_up && lane.sent == lane.pending.len())
    }

    /// A lane is through up to where it stands: what the store is to know.
    pub fn settle(&mut self, standing: &Standing) -> Option<Through> {
        let number = standing.partition;
        let lane = self.lanes.get_mut(&number)?;
        let source = self.sources.get(lane.source.0 as usize).map_or("", |source| &source.name);
        let mut aside = lane.untaken(source, &standing.untaken);
        let (held, rejected) = lane.settle(source, standing.settled);
        aside.extend(rejected);
        self.unknown.remove(&number);
        Some(Through { key: lane.key.clone(), record: lane.record(number), held, aside })
    }

    /// Lanes whose numbers the store does not know yet, though nothing of them is through: what others
    /// lead to depends on them, since numbers say who comes first.
    pub fn new_numbers(&mut self) -> Vec<(Box<str>, LaneRecord)> {
        let new = std::mem::take(&mut self.unknown).into_iter();
        let record = |number| {
            let lane = self.lanes.get(&number)?;
            Some((lane.key.clone(), lane.record(number)))
        };
        new.filter_map(record).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use connectors::{Arrival, Chunk, Inbox, Span, Stop};
    use operators::lookup::Offline;
    use operators::time::Stamp;
    use operators::yaml::{Located, Reading, Source};

    use super::*;

    pub(in super::super) fn lanes(transform: Option<&str>) -> Lanes {
        let compiled = |text: &str| {
            let source = Source::new("acquis.yaml", text);
            let located = Located { at: source.position(1, 1), value: text.to_owned() };
            Transform::compile(&located, &mut Reading::new(&source)).unwrap()
        };
        let settings = SourceSettings {
            name: "s".into(),
            labels: Arc::default(),
            clock: Clock::Event,
            zone: None,
            transform: transform.map(|text| Arc::new(compiled(text))),
            hold: None,
            rate: None,
            set_aside: false,
        };
        let mut lanes = Lanes::new(vec![settings], BTreeMap::new(), [], Arc::default());
        let lookups: Arc<dyn Lookups> = Arc::new(Offline::new(Stamp::from_unix(0)));
        lanes.begin(&lookups);
        lanes
    }

    fn standing(partition: Partition, next: u64) -> Standing {
        let settled = Settled { next, ..Settled::default() };
        Standing { partition, settled, stash: None, untaken: Vec::new() }
    }

    /// Delivers the letters of `text` as lines at 0, 1, …, written at these seconds.
    fn deliver(lanes: &mut Lanes, text: &str) -> Partition {
        let inbox = Inbox::new(|| {});
        let lane = inbox.outlet(SourceId(0), Stop::new()).lane("a", 1 << 20);
        let lines = 0..u32::try_from(text.len()).unwrap();
        let span = |at: u32| Span { start: at, end: at + 1, offset: u64::from(at) };
        let chunk = Chunk {
            text: text.into(),
            lines: lines.clone().map(span).collect(),
            ..Chunk::default()
        };
        let origin = connectors::Origin { source: "s".into(), labels: Arc::default(), module: "x" };
        let here = Position::new(&0);
        let mut delivery = Delivery::new(chunk, Arc::new(origin), here.clone(), here);
        delivery.times = lines.map(i64::from).collect();
        lane.try_send(delivery).unwrap();
        let mut number = None;
        while let Some(arrival) = inbox.try_next() {
            match arrival {
                Arrival::Opened { lane, name } => number = lanes.open(lane, &name, EventTime(0)),
                Arrival::Delivered { lane, delivery, arrived, permit } => {
                    lanes.deliver(lane, delivery, (arrived, permit)).unwrap();
                }
                _ => {}
            }
        }
        number.unwrap().0
    }

    #[test]
    fn lines_that_a_transform_drops_hold_nothing_up() {
        for (transform, through) in [("filter([evt.Line.Raw], # == 'a')", 1), ("[]", 0)] {
            let mut lanes = lanes(Some(transform));
            let number = deliver(&mut lanes, "abb");
            assert!(lanes.next(None, Instant::now()).is_some());
            let through = lanes.settle(&standing(number, through)).unwrap();
            assert_eq!((through.held.len(), lanes.waits()), (1, false), "{transform}");
        }
    }

    /// Two lanes that were opened in another order in the next run would change places.
    #[test]
    fn a_lane_keeps_its_number_before_anything_of_it_is_through() {
        let mut first = lanes(None);
        let opened = |lanes: &mut Lanes, number, name| {
            lanes.open(LaneId { source: SourceId(0), number }, name, EventTime(0)).unwrap().0
        };
        let (a, b) = (opened(&mut first, 0, "a"), opened(&mut first, 1, "b"));
        let Through { key, mut record, .. } = first.settle(&standing(b, 1)).unwrap();
        record.position = "one line on".into();
        let mut kept = first.new_numbers();
        assert_eq!(kept.len(), 1, "b is known by what is through");
        kept.push((key, record));
        assert_eq!(first.new_numbers(), []);
        let mut second =
            Lanes::new(first.sources.clone(), first.ordinals.clone(), kept, Arc::default());
        assert_eq!((opened(&mut second, 0, "b"), opened(&mut second, 1, "a")), (b, a));
        assert_eq!(second.resume(SourceId(0)).len(), 1, "nothing of a was read");
    }

    #[test]
    fn a_block_that_is_begun_in_its_middle_keeps_its_times() {
        let mut lanes = lanes(None);
        let number = deliver(&mut lanes, "abc");
        lanes.settle(&standing(number, 1));
        let lookups: Arc<dyn Lookups> = Arc::new(Offline::new(Stamp::from_unix(0)));
        lanes.begin(&lookups);
        let lines = lanes.next(None, Instant::now()).unwrap();
        assert_eq!(lines.spans.first().map(|span| span.position), Some(1));
        assert_eq!(lines.transport.unwrap().time(0), Some(EventTime(1)));
    }

    #[test]
    fn lines_were_written_after_everything_before_was_read() {
        let id = LaneId { source: SourceId(0), number: 0 };
        let mut lanes = lanes(None);
        let number = deliver(&mut lanes, "a");
        let said = |lanes: &Lanes| lanes.lanes[&number].read_through.map(|time| time.0);
        assert_eq!(said(&lanes), None, "it may be a backlog");
        lanes.caught_up(id, true, EventTime(5));
        lanes.caught_up(id, false, EventTime(9));
        assert_eq!(said(&lanes), Some(9));
        lanes.caught_up(id, false, EventTime(12));
        assert_eq!(said(&lanes), Some(9), "there was more to read all the time");
        lanes.close(id);
        lanes.open(id, "a", EventTime(20));
        assert_eq!(said(&lanes), Some(20));
    }

    #[test]
    fn much_is_sent_in_pieces_that_part_no_record() {
        const MANY: usize = 40_000;
        for (transform, of_one) in [(None, 1), (Some("[evt.Line.Raw, 'b', 'c']"), 3)] {
            let mut lanes = lanes(transform);
            let number = deliver(&mut lanes, &"a".repeat(MANY));
            let pieces: Vec<_> = std::iter::from_fn(|| lanes.next(None, Instant::now())).collect();
            assert!(pieces.len() > 1, "{transform:?}");
            let (mut next, mut lines) = (0, 0);
            for (place, piece) in (0..).zip(&pieces) {
                assert_eq!(piece.number, place);
                assert_eq!(piece.spans.len() % of_one, 0);
                let transport = piece.transport.as_deref().unwrap();
                for (line, span) in (0..).zip(&piece.spans) {
                    let record = lines / of_one as u64;
                    assert_eq!(span.position, record);
                    assert_eq!(transport.time(line), Some(EventTime(record.cast_signed())));
                    lines += 1;
                }
                next = lines / of_one as u64;
                // What is begun is not given back.
                let through = lanes.settle(&standing(number, next)).unwrap();
                assert_eq!(through.held.len(), usize::from(next == MANY as u64));
            }
            assert_eq!((next, lanes.waits()), (MANY as u64, false));
        }
    }
}
