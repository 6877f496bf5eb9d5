//! A bucket as expressions see it: `queue` and `leaky` (crowdsec pkg/pipeline/queue.go,
//! pkg/leakybucket/bucket.go).

use std::borrow::Cow;
use std::sync::Arc;

use super::catalogue::Catalogue;
use super::codec::NO_TIME;
use super::kept::Kept;
use super::recall::Recall;
use super::scenario::Scenario;
use super::state::Bucket;
use crate::expr::objects::{Queue, Record};
use crate::expr::{Past, SieveId};
use crate::schema::FieldId;
use crate::time::Stamp;
use crate::value::{List, Value};

/// Name and value of a root.
pub(crate) type Root = (&'static str, Value);

/// A bucket that conditions ask about: answers come from the bytes of its events, and only who
/// wants `queue` or `leaky` as a value gets events restored.
#[derive(Debug)]
pub(crate) struct View<'a> {
    bucket: &'a Bucket,
    scenario: &'a Scenario,
    catalogue: &'a Catalogue,
    /// What [`Bucket::sifted`] knows of.
    sieves: &'a [SieveId],
    recall: &'a mut Recall,
    /// `queue` as a value, once somebody asked for it.
    queue: Option<Value>,
}

impl<'a> View<'a> {
    /// A bucket whose events were asked by these sieves.
    pub(crate) fn new(
        bucket: &'a Bucket,
        scenario: &'a Scenario,
        catalogue: &'a Catalogue,
        (sieves, recall): (&'a [SieveId], &'a mut Recall),
    ) -> Self {
        Self { bucket, scenario, catalogue, sieves, recall, queue: None }
    }

    fn predicate(&self, sieve: SieveId) -> Option<usize> {
        self.sieves.iter().position(|known| *known == sieve)
    }

    fn kept(&self, sieve: Option<SieveId>, place: usize) -> Option<&'a Kept> {
        let queue = &self.bucket.queue;
        let place = match sieve {
            Some(sieve) => {
                let sifted = self.bucket.sifted.as_ref()?;
                sifted.place(queue, self.predicate(sieve)?, place)?
            }
            None => place,
        };
        queue.get(place)
    }
}

impl Past for View<'_> {
    fn count(&self, sieve: Option<SieveId>) -> usize {
        let Some(sieve) = sieve else { return self.bucket.queue.len() };
        let sifted = self.bucket.sifted.as_ref().zip(self.predicate(sieve));
        sifted.map_or(0, |(sifted, predicate)| sifted.count(predicate))
    }

    fn time(&self, sieve: Option<SieveId>, place: usize) -> Stamp {
        self.kept(sieve, place).and_then(Kept::time).unwrap_or(NO_TIME)
    }

    fn text(&self, sieve: Option<SieveId>, place: usize, field: FieldId) -> Cow<'_, str> {
        let glance = self.kept(sieve, place).and_then(|kept| self.catalogue.codec().glance(kept));
        glance.and_then(|glance| glance.field(field)).unwrap_or(Cow::Borrowed(""))
    }

    fn root(&mut self, name: &str) -> Value {
        let Self { bucket, scenario, catalogue, .. } = *self;
        let queue = self.queue.get_or_insert_with(|| {
            queue(self.recall.events(bucket, scenario, catalogue), scenario)
        });
        match name {
            "queue" => queue.clone(),
            "leaky" => leaky(bucket, scenario, queue.clone(), None),
            _ => Value::Nil,
        }
    }
}

/// `queue` and `leaky` of a bucket that holds `events`; `overflowed` is when it overflowed, if it
/// did.
pub(crate) fn roots(
    bucket: &Bucket,
    events: Arc<List>,
    scenario: &Scenario,
    overflowed: Option<Stamp>,
) -> [Root; 2] {
    let queue = queue(events, scenario);
    let leaky = leaky(bucket, scenario, queue.clone(), overflowed);
    [("queue", queue), ("leaky", leaky)]
}

fn queue(events: Arc<List>, scenario: &Scenario) -> Value {
    let capacity = scenario.held.and_then(|held| i64::try_from(held).ok()).unwrap_or(i64::MAX);
    Value::Object(Arc::new(Queue { events, capacity }))
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
