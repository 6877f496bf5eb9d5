//! From pours to alerts on one worker: buckets, then postoverflows, then what is matched again.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use super::change::Changes;
use super::reprocess::{self, Hand, Waiting};
use super::scenario::ScenarioId;
use super::{Buckets, Overflowed, Pour};
use crate::alert::Alert;
use crate::event::{Event, Kind};
use crate::expr::{Cx, Memo};
use crate::fault::Faults;
use crate::lookup::Lookups;
use crate::order::batch::{Batch, Deal, Via};
use crate::parse::pass::Hands;
use crate::parse::watch::{Blind, Noting, Watch};
use crate::place::Place;
use crate::rules::Rules;
use crate::text::Text;
use crate::time::{EventTime, Stamp};

/// What an epoch of pours leads to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Somebody attacked.
    Alert(Box<Alert>),
    /// For the buckets of one worker that overflows are put to: these as events, and the lines that
    /// such buckets want too.
    Again(Batch),
    /// What changed since the last seal.
    Changes(Changes),
}

/// What became of overflows, besides what buckets count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Overflows that a postoverflow whitelisted.
    pub whitelisted: u64,
    /// Overflows that were matched again.
    pub reprocessed: u64,
    /// What failed in postoverflows, by [`crate::parse::node::Node::number`].
    pub faults: Faults,
    /// What of scenarios failed on overflows, by number of the scenario.
    pub scenario_faults: Faults,
}

impl Settled {
    /// Adds another worker's.
    pub fn add(&mut self, other: &Self) {
        self.whitelisted += other.whitelisted;
        self.reprocessed += other.reprocessed;
        self.faults.join(&other.faults);
        self.scenario_faults.join(&other.scenario_faults);
    }
}

/// Whose buckets a fold has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Those of scenarios that lines alone are put to.
    Lines,
    /// Those of scenarios that overflows are put to, behind the others.
    Overflows,
}

/// The second half of detection, of one worker.
#[derive(Debug)]
pub struct Detect {
    rules: Arc<Rules>,
    lookups: Arc<dyn Lookups>,
    buckets: Rc<RefCell<Buckets>>,
    settled: Rc<RefCell<Settled>>,
    workers: u64,
    round: Round,
    /// Whether scenarios look at overflows of this round.
    again: bool,
    /// When overflows that are matched again happened, if not when they did.
    burst: Option<Stamp>,
    memo: Memo,
    hands: Hands,
}

/// The order of overflows within an epoch.
fn by_cause(a: &Overflowed, b: &Overflowed) -> Ordering {
    a.order(b)
}

impl Detect {
    /// A fold over `buckets` of a round, which the caller may look at between epochs, of one of so many
    /// workers.
    pub fn new(
        rules: Arc<Rules>,
        lookups: Arc<dyn Lookups>,
        buckets: Rc<RefCell<Buckets>>,
        workers: u64,
        round: Round,
    ) -> Self {
        let settled = Rc::default();
        let again = match round {
            Round::Lines => rules.matcher.takes_overflows(),
            Round::Overflows => rules.catalogue.is_deep(),
        };
        Self {
            rules,
            lookups,
            buckets,
            settled,
            workers,
            round,
            again,
            burst: None,
            memo: Memo::new(),
            hands: Hands::default(),
        }
    }

    /// Overflows are matched again as if all of them happened now.
    #[must_use]
    pub fn in_a_burst(mut self, now: Stamp) -> Self {
        self.burst = Some(now);
        self
    }

    /// What is counted, to be read between epochs.
    pub fn settled(&self) -> Rc<RefCell<Settled>> {
        Rc::clone(&self.settled)
    }

    /// Applies the pours of an epoch.
    pub fn epoch(&mut self, batches: Vec<Batch>) -> Vec<Outcome> {
        self.epoch_watched(batches, &mut Blind, &mut |_| {})
    }

    /// The same, with the postoverflow nodes seen by `watch` and every overflow's event, whitelisted
    /// or not, given to `seen` as it stands in the end.
    pub fn epoch_watched<W: Watch>(
        &mut self,
        batches: Vec<Batch>,
        watch: &mut W,
        seen: &mut dyn FnMut(Event),
    ) -> Vec<Outcome> {
        let clock = batches.iter().map(|batch| batch.clock).min();
        let Some(clock) = clock else { return Vec::new() };
        let seal = batches.iter().any(|batch| batch.seal);
        let pours = Batch::sorted(batches);
        // Records of the clock itself may still be to come.
        let before = EventTime(clock.0.saturating_sub(1));
        let mut outcomes = Vec::new();
        match self.round {
            Round::Lines => {
                let mut fold = Fold { detect: self, watch, seen, outcomes: &mut outcomes };
                let again = fold.lines(pours, before);
                if self.again {
                    let among = self.rules.catalogue.sharing(self.workers);
                    let mut deal = Deal::among(self.workers, among);
                    deal.extend(again);
                    outcomes.extend(deal.batches(clock, seal).map(Outcome::Again));
                }
            }
            Round::Overflows => {
                let waiting = pours.into_iter().map(|(via, pour)| Waiting { via, pour, from: () });
                let waiting = waiting.collect();
                let mut fold = Fold { detect: self, watch, seen, outcomes: &mut outcomes };
                reprocess::run(&mut fold, waiting, before);
            }
        }
        if seal {
            outcomes.push(Outcome::Changes(self.buckets.borrow_mut().take_changes(clock)));
        }
        outcomes
    }

    /// Takes an overflow through the postoverflows; its event, as it stands then.
    pub fn settle<W: Watch>(
        &mut self,
        overflowed: Overflowed,
        watch: &mut W,
        outcomes: &mut Vec<Outcome>,
        again: &mut Vec<(Via, Pour)>,
    ) -> Event {
        let via = self.again.then(|| Via::new(&overflowed));
        let Overflowed { cause, overflow, .. } = overflowed;
        let mut event = self.rules.catalogue.codec().nothing();
        event.kind = Kind::Overflow;
        event.time = Some(overflow.alert.stop_at);
        event.marshaled_time = Text::from(overflow.alert.stop_at.rfc3339_nano());
        event.overflow = Some(Arc::new(overflow));
        event.touch();
        let rules = Arc::clone(&self.rules);
        let mut cx = Cx::new(&mut event, &*self.lookups, &mut self.memo);
        // A postoverflow that fails leaves the alert as it is: CrowdSec's output routine would end.
        let mut settled = self.settled.borrow_mut();
        let at = (cause.partition, cause.position);
        let mut watch = Noting { watch, faults: &mut settled.faults, at };
        let _ = rules.postoverflows.run(&rules.program, &mut cx, &mut self.hands, &mut watch);
        drop(settled);
        let Some(overflow) = cx.event.overflow.clone() else { return event };
        if overflow.whitelisted || cx.event.whitelisted.is_some() {
            self.settled.borrow_mut().whitelisted += 1;
            return event;
        }
        let alerts = overflow.alerts().into_iter();
        outcomes.extend(alerts.map(|alert| Outcome::Alert(Box::new(alert))));
        if let Some(via) = via.filter(|_| overflow.reprocess) {
            self.settled.borrow_mut().reprocessed += 1;
            let place = Place { partition: cause.partition, position: cause.position };
            let mut pours = Vec::new();
            let faults = &mut self.settled.borrow_mut().scenario_faults;
            rules.matcher.overflow_pours(&rules, (&mut cx, place), &mut pours, faults);
            again.extend(pours.into_iter().map(|mut pour| {
                pour.order = cause;
                pour.time = self.burst.or(pour.time);
                (via.clone(), pour)
            }));
        }
        event
    }
}

/// An epoch of a fold, with who watches it.
struct Fold<'a, W> {
    detect: &'a mut Detect,
    watch: &'a mut W,
    seen: &'a mut dyn FnMut(Event),
    outcomes: &'a mut Vec<Outcome>,
}

impl<W: Watch> Fold<'_, W> {
    /// Pours into buckets that lines alone are put to; what is for the others.
    fn lines(&mut self, mut pours: Vec<(Via, Pour)>, before: EventTime) -> Vec<(Via, Pour)> {
        let detect = &*self.detect;
        let mut again = Vec::new();
        if detect.again {
            let rules = &detect.rules;
            let taken = pours.iter_mut().map(|(via, pour)| (&*via, rules.second_round(pour)));
            again.extend(taken.filter_map(|(via, pour)| Some((via.clone(), pour?))));
        }
        let mut overflows = Vec::new();
        {
            let mut buckets = detect.buckets.borrow_mut();
            for (_, pour) in &pours {
                buckets.pour(pour, &*detect.lookups, &mut overflows);
            }
            buckets.advance(before, &*detect.lookups, &mut overflows);
        }
        overflows.sort_by(by_cause);
        for overflowed in overflows {
            self.settle_one(overflowed, &mut again);
        }
        again
    }

    fn settle_one(&mut self, overflowed: Overflowed, again: &mut Vec<(Via, Pour)>) {
        let event = self.detect.settle(overflowed, self.watch, self.outcomes, again);
        (self.seen)(event);
    }
}

impl<W: Watch> Hand for Fold<'_, W> {
    type From = ();

    fn next_end(&self) -> Option<EventTime> {
        self.detect.buckets.borrow().next_end()
    }

    fn end(&mut self, through: EventTime, out: &mut Vec<Overflowed>) {
        let Detect { buckets, lookups, .. } = &*self.detect;
        buckets.borrow_mut().advance(through, &**lookups, out);
    }

    fn pour(&mut self, event: &Waiting<()>, out: &mut Vec<Overflowed>) {
        let Detect { buckets, lookups, .. } = &*self.detect;
        buckets.borrow_mut().pour(&event.pour, &**lookups, out);
    }

    fn settle(&mut self, overflowed: Overflowed, _: Option<()>) -> Vec<Waiting<()>> {
        let mut again = Vec::new();
        self.settle_one(overflowed, &mut again);
        again.into_iter().map(|(via, pour)| Waiting { via, pour, from: () }).collect()
    }

    fn leave(&mut self, scenario: ScenarioId) {
        self.detect.buckets.borrow_mut().leave(scenario);
    }
}
