//! One line through parsers and filters: what it is, when it was, and which scenarios want it.

use std::sync::Arc;

use crate::bucket::pour::Pour;
use crate::event::{Event, Line};
use crate::expr::{Cx, Memo};
use crate::fault::Faults;
use crate::lookup::{Lookups, Stash};
use crate::origin::Origin;
use crate::parse::hit::{Hit, Hits};
use crate::parse::lines::{Tally, Transport};
use crate::parse::node::{Abort, Node};
use crate::parse::pass::Hands;
use crate::parse::watch::{Blind, Noting, Step, Watch};
use crate::place::{Partition, Place};
use crate::rules::Rules;
use crate::text::{RawLine, Text};
use crate::time::{EventTime, Stamp};

/// What became of a line.
#[derive(Debug)]
pub enum Verdict {
    /// It was parsed, or set aside.
    Done {
        /// Its date.
        stamp: Option<EventTime>,
        /// One for the scenarios that want it; one more where a filter changed the event.
        pours: Vec<Pour>,
        /// Whether a parser took it.
        taken: bool,
    },
    /// It must be parsed in the order of its partition, with the stash.
    WantsStash,
}

/// Parses and matches lines. One per worker: its event and memo are filled again and again.
#[derive(Debug)]
pub struct Detector {
    rules: Arc<Rules>,
    lookups: Arc<dyn Lookups>,
    origins: Arc<[Origin]>,
    /// Where the next line comes from, where the transport says so, and when it was written.
    comes: Option<(Arc<Origin>, Stamp)>,
    event: Event,
    memo: Memo,
    hands: Hands,
    counter: Hits,
}

impl Detector {
    /// A detector for lines of these origins, which are numbered by partition.
    pub fn new(rules: Arc<Rules>, lookups: Arc<dyn Lookups>, origins: Arc<[Origin]>) -> Self {
        let line = Line {
            raw: RawLine::from(""),
            source: "".into(),
            labels: Arc::default(),
            module: Text::EMPTY,
            time: lookups.now(),
            zone: None,
        };
        let event = Event::new(Arc::clone(rules.program.schema()), line);
        let (memo, hands, counter) = (Memo::new(), Hands::default(), Hits::default());
        Self { rules, lookups, origins, comes: None, event, memo, hands, counter }
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Tells where the next line comes from: from what its transport says of the line of this
    /// number or, without one, from its partition.
    pub fn comes(&mut self, transport: Option<&Transport>, line: u32) {
        let from = transport.and_then(|transport| {
            let at = Stamp::utc_at(transport.time(line).unwrap_or(transport.arrived));
            Some((Arc::clone(transport.origin(line)?), at))
        });
        self.comes = from;
    }

    /// Parses a line and finds the scenarios that want it.
    pub fn line(
        &mut self,
        raw: RawLine,
        place: Place,
        stash: Option<&mut dyn Stash>,
        tally: &mut Tally,
    ) -> Verdict {
        let mut counter = std::mem::take(&mut self.counter);
        counter.clear();
        let verdict = self.line_watched(raw, place, stash, (tally, &mut counter));
        if !matches!(verdict, Verdict::WantsStash) {
            counter.add_to(&mut tally.nodes);
        }
        self.counter = counter;
        verdict
    }

    /// The same, seen by `watch`; nodes are not counted.
    pub fn line_watched<W: Watch>(
        &mut self,
        raw: RawLine,
        place: Place,
        stash: Option<&mut dyn Stash>,
        (tally, watch): (&mut Tally, &mut W),
    ) -> Verdict {
        self.begin(raw, place.partition);
        let rules = Arc::clone(&self.rules);
        let mut cx = Cx::new(&mut self.event, &*self.lookups, &mut self.memo);
        if let Some(stash) = stash {
            cx.stash = Some(stash);
        }
        let mut faults = Faults::default();
        let at = (place.partition, place.position);
        let mut watch = Noting { watch, faults: &mut faults, at };
        let parsed = rules.parsers.run(&rules.program, &mut cx, &mut self.hands, &mut watch);
        if parsed == Err(Abort::WantsStash) {
            // What was counted on the way is counted again when the line is parsed in its order.
            return Verdict::WantsStash;
        }
        tally.lines += 1;
        tally.parser_faults.join(&faults);
        let stamp = cx.event.time.map(|stamp| stamp.at);
        let mut pours = Vec::new();
        if parsed.is_err() {
            tally.aborted += 1;
        }
        let taken = cx.event.process;
        if !taken {
            tally.untaken(place.partition, place.position, cx.event.line.raw.as_str());
        } else {
            tally.parsed += 1;
            if cx.event.whitelisted.is_some() {
                tally.whitelisted += 1;
            } else {
                let faults = &mut tally.scenario_faults;
                rules.matcher.log_pours(&rules, (&mut cx, place), &mut pours, faults);
                tally.poured += u64::from(!pours.is_empty());
            }
        }
        for want in pours.iter().flat_map(|pour| &pour.wants) {
            Tally::count(&mut tally.scenarios, want.claim.scenario.index());
        }
        Verdict::Done { stamp, pours, taken }
    }

    fn begin(&mut self, raw: RawLine, partition: Partition) {
        let line = &self.event.line;
        let (origin, time) = match &self.comes {
            Some((origin, time)) => (Some(&**origin), *time),
            None => (self.origins.get(partition.0 as usize), line.time),
        };
        let line = match origin {
            Some(origin) => Line::of(origin, raw, time),
            None => Line { raw, ..line.clone() },
        };
        self.event.reset(line);
    }
}

impl Watch for Hits {
    const ALL: bool = Blind::ALL;

    #[inline]
    fn step(&mut self, _: &mut Cx<'_>, _: Step<'_>) {}

    #[inline]
    fn hit(&mut self, node: &Node, hit: Hit) {
        self.note(node, hit);
    }
}
