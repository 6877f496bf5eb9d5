//! A scenario as meant: checked, compiled, nothing left to parse. Built by [`super::compile`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::group::BucketHash;
use super::limiter::Limiter;
use crate::alert::identity::{Digest, hex};
use crate::event;
use crate::expr::{Compiler, ExprId};

/// Number of a scenario within a rule set: its place among them by name.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ScenarioId(pub u32);

impl ScenarioId {
    /// Position in tables by scenario.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// When a bucket overflows (crowdsec pkg/leakybucket/buckettype.go).
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// When an event finds it full.
    Leaky,
    /// At every event.
    Trigger,
    /// Some time after its first event.
    Counter,
    /// When its condition holds.
    Conditional,
    /// When what its conditions say is likely enough.
    Bayesian(Arc<Bayesian>),
}

/// Numbers of a bayesian scenario; `float32` as in the reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Bayesian {
    /// Probability before any evidence.
    pub prior: f32,
    /// Overflow above it.
    pub threshold: f32,
    /// Evidence, in order.
    pub conditions: Vec<Evidence>,
}

/// One condition of a bayesian scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The condition.
    pub condition: ExprId,
    /// Probability of it given an attack.
    pub given_evil: f32,
    /// Probability of it given none.
    pub given_benign: f32,
    /// Whether it stays true once it was.
    pub guillotine: bool,
}

/// How many events a bucket holds before it overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// So many; 0 is a trigger's.
    Bounded(u32),
    /// Written as -1.
    Unbounded,
}

impl Capacity {
    /// As written: -1 for unbounded.
    pub fn number(self) -> i64 {
        match self {
            Self::Bounded(capacity) => capacity.into(),
            Self::Unbounded => -1,
        }
    }
}

/// Which events a scenario's filter may hold for. Every event is put to every scenario; this says
/// which of these questions are settled at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Log lines.
    Logs,
    /// Overflows of scenarios with `reprocess`.
    Overflows,
    /// Either.
    Both,
}

impl Takes {
    /// What the filter says of an event of which only its kind is known.
    pub fn of_filter(filter: ExprId, compiler: &Compiler) -> Self {
        let may = |kind| compiler.may_hold(filter, kind);
        match (may(event::Kind::Log), may(event::Kind::Overflow)) {
            (true, true) => Self::Both,
            (false, true) => Self::Overflows,
            (_, false) => Self::Logs,
        }
    }

    /// Whether log lines are put to it.
    pub fn logs(self) -> bool {
        self != Self::Overflows
    }

    /// Whether overflows are put to it: then its buckets come behind those of the others.
    pub fn overflows(self) -> bool {
        self != Self::Logs
    }
}

/// What an overflow is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    /// `evt.Meta.source_ip`.
    Ip,
    /// The network of `evt.Meta.source_ip`, or what the expression gives.
    Range(Option<ExprId>),
    /// What the expression gives.
    Other(Arc<str>, ExprId),
}

impl Scope {
    /// Its name in alerts.
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::Ip => Arc::from("Ip"),
            Self::Range(_) => Arc::from("Range"),
            Self::Other(name, _) => Arc::clone(name),
        }
    }
}

/// A compiled scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its number.
    pub id: ScenarioId,
    /// Its name.
    pub name: Arc<str>,
    /// What the hashes of its buckets begin with.
    pub hash_base: BucketHash,
    /// Version of the hub item, "" for a local one.
    pub version: Arc<str>,
    /// Hash of its file, for alerts.
    pub hash: Arc<str>,
    /// Number of all that its buckets depend on besides its name and filter.
    pub content: u64,
    /// For people.
    pub description: Arc<str>,
    /// When it overflows.
    pub kind: Kind,
    /// How many events a bucket holds.
    pub capacity: Capacity,
    /// Time for one event to leak. Unit: nanoseconds.
    pub leakspeed: i64,
    /// The same as the limiter wants it.
    pub limiter: Limiter,
    /// How long a bucket lives after its last event; for a timed one, after its first. Unit:
    /// nanoseconds.
    pub lifetime: i64,
    /// Whether a bucket overflows at the end of its lifetime instead of going silently.
    pub timed: bool,
    /// Most events held; one more is held at an overflow. `None`: all.
    pub held: Option<usize>,
    /// Which events it looks at.
    pub takes: Takes,
    /// Other scenarios with this name and filter: the key of a bucket is made of both, so that
    /// all of them pour into the bucket that the first of them opened.
    pub twins: Vec<ScenarioId>,
    /// Text of the filter: part of bucket keys.
    pub filter_text: Arc<str>,
    /// Whether it wants an event.
    pub filter: ExprId,
    /// Which bucket takes an event.
    pub groupby: Option<ExprId>,
    /// What may not be repeated within a bucket.
    pub distinct: Option<ExprId>,
    /// What ends a bucket without overflow.
    pub cancel_on: Option<ExprId>,
    /// What makes a bucket overflow.
    pub condition: Option<ExprId>,
    /// Whether an overflow counts.
    pub overflow_filter: Option<ExprId>,
    /// Who did it.
    pub scope: Scope,
    /// How long after an overflow the next one of the same bucket is ignored. Unit: nanoseconds.
    pub blackhole: Option<i64>,
    /// Whether overflows are matched again.
    pub reprocess: bool,
    /// Whether decisions must not be enforced.
    pub simulated: bool,
    /// Whether overflows ask for remediation.
    pub remediation: bool,
    /// Labels as written.
    pub labels: Arc<BTreeMap<Arc<str>, serde_json::Value>>,
}

/// How a bucket lives: the part of a scenario that follows from the rest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Unit: nanoseconds.
    pub lifetime: i64,
    /// Whether its end is an overflow.
    pub timed: bool,
}

impl Lifetime {
    /// Rules of crowdsec pkg/leakybucket/bucket.go `NewLeakyFromFactory`. `duration` is 0 where it
    /// is not written.
    pub fn new(kind: &Kind, capacity: Capacity, leakspeed: i64, duration: i64) -> Self {
        let by_leak = match capacity {
            Capacity::Bounded(capacity) if capacity > 0 => {
                (i64::from(capacity) + 1).saturating_mul(leakspeed)
            }
            _ => 0,
        };
        let lifetime = match kind {
            Kind::Conditional | Kind::Bayesian(_) => leakspeed,
            _ if duration != 0 => duration,
            _ => by_leak,
        };
        Self { lifetime, timed: duration != 0 }
    }
}

/// Most events that a bucket holds, less one (`NewLeakyFromFactory`, pkg/pipeline/queue.go).
pub fn held(capacity: Capacity, cache_size: usize) -> Option<usize> {
    match capacity {
        Capacity::Unbounded => (cache_size > 0).then_some(cache_size),
        Capacity::Bounded(capacity) => {
            let capacity = capacity as usize;
            Some(if cache_size > 0 { capacity.min(cache_size) } else { capacity })
        }
    }
}

impl Scenario {
    /// CrowdSec's key of the bucket that `groupby` gives (`BucketKey`): hexadecimal SHA-1.
    pub fn map_key(&self, groupby: &str) -> Arc<str> {
        let mut digest = Digest::default();
        digest.update(self.filter_text.as_bytes());
        digest.update(&[0]);
        digest.update(groupby.as_bytes());
        digest.update(&[0]);
        digest.update(self.name.as_bytes());
        hex(&digest.finish()).into()
    }
}
