//! Takes lines through rules in their order, as one worker of a replay does, and tells each one's
//! story. A line whose date is doubtful waits for the next one, as the clock demands.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use operators::alert::wire::WireAlert;
use operators::bucket::detect::{Detect, Outcome, Round};
use operators::bucket::reprocess::{self, Hand};
use operators::bucket::scenario::{Kind, Takes};
use operators::bucket::{Buckets, Counters, Overflowed, Pour, Scenario, ScenarioId, Want};
use operators::event::{Event, Line};
use operators::expr::{Cx, Memo};
use operators::fault::Faults;
use operators::lookup::Lookups;
use operators::order::batch::Via;
use operators::order::clock::{Claim, PartitionClock};
use operators::origin::Origin;
use operators::parse::node::Abort;
use operators::parse::pass::Hands;
use operators::parse::stash::Stashes;
use operators::place::{OrderKey, Partition, Place};
use operators::profile::decide::{Decide, Verdict};
use operators::profile::{Exempt, Profile};
use operators::rules::Rules;
use operators::text::RawLine;
use operators::time::EventTime;

use super::condition::untrue;
use super::recorder::Recorder;
use super::story::{
    AlertStory, BucketStory, LineStory, OverflowStory, PourStory, Unwanted, WhyNot,
};
use super::why_not::{self, Question};
use crate::hubtest::drive::STILL;

/// The one partition that is explained.
const PARTITION: Partition = Partition(0);

/// What detected the alerts, as `machine_id` says.
const MACHINE: &str = "spillway";

/// What an explainer is made of.
#[derive(Debug)]
pub struct Parts {
    /// The rules.
    pub rules: Arc<Rules>,
    /// What alerts lead to.
    pub profiles: Arc<[Profile]>,
    /// Whom no decision may hit.
    pub exempt: Arc<Exempt>,
    /// Facts that are not in the log.
    pub lookups: Arc<dyn Lookups>,
    /// What is known of the lines.
    pub origin: Origin,
    /// The scenario that is asked about.
    pub why_not: Option<ScenarioId>,
    /// Whether it is told why nodes did not succeed.
    pub reasons: bool,
    /// Whether it is told why scenarios did not want a line.
    pub unwanted: bool,
    /// Whether the clock that orders lines stands still, as it does in tests of a hub.
    pub still: bool,
}

/// A line that waits for its clock.
#[derive(Debug)]
struct Unplaced {
    story: LineStory,
    pours: Vec<Pour>,
}

/// Tells what rules do to lines.
#[derive(Debug)]
pub struct Explainer {
    parts: Parts,
    event: Event,
    memo: Memo,
    hands: Hands,
    stashes: Stashes,
    clock: PartitionClock<Unplaced>,
    end: EventTime,
    lines: Rounds,
    overflows: Rounds,
    decide: Decide,
}

/// Buckets of one round of detection with what settles their overflows.
#[derive(Debug)]
struct Rounds {
    detect: Detect,
    buckets: Rc<RefCell<Buckets>>,
}

impl Rounds {
    fn new(parts: &Parts, round: Round) -> Self {
        let rules = &parts.rules;
        let buckets = Buckets::new(Arc::clone(&rules.catalogue), Arc::clone(&rules.program));
        let buckets = Rc::new(RefCell::new(buckets));
        let (shared, lookups) = (Rc::clone(&buckets), Arc::clone(&parts.lookups));
        Self { detect: Detect::new(Arc::clone(rules), lookups, shared, 1, round), buckets }
    }
}

impl Explainer {
    /// Nothing told yet.
    pub fn new(parts: Parts) -> Self {
        let rules = &parts.rules;
        let line = Line::of(&parts.origin, RawLine::from(""), parts.lookups.now());
        let decide = Decide::new(
            Arc::clone(&parts.profiles),
            Arc::clone(&parts.exempt),
            Arc::clone(&rules.program),
        );
        Self {
            event: Event::new(Arc::clone(rules.program.schema()), line),
            memo: Memo::new(),
            hands: Hands::default(),
            stashes: Stashes::new(&rules.caches),
            clock: PartitionClock::default(),
            end: EventTime(i64::MIN),
            lines: Rounds::new(&parts, Round::Lines),
            overflows: Rounds::new(&parts, Round::Overflows),
            decide,
            parts,
        }
    }

    /// Takes line `number`, which begins at byte `offset`; appends the stories that are complete
    /// now, in the order of the lines.
    pub fn line(&mut self, number: u64, offset: u64, raw: RawLine, out: &mut Vec<LineStory>) {
        let (waiting, stamp) = self.parse(number, offset, raw);
        let stamp = if self.parts.still { Some(STILL) } else { stamp };
        let mut ready = Vec::new();
        let claim = stamp.map_or(Claim::Nothing, Claim::Doubtful);
        self.clock.line((offset, claim), Some(waiting), &mut |placed| ready.push(placed));
        out.extend(ready.into_iter().map(|placed| self.pour(placed.clock, placed.item)));
    }

    /// There are no more lines; appends what is left, and returns what overflows because its time
    /// is over by then.
    pub fn end(&mut self, out: &mut Vec<LineStory>) -> Vec<OverflowStory> {
        let mut ready = Vec::new();
        self.clock.end(&mut |placed| ready.push(placed));
        out.extend(ready.into_iter().map(|placed| self.pour(placed.clock, placed.item)));
        let mut overflows = Vec::new();
        self.lines.buckets.borrow_mut().advance(self.end, &*self.parts.lookups, &mut overflows);
        let (mut pours, mut answer) = (Vec::new(), None);
        self.follow((overflows, Vec::new()), self.end, (&mut pours, &mut answer))
    }

    /// Parses a line and finds who wants it.
    fn parse(&mut self, number: u64, offset: u64, raw: RawLine) -> (Unplaced, Option<EventTime>) {
        let rules = Arc::clone(&self.parts.rules);
        let origin = &self.parts.origin;
        let text = raw.as_str().to_owned();
        self.event.reset(Line::of(origin, raw, self.parts.lookups.now()));
        self.stashes.advance(self.clock.now());
        let mut cx = Cx::new(&mut self.event, &*self.parts.lookups, &mut self.memo)
            .with_stash(&mut self.stashes);
        let mut recorder = Recorder::new(&rules.program, self.parts.reasons);
        let parsed = rules.parsers.run(&rules.program, &mut cx, &mut self.hands, &mut recorder);
        let mut story = LineStory {
            line: number,
            file: origin.source.to_string(),
            offset,
            text,
            kind: origin.labels.get("type").map_or_else(String::new, ToString::to_string),
            stages: recorder.finish(),
            parsed: cx.event.process,
            time: cx.event.time.map(|stamp| stamp.rfc3339_nano()),
            ..LineStory::default()
        };
        let reason = cx.event.whitelisted.as_ref();
        story.whitelisted = reason.map(|reason| cx.event.text(reason).to_owned());
        story.unparsed = (!story.parsed).then(|| unparsed(&story, parsed.err().as_ref()));
        let stamp = cx.event.time.map(|stamp| stamp.at);
        let mut pours = Vec::new();
        if story.parsed && story.whitelisted.is_none() {
            if self.parts.unwanted {
                story.unwanted = unwanted(&rules, &mut cx);
            }
            if let Some(id) = self.parts.why_not {
                story.why_not = why_not::of_event(&rules, id, &mut cx, Takes::logs);
            }
            let place = Place { partition: PARTITION, position: offset };
            let faults = &mut Faults::default();
            rules.matcher.log_pours(&rules, (&mut cx, place), &mut pours, faults);
        }
        (Unplaced { story, pours }, stamp)
    }

    /// Pours a line whose clock is known, and completes its story.
    fn pour(&mut self, clock: EventTime, waiting: Unplaced) -> LineStory {
        let Unplaced { mut story, pours } = waiting;
        self.end = self.end.max(clock);
        let (mut overflows, mut behind) = (Vec::new(), Vec::new());
        for mut pour in pours {
            pour.order = OrderKey { clock, partition: PARTITION, position: story.offset, part: 0 };
            behind.extend(self.parts.rules.second_round(&mut pour));
            story.scenarios.extend(self.lines.pour(&self.parts, &pour, &mut overflows));
        }
        let before = EventTime(clock.0.saturating_sub(1));
        let lookups = &*self.parts.lookups;
        self.lines.buckets.borrow_mut().advance(before, lookups, &mut overflows);
        let mut answer = story.why_not.take();
        let told = (&mut story.scenarios, &mut answer);
        story.overflows = self.follow((overflows, behind), before, told);
        if let Some(id) = self.parts.why_not {
            let question = Question { rules: &self.parts.rules, id, from_filter: answer };
            story.why_not = question.answer(&story);
        }
        story
    }

    /// Takes overflows of lines through postoverflows and, where scenarios want that, through the
    /// buckets of overflows, as well as lines that these want. `answer` is filled in if one of them
    /// says why a scenario does not want it.
    fn follow(
        &mut self,
        (mut overflows, lines): (Vec<Overflowed>, Vec<Pour>),
        through: EventTime,
        (pours, answer): (&mut Vec<PourStory>, &mut Option<WhyNot>),
    ) -> Vec<OverflowStory> {
        overflows.sort_by(Overflowed::order);
        let line = |pour| Waiting { via: Via::default(), pour, from: None };
        let mut waiting: Vec<_> = lines.into_iter().map(line).collect();
        let mut telling = Telling { explainer: self, told: Vec::new(), pours, answer };
        for overflowed in overflows {
            waiting.extend(telling.overflow(overflowed, None, Round::Lines));
        }
        waiting.sort_by(|a, b| (a.pour.order, &a.via).cmp(&(b.pour.order, &b.via)));
        reprocess::run(&mut telling, waiting, through);
        nested(telling.told)
    }

    fn one_overflow(
        &mut self,
        overflowed: Overflowed,
        again: &mut Vec<(Via, Pour)>,
        round: Round,
    ) -> (OverflowStory, Event) {
        let mut story = OverflowStory {
            scenario: overflowed.overflow.alert.scenario.to_string(),
            key: overflowed.key.to_string(),
            at: overflowed.overflow.alert.stop_at.rfc3339_nano(),
            deadline: overflowed.cause.position == u64::MAX,
            ..OverflowStory::default()
        };
        let rules = Arc::clone(&self.parts.rules);
        let mut recorder = Recorder::new(&rules.program, self.parts.reasons);
        let mut outcomes = Vec::new();
        let round = match round {
            Round::Lines => &mut self.lines,
            Round::Overflows => &mut self.overflows,
        };
        let event = round.detect.settle(overflowed, &mut recorder, &mut outcomes, again);
        story.stages = recorder.finish();
        let reason = event.whitelisted.as_ref();
        story.whitelisted = reason.map(|reason| event.text(reason).to_owned());
        for outcome in outcomes {
            let Outcome::Alert(mut alert) = outcome else { continue };
            let verdict = self.decide.decide(&mut alert, &*self.parts.lookups);
            story.alerts.push(self.alert(&alert, verdict));
        }
        (story, event)
    }

    fn alert(&self, alert: &operators::alert::Alert, verdict: Verdict) -> AlertStory {
        let name = |_| Arc::clone(&self.parts.origin.source);
        let wire = WireAlert::new(alert, MACHINE, &name);
        let (allowlisted, profiles) = match verdict {
            Verdict::Allowlisted(reason) => (Some(reason), Vec::new()),
            Verdict::Judged(judged) => {
                (None, judged.matched.iter().map(ToString::to_string).collect())
            }
        };
        let decision = |decision: &operators::alert::Decision| {
            let operators::alert::Decision { kind, scope, value, duration, .. } = decision;
            let pretended = if decision.simulated { " (simulated)" } else { "" };
            format!("{kind} {scope} {value} for {duration}{pretended}")
        };
        AlertStory {
            message: alert.message.to_string(),
            allowlisted,
            profiles,
            decisions: alert.decisions.iter().map(decision).collect(),
            alert: serde_json::to_value(wire).unwrap_or_default(),
        }
    }
}

/// An event that waits for the buckets of overflows, and the overflow that it is.
type Waiting = reprocess::Waiting<Option<usize>>;

/// Overflows of one line, as they are told.
struct Telling<'a> {
    explainer: &'a mut Explainer,
    /// Each with the one that it follows from.
    told: Vec<(Option<usize>, OverflowStory)>,
    /// What the line did.
    pours: &'a mut Vec<PourStory>,
    answer: &'a mut Option<WhyNot>,
}

impl Telling<'_> {
    fn overflow(
        &mut self,
        overflowed: Overflowed,
        parent: Option<usize>,
        round: Round,
    ) -> Vec<Waiting> {
        let mut again = Vec::new();
        let (story, mut event) = self.explainer.one_overflow(overflowed, &mut again, round);
        let Explainer { parts, memo, .. } = &mut *self.explainer;
        if let Some(id) = parts.why_not
            && self.answer.is_none()
        {
            let mut cx = Cx::new(&mut event, &*parts.lookups, memo);
            *self.answer = why_not::of_event(&parts.rules, id, &mut cx, Takes::overflows);
        }
        let from = Some(self.told.len());
        self.told.push((parent, story));
        again.into_iter().map(|(via, pour)| Waiting { via, pour, from }).collect()
    }
}

impl Hand for Telling<'_> {
    type From = Option<usize>;

    fn next_end(&self) -> Option<EventTime> {
        self.explainer.overflows.buckets.borrow().next_end()
    }

    fn end(&mut self, through: EventTime, out: &mut Vec<Overflowed>) {
        let Explainer { overflows, parts, .. } = &*self.explainer;
        overflows.buckets.borrow_mut().advance(through, &*parts.lookups, out);
    }

    fn pour(&mut self, event: &Waiting, out: &mut Vec<Overflowed>) {
        let Explainer { overflows, parts, .. } = &*self.explainer;
        let poured = overflows.pour(parts, &event.pour, out);
        match event.from.and_then(|from| self.told.get_mut(from)) {
            Some((_, story)) => story.scenarios.extend(poured),
            None => self.pours.extend(poured),
        }
    }

    fn settle(&mut self, overflowed: Overflowed, from: Option<Option<usize>>) -> Vec<Waiting> {
        self.overflow(overflowed, from.flatten(), Round::Overflows)
    }

    fn leave(&mut self, scenario: ScenarioId) {
        self.explainer.overflows.buckets.borrow_mut().leave(scenario);
    }
}

/// Each overflow within the one that it follows from, which stands before it.
fn nested(mut told: Vec<(Option<usize>, OverflowStory)>) -> Vec<OverflowStory> {
    let mut first = Vec::new();
    while let Some((parent, mut story)) = told.pop() {
        story.overflows.reverse();
        match parent.and_then(|parent| told.get_mut(parent)) {
            Some((_, parent)) => parent.overflows.push(story),
            None => first.push(story),
        }
    }
    first.reverse();
    first
}

impl Rounds {
    /// Pours into one bucket after the other, and tells what that did.
    fn pour(&self, parts: &Parts, pour: &Pour, overflows: &mut Vec<Overflowed>) -> Vec<PourStory> {
        let each = pour.wants.iter().filter_map(|want| {
            let alone = Pour { wants: vec![want.clone()], ..pour.clone() };
            self.pour_one(parts, &alone, want, overflows)
        });
        each.collect()
    }

    fn pour_one(
        &self,
        parts: &Parts,
        pour: &Pour,
        want: &Want,
        overflows: &mut Vec<Overflowed>,
    ) -> Option<PourStory> {
        let id = want.claim.scenario;
        let scenario = parts.rules.catalogue.scenario(id)?;
        let mut buckets = self.buckets.borrow_mut();
        // What ends by itself before this pour is not its doing.
        let before = EventTime(pour.order.clock.0.saturating_sub(1));
        buckets.advance(before, &*parts.lookups, overflows);
        let old = buckets.counters().get(id.index()).cloned().unwrap_or_default();
        buckets.pour(pour, &*parts.lookups, overflows);
        let new = buckets.counters().get(id.index()).cloned().unwrap_or_default();
        let at = pour.time.map_or(pour.order.clock, |time| time.at);
        let open = buckets.open(id, &want.key, at);
        let open = open.filter(|_| scenario.kind != Kind::Trigger);
        let (outcome, reason) = outcome(&old, &new);
        Some(PourStory {
            scenario: scenario.name.to_string(),
            key: want.key.to_string(),
            distinct: want.claim.distinct.as_ref().map(ToString::to_string),
            outcome,
            reason,
            bucket: open.map(|open| BucketStory {
                level: open.level,
                capacity: open.capacity,
                poured: open.poured,
                first: open.first.rfc3339_nano(),
                last: open.last.rfc3339_nano(),
            }),
        })
    }
}

/// What a pour did, from the counts before and after it.
fn outcome(old: &Counters, new: &Counters) -> (&'static str, Option<String>) {
    let failed = new.failed.iter().find(|(why, count)| old.failed.get(why) != Some(count));
    match failed {
        Some((why, _)) => ("failed", Some(why.to_string())),
        None if new.undated > old.undated => ("undated", None),
        None if new.repeated > old.repeated => ("repeated", None),
        None if new.cancelled > old.cancelled => ("cancelled", None),
        None if new.filtered > old.filtered => ("filtered", None),
        None if new.blackholed > old.blackholed => ("blackholed", None),
        None if new.overflowed > old.overflowed => ("overflowed", None),
        None => ("poured", None),
    }
}

fn unparsed(story: &LineStory, abort: Option<&Abort>) -> String {
    match (abort, story.stages.last()) {
        (Some(abort), _) => abort.to_string(),
        (None, Some(stage)) if !stage.success => format!("no node of {} took it", stage.stage),
        (None, Some(stage)) => format!("the stage after {} has no nodes", stage.stage),
        (None, None) => "there are no parsers".to_owned(),
    }
}

/// All scenarios of lines whose filter is not true.
fn unwanted(rules: &Rules, cx: &mut Cx<'_>) -> Vec<Unwanted> {
    let lines = |scenario: &&Scenario| scenario.takes.logs();
    let scenarios = rules.catalogue.scenarios().iter().filter(lines);
    let unwanted = scenarios.filter_map(|scenario| {
        let filter = untrue(&rules.program, scenario.filter, cx)?;
        Some(Unwanted { scenario: scenario.name.to_string(), filter })
    });
    unwanted.collect()
}

/// Names of scenarios with their numbers.
pub fn scenarios(rules: &Rules) -> BTreeMap<&str, ScenarioId> {
    let all = rules.catalogue.scenarios().iter();
    all.map(|scenario| (&*scenario.name, scenario.id)).collect()
}
