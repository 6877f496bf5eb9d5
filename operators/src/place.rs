//! Where a line stands: in its partition, and in the order of all.

use serde::{Deserialize, Serialize};

use crate::time::EventTime;

/// Number of a source partition within a run (a file, a topic partition): in the order of the
/// inputs as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partition(pub u32);

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The source partition.
    pub partition: Partition,
    /// Position within it.
    pub position: u64,
}

/// Where a record stands among all records of a run. Records of one partition keep their order,
/// partitions are merged by their clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderKey {
    /// Running maximum of the clock within the partition.
    pub clock: EventTime,
    /// The partition.
    pub partition: Partition,
    /// Position within the partition. Unit: bytes for files.
    pub position: u64,
    /// Which line of the record it is, from 0: a `transform` makes several of one.
    #[serde(default)]
    pub part: u32,
}

impl OrderKey {
    /// Before every record.
    pub const FIRST: Self =
        Self { clock: EventTime(i64::MIN), partition: Partition(0), position: 0, part: 0 };

    /// The place of a line whose clock is not known yet.
    pub fn at(place: Place) -> Self {
        let clock = EventTime(i64::MIN);
        Self { clock, partition: place.partition, position: place.position, part: 0 }
    }

    /// The same place at the earliest clock that puts it behind `floor`.
    pub fn behind(self, floor: Self) -> Self {
        let there = Self { clock: floor.clock, ..self };
        if there > floor {
            return there;
        }
        Self { clock: EventTime(floor.clock.0.saturating_add(1)), ..self }
    }

    /// Behind every record whose clock is `deadline`, before every later one: where a bucket that
    /// ends by itself ends.
    pub fn at_deadline(deadline: EventTime) -> Self {
        Self { clock: deadline, partition: Partition(u32::MAX), position: u64::MAX, part: 0 }
    }

    /// Buckets with a deadline before this end before what stands here. What an end leads to comes
    /// behind all that end with it.
    pub fn ends_before(self) -> EventTime {
        let end = self == Self::at_deadline(self.clock);
        EventTime(self.clock.0.saturating_add(i64::from(end)))
    }
}
