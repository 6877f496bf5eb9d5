//! Where a partition is read on: the shape of this source's positions, the names of its lanes, and
//! which kept lane a partition continues.
//!
//! A lane is one life of a partition. A topic that is deleted and created again, or a partition whose
//! end was cut off (an unclean leader election), counts its offsets anew: that is a new lane of a
//! higher generation, so that no line is taken for one that was kept before.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::position::Position;
use crate::source::Resume;

/// Bits of a line's offset that number the lines of one record, where a record may hold many.
const LINE_BITS: u32 = 20;

/// Most lines of one record, where a record may hold many.
pub(super) const MAX_LINES: u64 = 1 << LINE_BITS;

/// A kept place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place<'a> {
    /// Name of the topic.
    pub(super) topic: Cow<'a, str>,
    /// The broker's identifier of the topic, which a new topic of the same name does not get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Cow<'a, str>>,
    /// Number of the partition.
    pub(super) partition: i32,
    /// Offset of the next record.
    pub(super) offset: i64,
    /// How often offsets began anew.
    #[serde(default, skip_serializing_if = "is_first")]
    pub(super) generation: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_first(generation: &u32) -> bool {
    *generation == 0
}

impl Place<'_> {
    /// As a source says it.
    pub(super) fn position(&self) -> Position {
        Position::new(self)
    }

    /// Name of its lane: `topic/3`; `topic/3~1` for the next generation. Lines of records that may
    /// hold many count in another unit: `topic/3+`.
    pub(super) fn lane(&self, scale: Scale) -> String {
        let mark = if scale == Scale::Lines { "+" } else { "" };
        match self.generation {
            0 => format!("{}/{}{mark}", self.topic, self.partition),
            again => format!("{}/{}{mark}~{again}", self.topic, self.partition),
        }
    }
}

/// What offsets of lines count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// A record is a line: its offset is the record's.
    Records,
    /// A record holds many lines: the record's offset, shifted, plus the place in it.
    Lines,
}

impl Scale {
    /// Offset of the first line of a record.
    pub(super) fn line(self, record: i64) -> u64 {
        let record = u64::try_from(record).unwrap_or(0);
        match self {
            Self::Records => record,
            Self::Lines => record << LINE_BITS,
        }
    }

    /// The record that holds a line.
    fn record(self, line: u64) -> i64 {
        let record = match self {
            Self::Records => line,
            Self::Lines => line >> LINE_BITS,
        };
        i64::try_from(record).unwrap_or(i64::MAX)
    }
}

/// What earlier runs kept of the partitions of this source.
#[derive(Debug, Default)]
pub(super) struct Kept {
    places: BTreeMap<(String, i32), Place<'static>>,
}

impl Kept {
    /// The last place of each partition. Places that are no Kafka source's are said in the log and
    /// left alone.
    pub(super) fn new(resume: &BTreeMap<Arc<str>, Resume>, scale: Scale) -> Self {
        let mut kept = Self::default();
        for (name, resume) in resume {
            match resume.position.read::<Place<'static>>() {
                Ok(mut place) => {
                    if place.lane(scale) == **name {
                        place.offset = place.offset.max(scale.record(resume.next_offset));
                    }
                    kept.put(place);
                }
                Err(error) => tracing::warn!(lane = %name, %error, "kept position is not read"),
            }
        }
        kept
    }

    /// Remembers where a partition is, for when it comes back in this run.
    pub(super) fn put(&mut self, place: Place<'static>) {
        let key = (place.topic.clone().into_owned(), place.partition);
        let newer = self
            .places
            .get(&key)
            .is_none_or(|old| (old.generation, old.offset) <= (place.generation, place.offset));
        if newer {
            self.places.insert(key, place);
        }
    }

    /// The place of a partition.
    pub(super) fn get(&self, topic: &str, partition: i32) -> Option<&Place<'static>> {
        self.places.get(&(topic.to_owned(), partition))
    }

    /// Topics of which something is kept.
    pub(super) fn topics(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(|(topic, _)| topic.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: i64, generation: u32) -> Place<'static> {
        Place { topic: "t".into(), id: None, partition: 3, offset, generation }
    }

    fn kept(lanes: &[(&str, Place<'static>, u64)], scale: Scale) -> Kept {
        let resume = lanes.iter().map(|(name, place, next_offset)| {
            let resume = Resume { position: place.position(), next_offset: *next_offset };
            (Arc::from(*name), resume)
        });
        Kept::new(&resume.collect(), scale)
    }

    #[test]
    fn the_last_generation_counts_and_kept_lines_are_not_read_again() {
        let lanes = [("t/3", place(90, 0), 95), ("t/3~1", place(7, 1), 9)];
        assert_eq!(kept(&lanes, Scale::Records).get("t", 3), Some(&place(9, 1)));
    }

    #[test]
    fn a_lane_of_another_unit_gives_its_place_but_not_its_line() {
        let lanes = [("t/3+", place(90, 0), 95 << LINE_BITS)];
        assert_eq!(kept(&lanes, Scale::Records).get("t", 3), Some(&place(90, 0)));
        assert_eq!(kept(&lanes, Scale::Lines).get("t", 3), Some(&place(95, 0)));
    }

    #[test]
    fn positions_of_other_sources_are_left_alone() {
        let resume = Resume { position: Position::from_text("{\"inode\":7}"), next_offset: 0 };
        let resume = BTreeMap::from([(Arc::from("/var/log/x"), resume)]);
        assert_eq!(Kept::new(&resume, Scale::Records).topics().count(), 0);
    }
}
