//! Buckets that overflows are put to, in the slow twin: whatever waits next is taken, be it a depth of
//! a cause or the end of a bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::buckets::Buckets;
use super::{Pour, World};
use crate::alert::Alert;
use crate::bucket::reprocess::MOST_AGAIN;
use crate::bucket::{Catalogue, Overflowed};
use crate::place::OrderKey;
use crate::time::EventTime;

impl World {
    /// Pours lines, and overflows of lines, with all that follows from them.
    pub(super) fn reprocess(
        &self,
        pours: Vec<Pour>,
        end: EventTime,
        catalogue: &Catalogue,
        alerts: &mut Vec<Alert>,
    ) {
        let mut waiting: BTreeMap<(OrderKey, usize), Vec<Pour>> = BTreeMap::new();
        for pour in pours {
            let depth = usize::from(pour.via.is_some());
            waiting.entry((pour.order, depth)).or_default().push(pour);
        }
        let program = Arc::clone(&self.rules.program);
        let mut buckets = Buckets::new(catalogue, program, &*self.lookups);
        let (mut seen, mut left) = (BTreeMap::new(), 0);
        loop {
            let over = buckets.next_end().filter(|over| *over < end).map(OrderKey::at_deadline);
            let next = waiting.first_key_value().map(|(at, _)| *at);
            let (at, depth) = match (over, next) {
                (Some(over), next) if next.is_none_or(|next| (over, 0) <= next) => (over, 0),
                (_, Some(next)) => next,
                (_, None) => return,
            };
            if over == Some(at) {
                buckets.end_before(EventTime(at.clock.0 + 1));
            }
            let mut now = waiting.remove(&(at, depth)).unwrap_or_default();
            now.sort_by(|a, b| a.via.cmp(&b.via));
            if depth == 1 {
                left = MOST_AGAIN * now.iter().map(|pour| &pour.via).collect::<BTreeSet<_>>().len();
            }
            now.iter().for_each(|pour| buckets.pour(pour));
            let mut overflows = std::mem::take(&mut buckets.overflows);
            overflows.sort_by(Overflowed::order);
            for mut overflowed in overflows {
                let name = (at, overflowed.scenario, overflowed.key.clone());
                let nth = seen.entry(name).or_insert(0);
                overflowed.overflow.alert.nth = *nth;
                *nth += 1;
                let again = self.settle(overflowed, catalogue, alerts);
                if again.is_empty() || (depth > 0 && left == 0) {
                    continue;
                }
                left -= usize::from(depth > 0);
                waiting.entry((at, depth + 1)).or_default().extend(again);
            }
        }
    }
}
