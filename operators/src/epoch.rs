//! Which batch: the timestamp of the dataflow.

use serde::{Deserialize, Serialize};
use timely::PartialOrder;
use timely::order::TotalOrder;
use timely::progress::Timestamp;
use timely::progress::timestamp::{PathSummary, Refines};

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
