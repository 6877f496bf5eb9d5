//! From pours to alerts on one worker: buckets, then postoverflows, then what is matched again.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use super::change::Changes;
use super::{Buckets, Overflowed, Pour};
use crate::alert::Alert;
use crate::detector::Place;
use crate::event::{Event, Kind};
use crate::expr::{Cx, Memo};
use crate::fault::Faults;
use crate::lookup::Lookups;
use crate::order::batch::{Batch, Deal, Via};
use crate::parse::pass::Hands;
use crate::parse::watch::{Blind, Noting, Watch};
use crate::rules::Rules;
use crate::text::Text;
use crate::time::EventTime;

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

/// The second half of detection, of one worker.
#[derive(Debug)]
pub struct Detect {
    rules: Arc<Rules>,
    lookups: Arc<dyn Lookups>,
    buckets: Rc<RefCell<Buckets>>,
    settled: Rc<RefCell<Settled>>,
    workers: u64,
    /// Whether overflows may be matched again: not those of the second round.
    again: bool,
    memo: Memo,
    hands: Hands,
}

/// The order of overflows within an epoch.
fn by_cause(a: &Overflowed, b: &Overflowed) -> Ordering {
    a.order(b)
}

impl Detect {
    /// A fold over `buckets`, which the caller may look at between epochs. `again` where scenarios
    /// look at its overflows.
    pub fn new(
        rules: Arc<Rules>,
        lookups: Arc<dyn Lookups>,
        buckets: Rc<RefCell<Buckets>>,
        workers: u64,
        again: bool,
    ) -> Self {
        let settled = Rc::default();
        Self {
            rules,
            lookups,
            buckets,
            settled,
            workers,
            again,
            memo: Memo::new(),
            hands: Hands::default(),
        }
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
        let mut pours = Batch::sorted(batches);
        let mut again = Vec::new();
        if self.again {
            let taken = pours.iter_mut().map(|(via, pour)| (&*via, self.rules.second_round(pour)));
            again.extend(taken.filter_map(|(via, pour)| Some((via.clone(), pour?))));
        }
        let mut overflows = Vec::new();
        {
            let mut buckets = self.buckets.borrow_mut();
            for (_, pour) in &pours {
                buckets.pour(pour, &*self.lookups, &mut overflows);
            }
            // Records of the clock itself may still be to come.
            let before = EventTime(clock.0.saturating_sub(1));
            buckets.advance(before, &*self.lookups, &mut overflows);
        }
        overflows.sort_by(by_cause);
        let mut outcomes = Vec::new();
        for overflowed in overflows {
            seen(self.settle(overflowed, watch, &mut outcomes, &mut again));
        }
        if self.again {
            let mut deal = Deal::new(self.workers);
            deal.extend(again);
            outcomes.extend(deal.batches(clock, seal).map(Outcome::Again));
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
        let Overflowed { cause, key, overflow, .. } = overflowed;
        let scenario = Arc::clone(&overflow.alert.scenario);
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
        if overflow.reprocess && self.again {
            self.settled.borrow_mut().reprocessed += 1;
            let place = Place { partition: cause.partition, position: cause.position };
            let mut pours = Vec::new();
            let faults = &mut self.settled.borrow_mut().scenario_faults;
            rules.matcher.overflow_pours(&rules, (&mut cx, place), &mut pours, faults);
            let via = Via::new(&scenario, &key);
            again.extend(pours.into_iter().map(|mut pour| {
                pour.order = cause;
                (via.clone(), pour)
            }));
        }
        event
    }
}
