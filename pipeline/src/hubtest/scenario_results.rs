//! `results` of assertions about scenarios: overflows in the order of the reference, and its
//! freedom among those that the order does not tell apart.

use std::ops::Range;
use std::sync::Arc;

use operators::expr::recorded::{Recorded, list};
use operators::value::{Object, Value};

/// Overflows, descending by scenario and sources (crowdsec pkg/hubtest/scenario_assert.go).
#[derive(Clone, Debug)]
pub(super) struct Overflows {
    events: Vec<Arc<Recorded>>,
    /// Indexes of overflows that have equal keys. The reference's sort is not stable.
    pub(super) ties: Vec<Range<usize>>,
}

impl Overflows {
    /// Sorts overflows; of equal ones the earlier stands first.
    pub(super) fn new(events: &[Arc<Recorded>]) -> Self {
        let mut keyed: Vec<_> =
            events.iter().map(|event| (key(event), Arc::clone(event))).collect();
        keyed.sort_by(|a, b| b.0.cmp(&a.0));
        let mut ties = Vec::new();
        let mut start = 0;
        for group in keyed.chunk_by(|a, b| a.0 == b.0) {
            if group.len() > 1 {
                ties.push(start..start + group.len());
            }
            start += group.len();
        }
        Self { events: keyed.into_iter().map(|(_, event)| event).collect(), ties }
    }

    /// The `results` of assertions.
    pub(super) fn value(&self) -> Value {
        let object = |event: &Arc<Recorded>| Value::Object(Arc::clone(event) as Arc<dyn Object>);
        list(self.events.iter().map(object).collect())
    }

    /// The overflows in order.
    pub(super) fn events(&self) -> &[Arc<Recorded>] {
        &self.events
    }

    /// The same with two of them exchanged.
    pub(super) fn exchanged(&self, a: usize, b: usize) -> Self {
        let mut other = self.clone();
        other.events.swap(a, b);
        other
    }

    /// The same with the overflows of `tie` in another order: `order` gives, for each place, which
    /// of them stands there.
    pub(super) fn reordered(&self, tie: &Range<usize>, order: &[usize]) -> Self {
        let mut other = self.clone();
        for (place, from) in tie.clone().zip(order) {
            if let (Some(to), Some(event)) = (other.events.get_mut(place), self.events.get(*from)) {
                *to = Arc::clone(event);
            }
        }
        other
    }
}

fn key(event: &Recorded) -> String {
    let Some(overflow) = &event.event().overflow else { return String::new() };
    let sources: Vec<&str> = overflow.sources.keys().map(|key| &**key).collect();
    format!("{}{}", overflow.alert.scenario, sources.join("@"))
}
