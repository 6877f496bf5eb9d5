//! A bucket as expressions see it: `queue` and `leaky` (crowdsec pkg/pipeline/queue.go,
//! pkg/leakybucket/bucket.go).

use std::borrow::Cow;
use std::sync::Arc;

use super::catalogue::Catalogue;
use super::codec::NO_TIME;
use super::kept::Kept;
use super::limiter::Limiter;
use super::recall::Recall;
use super::scenario::Scenario;
use super::state::Bucket;
use crate::expr::objects::{Queue, Record};
use crate::expr::{Past, SieveId};
use crate::hash::{fnv1a, fnv1a_after};
use crate::schema::FieldId;
use crate::time::{EventTime, Stamp};
use crate::value::{List, Object, Value};

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
    let zero = Stamp::utc_at(EventTime(i64::MIN));
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
            ("Uuid", Value::str(&uuid(bucket, scenario))),
            ("First_ts", Value::Time(bucket.first)),
            ("Last_ts", Value::Time(bucket.last)),
            ("Ovflw_ts", Value::Time(overflowed.unwrap_or(zero))),
            ("Total_count", Value::Int(bucket.total.into())),
            ("Duration", Value::Duration(scenario.lifetime)),
            ("Factory", factory),
            ("Limiter", Value::Object(Arc::new(Tokens::of(bucket, scenario)))),
            // Only a bucket that was dumped to a file has one.
            ("SerializedState", lstate(0.0, 0.0, 0.0, None)),
        ],
    )
}

/// What tells buckets of one key apart. The reference gives each a random name: here a second run
/// gives the same.
fn uuid(bucket: &Bucket, scenario: &Scenario) -> String {
    let key = fnv1a(scenario.name.as_bytes());
    let key = fnv1a_after(key, bucket.key.as_bytes());
    format!("{:016x}", fnv1a_after(key, &bucket.first.at.0.to_le_bytes()))
}

/// `leaky.Limiter`: the clock that it goes by is the bucket's last event. Asking it takes no token.
#[derive(Debug)]
struct Tokens {
    limiter: Limiter,
    tokens: f64,
    last: Stamp,
}

impl Tokens {
    fn of(bucket: &Bucket, scenario: &Scenario) -> Self {
        Self { limiter: scenario.limiter, tokens: bucket.tokens, last: bucket.last }
    }

    fn at(&self, at: EventTime) -> f64 {
        match self.limiter {
            // What Go's largest integer is as a float.
            Limiter::Unlimited => i64::MAX as f64,
            limiter => limiter.tokens_at(self.tokens, Some(self.last.at), at),
        }
    }
}

impl Object for Tokens {
    fn type_name(&self) -> &'static str {
        match self.limiter {
            Limiter::Unlimited => "*rate.AlwaysFull",
            Limiter::Limited { .. } => "*rate.Limiter",
        }
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn call(&self, method: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let at = match arguments.first() {
            Some(Value::Time(stamp)) => stamp.at,
            _ => self.last.at,
        };
        let wanted = match arguments.get(1) {
            Some(Value::Int(wanted)) => *wanted as f64,
            _ => 1.0,
        };
        Some(Ok(match (method, self.limiter) {
            ("Allow" | "AllowN", _) => Value::Bool(self.at(at) >= wanted),
            ("GetTokensCount" | "GetTokensCountAt", _) => Value::Float(self.at(at)),
            ("Dump", Limiter::Unlimited) => lstate(0.0, 0.0, 0.0, None),
            ("Dump", Limiter::Limited { limit, burst }) => {
                lstate(limit, burst, self.tokens, Some(self.last))
            }
            _ => return None,
        }))
    }
}

/// `rate.Lstate`.
fn lstate(limit: f64, burst: f64, tokens: f64, last: Option<Stamp>) -> Value {
    let last = Value::Time(last.unwrap_or(Stamp::utc_at(EventTime(i64::MIN))));
    #[expect(clippy::cast_possible_truncation, reason = "a capacity, which is an integer")]
    let burst = Value::Int(burst as i64);
    let (limit, tokens) = (Value::Float(limit), Value::Float(tokens));
    let fields = [
        ("Limit", limit),
        ("Burst", burst),
        ("Tokens", tokens),
        ("Last", last.clone()),
        ("LastEvent", last),
    ];
    Record::value("rate.Lstate", fields)
}
