//! `reprocess`: what lines and overflows lead to in the buckets of scenarios that overflows are put
//! to, and what that leads to in turn (crowdsec cmd/crowdsec/output.go). In: their pours in order.
//! Out: one call after the other, each of which may overflow.
//!
//! One cause comes after the other. Of one cause that is a deadline, all buckets end first. Then comes
//! one depth after the other, as in CrowdSec's queue: what lines led to, what this led to, and so on.
//! The overflows of a depth come by name of the scenario and key.

use std::collections::BTreeMap;

use super::scenario::ScenarioId;
use super::{Overflowed, Pour};
use crate::order::batch::Via;
use crate::place::OrderKey;
use crate::time::EventTime;

/// An overflow is matched again that is the last of so many that follow one from another: a scenario
/// whose overflows fill its own buckets would go on for ever.
pub const MOST_DEEP: u32 = 100;
/// Of those that follow at once from one overflow so many are matched again: several such scenarios
/// would double at each step.
pub const MOST_AGAIN: usize = 100;

/// An event for buckets that overflows are put to.
#[derive(Clone, Debug)]
pub struct Waiting<T> {
    /// The overflow that it is.
    pub via: Via,
    /// Who wants it.
    pub pour: Pour,
    /// What the caller knows of it.
    pub from: T,
}

/// Overflows, each with what the caller knows of the event that caused it; none ends a bucket.
type Overflows<T> = Vec<(Overflowed, Option<T>)>;

/// Who has the buckets and the postoverflows.
pub trait Hand {
    /// What is known of events.
    type From: Copy;

    /// When the next bucket ends by itself.
    fn next_end(&self) -> Option<EventTime>;

    /// Ends those whose time is over at `through`.
    fn end(&mut self, through: EventTime, out: &mut Vec<Overflowed>);

    /// Pours an event; no bucket ends by itself before it.
    fn pour(&mut self, event: &Waiting<Self::From>, out: &mut Vec<Overflowed>);

    /// Takes an overflow through the postoverflows; who wants it then.
    fn settle(
        &mut self,
        overflowed: Overflowed,
        from: Option<Self::From>,
    ) -> Vec<Waiting<Self::From>>;

    /// An overflow of a scenario is not matched again: there were [`MOST_AGAIN`].
    fn leave(&mut self, scenario: ScenarioId);
}

/// Pours what stands in order, by cause and then [`Via`], with all that follows; at last buckets end
/// whose time is over at `through`.
pub fn run<H: Hand>(hand: &mut H, waiting: Vec<Waiting<H::From>>, through: EventTime) {
    let mut waiting = waiting.into_iter().peekable();
    let (mut wave, mut out) = (Vec::new(), Vec::new());
    loop {
        let end = hand.next_end().map(OrderKey::at_deadline);
        let next = waiting.peek().map(|event| event.pour.order);
        let at = match (end, next) {
            (Some(end), Some(next)) => end.min(next),
            (Some(end), None) if end.clock <= through => end,
            (None, Some(next)) => next,
            (_, None) => return,
        };
        let mut overflows: Overflows<H::From> = Vec::new();
        if end == Some(at) {
            hand.end(at.clock, &mut out);
            overflows.extend(out.drain(..).map(|overflowed| (overflowed, None)));
        }
        while let Some(event) = waiting.next_if(|event| event.pour.order == at) {
            if event.via.is_line() {
                hand.pour(&event, &mut out);
                overflows.extend(out.drain(..).map(|overflowed| (overflowed, Some(event.from))));
            } else {
                wave.push(event);
            }
        }
        if !(overflows.is_empty() && wave.is_empty()) {
            follow(hand, overflows, &mut wave);
        }
    }
}

/// What follows from the overflows of one cause; `wave` holds events of the first depth already.
fn follow<H: Hand>(
    hand: &mut H,
    mut overflows: Overflows<H::From>,
    wave: &mut Vec<Waiting<H::From>>,
) {
    let mut seen: BTreeMap<(ScenarioId, Box<str>), u32> = BTreeMap::new();
    let mut settle = |hand: &mut H, (mut overflowed, from): (Overflowed, _)| {
        let nth = seen.entry((overflowed.scenario, overflowed.key.clone())).or_default();
        overflowed.overflow.alert.nth = *nth;
        *nth += 1;
        hand.settle(overflowed, from)
    };
    overflows.sort_by(|(a, _), (b, _)| a.order(b));
    for overflowed in overflows {
        wave.extend(settle(hand, overflowed));
    }
    wave.sort_by(|a, b| a.via.cmp(&b.via));
    let first = wave.chunk_by(|a, b| a.via == b.via).count();
    let mut left = first.saturating_mul(MOST_AGAIN);
    let mut out = Vec::new();
    while !wave.is_empty() {
        let mut overflows: Overflows<H::From> = Vec::new();
        for event in wave.drain(..) {
            hand.pour(&event, &mut out);
            overflows.extend(out.drain(..).map(|overflowed| (overflowed, Some(event.from))));
        }
        overflows.sort_by(|(a, _), (b, _)| a.order(b));
        for overflowed in overflows {
            let scenario = overflowed.0.scenario;
            let again = settle(hand, overflowed);
            if again.is_empty() {
                continue;
            }
            match left.checked_sub(1) {
                Some(less) => {
                    left = less;
                    wave.extend(again);
                }
                None => hand.leave(scenario),
            }
        }
    }
}
