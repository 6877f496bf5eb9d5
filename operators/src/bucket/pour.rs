//! What crosses from match to bucket: one event for one bucket, with everything that had to be
//! computed from the live event.

use serde::{Deserialize, Serialize};

use super::kept::Kept;
use super::scenario::ScenarioId;
use crate::order::OrderKey;
use crate::time::EventTime;

/// One event for one bucket. Transport, not a promise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pour {
    /// Where the record stands among all records.
    pub order: OrderKey,
    /// The scenario.
    pub scenario: ScenarioId,
    /// Result of `groupby`, "" without one.
    pub key: Box<str>,
    /// The instant that fills the bucket, `None` where the event has no date.
    pub time: Option<EventTime>,
    /// Result of `distinct`; `None` without one or where it failed.
    pub distinct: Option<Box<str>>,
    /// Whether `cancel_on` holds.
    pub cancel: bool,
    /// The event.
    pub event: Kept,
}
