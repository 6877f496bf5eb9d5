//! Which batch: the timestamp of the dataflow, and the driver that waits for whole batches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;
use timely::progress::timestamp::{PathSummary, Refines};
use timely::{ExchangeData, PartialOrder};

/// Number of a batch since the start. What is in which batch depends on timing and never on
/// anything that is printed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

impl PartialOrder for Epoch {
    fn less_equal(&self, other: &Self) -> bool {
        self <= other
    }
}

impl TotalOrder for Epoch {}

impl PathSummary<Epoch> for Epoch {
    fn results_in(&self, source: &Epoch) -> Option<Epoch> {
        self.0.checked_add(source.0).map(Epoch)
    }

    fn followed_by(&self, other: &Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Epoch)
    }
}

impl Timestamp for Epoch {
    type Summary = Epoch;
    fn minimum() -> Self {
        Self(0)
    }
}

impl Refines<()> for Epoch {
    fn to_inner((): ()) -> Self {
        Self(0)
    }

    fn to_outer(self) {}

    fn summarize(_: Self::Summary) {}
}

/// Hands the items of each epoch to `logic` once the epoch is complete: the driver of every stage
/// whose order matters. `logic` sorts; the driver only waits.
pub fn settled<'scope, D, R, F>(
    stream: StreamVec<'scope, Epoch, D>,
    name: &str,
    worker_of: impl Fn(&D) -> u64 + 'static,
    mut logic: F,
) -> StreamVec<'scope, Epoch, R>
where
    D: ExchangeData,
    R: 'static,
    F: FnMut(Vec<D>) -> Vec<R> + 'static,
{
    stream.unary_frontier(Exchange::new(worker_of), name, move |_capability, _info| {
        let mut held: BTreeMap<Epoch, (Capability<Epoch>, Vec<D>)> = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each_time(|time, batches| {
                let (_, items) = held
                    .entry(*time.time())
                    .or_insert_with(|| (time.retain(output.output_index()), Vec::new()));
                for batch in batches {
                    items.append(batch);
                }
            });
            while let Some(entry) = held.first_entry() {
                if frontier.less_equal(entry.key()) {
                    break;
                }
                let (capability, items) = entry.remove();
                output.session(&capability).give_iterator(logic(items).into_iter());
            }
        }
    })
}
