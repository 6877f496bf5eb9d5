//! From a scenario as written to one as meant: expressions compiled, numbers derived.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::codec::Reads;
use super::group::BucketHash;
use super::identity;
use super::limiter::Limiter;
use super::scenario::{
    Bayesian, Capacity, Evidence, Kind, Lifetime, Scenario, ScenarioId, Scope, Takes, held,
};
use super::spec::{self, BucketKind, ScenarioSpec};
use crate::expr::{Compiler, Env, Expect, ExprId, Program};
use crate::value::Value;
use crate::yaml::{Located, Reading};

/// What is known of a scenario besides its file.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Its number: its place among all scenarios by name.
    pub id: ScenarioId,
    /// Version of the hub item, "" for a local one.
    pub version: &'a str,
    /// Hash of its file.
    pub hash: &'a str,
    /// Whether it only pretends.
    pub simulated: bool,
}

/// Compiles a scenario. What is wrong is noted in `reading`, whose source is the scenario's file;
/// then there is none.
pub fn compile(
    spec: &ScenarioSpec,
    origin: Origin<'_>,
    compiler: &mut Compiler,
    reading: &mut Reading<'_>,
) -> Option<Scenario> {
    let before = reading.errors.len();
    let mut expressions = Expressions { compiler, reading };
    let event = Env::Event;
    let filter = expressions.one(&spec.filter, event, Expect::Bool);
    let groupby = expressions.maybe(spec.groupby.as_ref(), event, Expect::String);
    let distinct = expressions.maybe(spec.distinct.as_ref(), event, Expect::Any);
    let cancel_on = expressions.maybe(spec.cancel_on.as_ref(), event, Expect::Any);
    let condition = expressions.maybe(spec.condition.as_ref(), Env::Condition, Expect::Any);
    let overflow_filter =
        expressions.maybe(spec.overflow_filter.as_ref(), Env::OverflowFilter, Expect::Any);
    let scope = scope(spec, &mut expressions);
    let kind = kind(spec, &mut expressions);
    if reading.errors.len() > before {
        return None;
    }
    warn_of_itself(spec, filter?, compiler, reading);
    let capacity = match spec.capacity {
        spec::Capacity::Bounded(capacity) => Capacity::Bounded(capacity),
        spec::Capacity::Unbounded => Capacity::Unbounded,
    };
    let leakspeed = spec.leakspeed.as_ref().map_or(0, |leakspeed| leakspeed.value.0);
    let duration = spec.duration.as_ref().map_or(0, |duration| duration.value.0);
    let Lifetime { lifetime, timed } = Lifetime::new(&kind, capacity, leakspeed, duration);
    let labels = labels(&spec.labels);
    Some(Scenario {
        id: origin.id,
        name: spec.name.value.as_str().into(),
        hash_base: BucketHash::of_scenario(&spec.name.value),
        version: origin.version.into(),
        hash: origin.hash.into(),
        content: identity::content(spec),
        description: spec.description.as_str().into(),
        kind,
        capacity,
        leakspeed,
        limiter: Limiter::new(capacity.number(), leakspeed),
        lifetime,
        timed,
        held: held(capacity, spec.cache_size.map_or(0, |size| size as usize)),
        takes: Takes::of_filter(filter?, compiler),
        twins: Vec::new(),
        filter_text: spec.filter.value.as_str().into(),
        filter: filter?,
        groupby,
        distinct,
        cancel_on,
        condition,
        overflow_filter,
        scope: scope?,
        blackhole: spec.blackhole.as_ref().map(|blackhole| blackhole.value.0),
        reprocess: spec.reprocess,
        simulated: origin.simulated,
        remediation: labels.get("remediation") == Some(&serde_json::Value::Bool(true)),
        labels: Arc::new(labels),
    })
}

/// A scenario that takes its own overflows may go on for ever.
fn warn_of_itself(
    spec: &ScenarioSpec,
    filter: ExprId,
    compiler: &Compiler,
    reading: &mut Reading<'_>,
) {
    let name = &spec.name.value;
    if spec.reprocess && compiler.may_hold_for(filter, name) {
        let message = "with `reprocess` its own overflows may match this filter again";
        let help = format!("leave them out: evt.Overflow.Alert?.Scenario != '{name}'");
        let warning = reading.source.error(spec.filter.at, message).with_help(help);
        reading.warnings.push(warning);
    }
}

/// What buckets of these scenarios and these alert contexts read of held events.
pub fn reads<'a>(
    scenarios: impl IntoIterator<Item = &'a Scenario>,
    contexts: &super::context::Contexts,
    program: &Program,
) -> Reads {
    let mut all = Reads::default();
    let mut add = |id: ExprId| {
        let reads = program.reads(id);
        all.fields.extend(reads.fields.iter().copied());
        all.every_field |= reads.all_fields;
        all.documents |= reads.unmarshaled;
        all.raw |= reads.line_raw;
        all.labels |= program.source(id).contains("Labels");
    };
    for scenario in scenarios {
        scenario.condition.iter().chain(&scenario.overflow_filter).copied().for_each(&mut add);
        if let Scope::Range(Some(id)) | Scope::Other(_, id) = &scenario.scope {
            add(*id);
        }
        if let Kind::Bayesian(numbers) = &scenario.kind {
            numbers.conditions.iter().for_each(|evidence| add(evidence.condition));
        }
    }
    contexts.expressions().for_each(add);
    all
}

struct Expressions<'a, 'r> {
    compiler: &'a mut Compiler,
    reading: &'a mut Reading<'r>,
}

impl Expressions<'_, '_> {
    fn one(&mut self, text: &Located<String>, env: Env, expect: Expect) -> Option<ExprId> {
        match self.compiler.compile(&text.value, env, expect) {
            Ok(id) => Some(id),
            Err(error) => {
                error.note(text, self.reading);
                None
            }
        }
    }

    fn maybe(
        &mut self,
        text: Option<&Located<String>>,
        env: Env,
        expect: Expect,
    ) -> Option<ExprId> {
        text.and_then(|text| self.one(text, env, expect))
    }
}

fn scope(spec: &ScenarioSpec, expressions: &mut Expressions<'_, '_>) -> Option<Scope> {
    let expression = spec.scope.expression.as_ref();
    let expression = expressions.maybe(expression, Env::Event, Expect::Any);
    match spec.scope.kind.as_str() {
        "Ip" | "" => Some(Scope::Ip),
        "Range" => Some(Scope::Range(expression)),
        name => Some(Scope::Other(name.into(), expression?)),
    }
}

fn kind(spec: &ScenarioSpec, expressions: &mut Expressions<'_, '_>) -> Kind {
    match spec.kind {
        BucketKind::Leaky => Kind::Leaky,
        BucketKind::Trigger => Kind::Trigger,
        BucketKind::Counter => Kind::Counter,
        BucketKind::Conditional => Kind::Conditional,
        BucketKind::Bayesian => Kind::Bayesian(Arc::new(bayesian(spec, expressions))),
    }
}

fn bayesian(spec: &ScenarioSpec, expressions: &mut Expressions<'_, '_>) -> Bayesian {
    let Some(written) = &spec.bayesian else {
        return Bayesian { prior: 0.0, threshold: 1.0, conditions: Vec::new() };
    };
    let evidence = written.conditions.iter().filter_map(|one| {
        let condition = expressions.one(&one.condition, Env::Condition, Expect::Any)?;
        Some(Evidence {
            condition,
            given_evil: one.prob_given_evil,
            given_benign: one.prob_given_benign,
            guillotine: one.guillotine,
        })
    });
    let conditions = evidence.collect();
    Bayesian { prior: written.prior, threshold: written.threshold, conditions }
}

fn labels(written: &[(String, Value)]) -> BTreeMap<Arc<str>, serde_json::Value> {
    written.iter().map(|(key, value)| (key.as_str().into(), json(value))).collect()
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::Int(number) | Value::Int64(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Str(text) => (&**text).into(),
        Value::List(list) => list.items.iter().map(json).collect(),
        Value::Map(map) => {
            let entries = map.entries.iter();
            entries.map(|(key, value)| (key.to_string(), json(value))).collect()
        }
        _ => serde_json::Value::Null,
    }
}
