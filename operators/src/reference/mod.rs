//! The slow twin: what the dataflow means, as one plain loop. The dataflow is tested against it.
//!
//! Read everything, parse line by line, sort by order key, apply one pour after the other. There is
//! no worker, batch, epoch or merge here, no index over rules (all are tried, in their order), no
//! memory of what was computed (each expression starts from nothing), no compact form of buckets,
//! no sweep, and held events keep every field.
//!
//! Shared with the dataflow, and tested elsewhere: expressions, grok and the nodes of parsers; the
//! arithmetic of a limiter; what an alert says of a bucket that is over; the fold of profiles, which
//! is a plain loop already.

mod buckets;
mod clock;
mod reprocess;

use std::sync::Arc;

use crate::alert::{Alert, Coordinate};
use crate::bucket::scenario::{Kind as BucketKind, Scenario, ScenarioId, Takes};
use crate::bucket::{Catalogue, Claim, Codec, Kept, Note, Overflowed, Reads, claim, wish};
use crate::event::{Event, Kind, Line};
use crate::expr::{Cx, Known, Memo};
use crate::lookup::Lookups;
use crate::origin::Origin;
use crate::parse::pass::Hands;
use crate::parse::stash::Stashes;
use crate::parse::watch::{Step, Watch};
use crate::place::{OrderKey, Partition, Place};
use crate::profile::{Decide, Exempt, Profile};
use crate::rules::Rules;
use crate::text::{RawLine, Text};
use crate::time::layout::parse_rfc3339;
use crate::time::{EventTime, Stamp};
use buckets::Buckets;
use clock::Clock;

/// What a run depends on besides the lines.
#[derive(Clone, Debug)]
pub struct World {
    /// The rules.
    pub rules: Arc<Rules>,
    /// What alerts lead to.
    pub profiles: Arc<[Profile]>,
    /// Whom no decision may hit.
    pub exempt: Arc<Exempt>,
    /// Facts that are not in the log.
    pub lookups: Arc<dyn Lookups>,
    /// What is known of each input, in order.
    pub origins: Arc<[Origin]>,
}

/// An event that a scenario wants.
#[derive(Debug)]
struct Pour {
    order: OrderKey,
    /// The overflow that it is: name of its scenario, key, number of the scenario.
    via: Option<(Arc<str>, Box<str>, ScenarioId)>,
    scenario: ScenarioId,
    key: Arc<str>,
    /// What the scenario says, and what those say whose buckets it shares.
    claims: Vec<Claim>,
    time: Option<Stamp>,
    event: Kept,
}

/// Tries every node, and lets no expression see what another one computed.
struct Everything;

impl Watch for Everything {
    const ALL: bool = true;

    fn step(&mut self, cx: &mut Cx<'_>, _: Step<'_>) {
        *cx.memo = Memo::new();
    }
}

/// All alerts in order, with what was decided; `inputs` holds position and text of the lines of
/// each input. Successive lines of one position are one record.
pub fn run(world: &World, inputs: &[Vec<(u64, String)>]) -> Vec<Alert> {
    let catalogue = world.catalogue();
    let mut pours = Vec::new();
    let mut end = EventTime(i64::MIN);
    for (partition, lines) in (0..).map(Partition).zip(inputs) {
        end = end.max(world.lines(partition, lines, &catalogue, &mut pours));
    }
    pours.sort_by_key(|pour| pour.order);

    let mut alerts = Vec::new();
    let takes = |pour: &Pour| catalogue.scenario(pour.scenario).map(|scenario| scenario.takes);
    let (mut again, pours): (Vec<_>, Vec<_>) =
        pours.into_iter().partition(|pour| takes(pour).is_some_and(Takes::overflows));
    for overflowed in world.round(&pours, end, &catalogue) {
        again.extend(world.settle(overflowed, &catalogue, &mut alerts));
    }
    world.reprocess(again, end, &catalogue, &mut alerts);

    alerts.sort_by(Alert::in_order);
    let (profiles, exempt) = (Arc::clone(&world.profiles), Arc::clone(&world.exempt));
    let mut decide = Decide::new(profiles, exempt, Arc::clone(&world.rules.program));
    for alert in &mut alerts {
        decide.decide(alert, &*world.lookups);
    }
    alerts
}

impl World {
    /// The scenarios, with events that keep everything.
    fn catalogue(&self) -> Catalogue {
        let origins = Arc::clone(&self.origins);
        let name = move |partition: Partition| {
            origins.get(partition.0 as usize).map(|origin| Arc::clone(&origin.source))
        };
        let schema = Arc::clone(self.rules.program.schema());
        let reads = Reads {
            fields: Vec::new(),
            every_field: true,
            documents: true,
            raw: true,
            labels: true,
        };
        let modules = self.origins.iter().map(|origin| origin.module);
        let codec = Codec::new(schema, reads, modules, Box::new(name));
        let known = &self.rules.catalogue;
        Catalogue::new(known.scenarios().to_vec(), codec, known.contexts().clone())
    }

    /// Parses the lines of a partition and appends what they pour; where its clock ends.
    fn lines(
        &self,
        partition: Partition,
        lines: &[(u64, String)],
        catalogue: &Catalogue,
        pours: &mut Vec<Pour>,
    ) -> EventTime {
        let mut clock = Clock::default();
        let mut stash = Stashes::new(&self.rules.caches);
        let mut own: Vec<(usize, u32, Pour)> = Vec::new();
        let records = lines.chunk_by(|(one, _), (next, _)| one == next);
        for (number, record) in records.enumerate() {
            stash.advance(clock.now());
            let mut latest = None;
            for (part, (position, text)) in (0..).zip(record) {
                let place = Place { partition, position: *position };
                let mut event = self.event(partition, text);
                let mut memo = Memo::new();
                let mut cx = Cx::new(&mut event, &*self.lookups, &mut memo);
                cx.stash = Some(&mut stash);
                let (rules, mut hands) = (&self.rules, Hands::default());
                let ended = rules.parsers.run(&rules.program, &mut cx, &mut hands, &mut Everything);
                latest = latest.max(cx.event.time.map(|stamp| stamp.at));
                if ended.is_ok() && cx.event.process && cx.event.whitelisted.is_none() {
                    let wanted = self.wanted(&mut cx, Takes::logs, place, catalogue);
                    own.extend(wanted.into_iter().map(|pour| (number, part, pour)));
                }
            }
            clock.line(latest);
        }
        let clocks = clock.finish();
        for (record, part, mut pour) in own {
            pour.order.clock = clocks.get(record).copied().unwrap_or(EventTime(i64::MIN));
            pour.order.part = part;
            pours.push(pour);
        }
        clocks.last().copied().unwrap_or(EventTime(i64::MIN))
    }

    fn event(&self, partition: Partition, text: &str) -> Event {
        let origin = self.origins.get(partition.0 as usize);
        let (raw, time) = (RawLine::from(text), self.lookups.now());
        let line = match origin {
            Some(origin) => Line::of(origin, raw, time),
            None => Line {
                raw,
                source: "".into(),
                labels: Arc::default(),
                module: Text::EMPTY,
                time,
                zone: None,
            },
        };
        Event::new(Arc::clone(self.rules.program.schema()), line)
    }

    /// Asks every scenario that looks at such events, in order.
    fn wanted(
        &self,
        cx: &mut Cx<'_>,
        takes: fn(Takes) -> bool,
        place: Place,
        catalogue: &Catalogue,
    ) -> Vec<Pour> {
        let mut wanted = Vec::new();
        for scenario in catalogue.scenarios() {
            if !takes(scenario.takes) {
                continue;
            }
            *cx.memo = Memo::new();
            let note: &mut Note<'_> = &mut |_, _, _| {};
            let wished = wish(scenario, Known::NOTHING, &self.rules.program, cx, note);
            let Ok(Some(wish)) = wished else { continue };
            let mut claims = vec![wish.claim];
            for other in catalogue.scenarios().iter().filter(|other| shares(scenario, other)) {
                *cx.memo = Memo::new();
                claims.push(claim(other, &self.rules.program, cx, note));
            }
            wanted.push((scenario.id, wish.key, claims));
        }
        // Buckets share the event, with all that filters wrote into it.
        let at = Coordinate { partition: place.partition, position: place.position };
        let pour = |(scenario, key, claims)| Pour {
            order: OrderKey::at(place),
            via: None,
            scenario,
            key,
            claims,
            time: parse_rfc3339(cx.event.text(&cx.event.marshaled_time)),
            event: catalogue.codec().keep(cx.event, at),
        };
        wanted.into_iter().map(pour).collect()
    }

    /// What overflows of pours that stand in order, in the order of overflows.
    fn round(&self, pours: &[Pour], end: EventTime, catalogue: &Catalogue) -> Vec<Overflowed> {
        let program = Arc::clone(&self.rules.program);
        let mut buckets = Buckets::new(catalogue, program, &*self.lookups);
        for pour in pours {
            buckets.pour(pour);
        }
        buckets.end_before(end);
        let mut overflows = buckets.overflows;
        overflows.sort_by(Overflowed::order);
        overflows
    }

    /// Takes an overflow through the postoverflows; who wants it then.
    fn settle(
        &self,
        overflowed: Overflowed,
        catalogue: &Catalogue,
        alerts: &mut Vec<Alert>,
    ) -> Vec<Pour> {
        let Overflowed { cause, scenario, key, overflow } = overflowed;
        let via = (Arc::clone(&overflow.alert.scenario), key, scenario);
        let mut event = catalogue.codec().nothing();
        event.kind = Kind::Overflow;
        event.time = Some(overflow.alert.stop_at);
        event.marshaled_time = Text::from(overflow.alert.stop_at.rfc3339_nano());
        event.overflow = Some(Arc::new(overflow));
        let mut memo = Memo::new();
        let mut cx = Cx::new(&mut event, &*self.lookups, &mut memo);
        let (rules, mut hands) = (&self.rules, Hands::default());
        // An overflow that a postoverflow fails on stays as it is.
        let _ = rules.postoverflows.run(&rules.program, &mut cx, &mut hands, &mut Everything);
        let Some(overflow) = cx.event.overflow.clone() else { return Vec::new() };
        if overflow.whitelisted || cx.event.whitelisted.is_some() {
            return Vec::new();
        }
        alerts.extend(overflow.alerts());
        if !overflow.reprocess {
            return Vec::new();
        }
        let place = Place { partition: cause.partition, position: cause.position };
        let wanted = self.wanted(&mut cx, Takes::overflows, place, catalogue).into_iter();
        wanted.map(|pour| Pour { order: cause, via: Some(via.clone()), ..pour }).collect()
    }
}

/// Whether two scenarios fill the same buckets: a bucket's key is made of name, filter and group.
fn shares(one: &Scenario, other: &Scenario) -> bool {
    let fills = one.kind != BucketKind::Trigger && other.kind != BucketKind::Trigger;
    let same = one.name == other.name && one.filter_text == other.filter_text;
    fills && same && one.id != other.id
}
