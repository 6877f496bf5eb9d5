//! A bucket as expressions see it: `queue` and `leaky` (crowdsec pkg/pipeline/queue.go,
//! pkg/leakybucket/bucket.go).

use std::sync::Arc;

use super::scenario::Scenario;
use super::state::Bucket;
use crate::expr::objects::{Queue, Record};
use crate::time::Stamp;
use crate::value::{List, Value};

/// Name and value of a root.
pub(crate) type Root = (&'static str, Value);

/// `queue` and `leaky` of a bucket that holds `events`; `overflowed` is when it overflowed, if it
/// did.
pub(crate) fn roots(
    bucket: &Bucket,
    events: Arc<List>,
    scenario: &Scenario,
    overflowed: Option<Stamp>,
) -> [Root; 2] {
    let queue = Value::Object(Arc::new(Queue { events, capacity: capacity(scenario) }));
    let leaky = leaky(bucket, scenario, queue.clone(), overflowed);
    [("queue", queue), ("leaky", leaky)]
}

/// `queue` alone, for expressions that do not name `leaky`.
pub(super) fn queue(events: Arc<List>, scenario: &Scenario) -> [Root; 1] {
    [("queue", Value::Object(Arc::new(Queue { events, capacity: capacity(scenario) })))]
}

fn capacity(scenario: &Scenario) -> i64 {
    scenario.held.map_or(i64::MAX, |held| i64::try_from(held).unwrap_or(i64::MAX))
}

fn leaky(bucket: &Bucket, scenario: &Scenario, queue: Value, overflowed: Option<Stamp>) -> Value {
    let zero = Stamp::utc_at(crate::time::EventTime(i64::MIN));
    let spec = Record::value(
        "leakybucket.BucketSpec",
        [
            ("Name", Value::Str(Arc::clone(&scenario.name))),
            ("Description", Value::Str(Arc::clone(&scenario.description))),
            ("ScenarioVersion", Value::Str(Arc::clone(&scenario.version))),
            ("Capacity", Value::Int(scenario.capacity.number())),
            ("Reprocess", Value::Bool(scenario.reprocess)),
        ],
    );
    let factory = Record::value(
        "*leakybucket.BucketFactory",
        [("Spec", spec), ("Simulated", Value::Bool(scenario.simulated))],
    );
    Record::value(
        "*leakybucket.Leaky",
        [
            ("Mode", Value::Int(1)),
            ("Queue", queue),
            ("Mapkey", Value::Str(scenario.map_key(&bucket.key))),
            ("Uuid", Value::str("")),
            ("First_ts", Value::Time(bucket.first)),
            ("Last_ts", Value::Time(bucket.last)),
            ("Ovflw_ts", Value::Time(overflowed.unwrap_or(zero))),
            ("Total_count", Value::Int(bucket.total.into())),
            ("Duration", Value::Duration(scenario.lifetime)),
            ("Factory", factory),
            ("Limiter", Value::Nil),
            ("SerializedState", Value::Nil),
        ],
    )
}
