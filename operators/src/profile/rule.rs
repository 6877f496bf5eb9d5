//! A profile as meant: which alerts become which decisions (crowdsec
//! pkg/csprofiles/csprofiles.go).

use std::sync::Arc;

use super::spec::{After, DecisionSpec, OnError, ProfileSpec};
use crate::alert::{Alert, Decision};
use crate::bucket::evaluate::Evaluator;
use crate::event::Event;
use crate::expr::{Compiler, Env, Expect, ExprId, Program};
use crate::fault::Part;
use crate::lookup::Lookups;
use crate::time::EventTime;
use crate::time::GoDuration;
use crate::value::Value;
use crate::yaml::{Located, Reading};

/// A compiled profile.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name, for people and for the ids of its decisions.
    pub name: Arc<str>,
    filters: Vec<ExprId>,
    decisions: Vec<Partial>,
    duration: Option<ExprId>,
    on_success: After,
    on_error: OnError,
}

/// A decision as far as the profile knows it.
#[derive(Clone, Debug)]
struct Partial {
    kind: Arc<str>,
    duration: Arc<str>,
    scope: Option<Arc<str>>,
    origin: Arc<str>,
    simulated: bool,
}

/// What the profiles made of an alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// Decisions of the first profile that had any.
    pub decisions: Vec<Decision>,
    /// Names of the profiles that matched, in order.
    pub matched: Vec<Arc<str>>,
    /// What failed: number of the profile, its part, and why.
    pub errors: Vec<(usize, Part, String)>,
}

impl Profile {
    /// Whether it asks what was decided before: all functions that do have the word in their name.
    pub fn asks_history(&self, program: &Program) -> bool {
        let mut expressions = self.filters.iter().chain(&self.duration);
        expressions.any(|id| program.source(*id).contains("Decisions"))
    }

    /// Compiles a profile. What is wrong is noted in `reading`; then there is none.
    pub fn compile(
        spec: &ProfileSpec,
        compiler: &mut Compiler,
        reading: &mut Reading<'_>,
    ) -> Option<Self> {
        let before = reading.errors.len();
        let mut one = |text: &Located<String>, expect| {
            let compiled = compiler.compile(&text.value, Env::Profile, expect);
            compiled.map_err(|error| error.note(text, reading)).ok()
        };
        let filters = spec.filters.iter().filter_map(|text| one(text, Expect::Bool)).collect();
        let duration = spec.duration_expr.as_ref().and_then(|text| one(text, Expect::Any));
        (reading.errors.len() == before).then(|| Self {
            name: spec.name.value.as_str().into(),
            filters,
            decisions: spec.decisions.iter().map(Partial::new).collect(),
            duration,
            on_success: spec.on_success,
            on_error: spec.on_error,
        })
    }

    /// Whether a filter holds. Of several the first that is true is enough: the reference goes on
    /// and makes the decisions once more for each.
    fn matches(&self, of: &mut Case<'_>) -> Result<bool, String> {
        for filter in &self.filters {
            match of.value(*filter)? {
                Value::Bool(true) => return Ok(true),
                Value::Bool(false) => {}
                _ => return Err("a filter gave no bool".to_owned()),
            }
        }
        Ok(false)
    }

    fn decide(&self, of: &mut Case<'_>, errors: &mut Vec<(Part, String)>) -> Vec<Decision> {
        let partials = self.decisions.iter().enumerate();
        partials.filter_map(|(index, partial)| self.decision(index, partial, of, errors)).collect()
    }

    fn decision(
        &self,
        index: usize,
        partial: &Partial,
        of: &mut Case<'_>,
        errors: &mut Vec<(Part, String)>,
    ) -> Option<Decision> {
        let mut text = Arc::clone(&partial.duration);
        let mut note = |message| errors.push((Part::Duration, message));
        if let Some(expression) = self.duration {
            match of.value(expression).map(|value| printed(&value)) {
                Ok(computed) if GoDuration::parse_with_days(&computed).is_ok() => text = computed,
                Ok(computed) => note(format!("{computed:?} is no duration")),
                Err(error) => note(error),
            }
        }
        let Ok(GoDuration(ns)) = GoDuration::parse_with_days(&text) else {
            note(format!("{text:?} is no duration: there is no decision"));
            return None;
        };
        let alert = &of.alert;
        Some(Decision {
            id: alert.decision_id(&self.name, index),
            origin: Arc::clone(&partial.origin),
            kind: Arc::clone(&partial.kind),
            scope: partial.scope.clone().unwrap_or_else(|| Arc::clone(&alert.source.scope)),
            value: Arc::clone(&alert.source.value),
            duration: text,
            until: EventTime(alert.stop_at.at.0.saturating_add(ns)),
            scenario: Arc::clone(&alert.scenario),
            simulated: partial.simulated || alert.simulated,
        })
    }
}

impl Partial {
    fn new(spec: &DecisionSpec) -> Self {
        let origin = match &spec.origin {
            Some(origin) => format!("crowdsec/{}", origin.value).into(),
            None => Arc::from("crowdsec"),
        };
        Self {
            kind: spec.kind.value.as_str().into(),
            duration: spec.duration.value.as_str().into(),
            scope: spec.scope.as_ref().map(|scope| scope.value.as_str().into()),
            origin,
            simulated: spec.simulated,
        }
    }
}

/// One alert before the profiles.
struct Case<'a> {
    alert: Arc<Alert>,
    nothing: &'a mut Event,
    evaluator: &'a mut Evaluator,
    lookups: &'a dyn Lookups,
}

impl Case<'_> {
    fn value(&mut self, id: ExprId) -> Result<Value, String> {
        let alert = Arc::clone(&self.alert);
        let root = [("Alert", Value::Object(alert))];
        self.evaluator.value(id, self.nothing, &root, self.lookups)
    }
}

/// What the profiles, in their order, make of `alert` (pkg/apiserver/controllers/v1/alerts.go).
///
/// `nothing` is an event for expressions that run without one. A filter that fails without
/// `on_error` loses the whole alert in the reference; here it is noted and the next profile has
/// its turn. `on_failure` changes nothing, as there.
pub fn judge(
    profiles: &[Profile],
    alert: &Alert,
    evaluator: &mut Evaluator,
    nothing: &mut Event,
    lookups: &dyn Lookups,
) -> Judgement {
    let mut judgement = Judgement::default();
    let mut of = Case { alert: Arc::new(alert.clone()), nothing, evaluator, lookups };
    for (number, profile) in profiles.iter().enumerate() {
        let (matched, failed) = match profile.matches(&mut of) {
            Ok(matched) => (matched, false),
            Err(error) => {
                judgement.errors.push((number, Part::Filter, error));
                (profile.on_error == OnError::Apply, true)
            }
        };
        if !matched {
            continue;
        }
        judgement.matched.push(Arc::clone(&profile.name));
        // A profile that is applied in spite of an error only notifies.
        if judgement.decisions.is_empty() && !failed {
            let mut errors = Vec::new();
            judgement.decisions = profile.decide(&mut of, &mut errors);
            let errors = errors.into_iter().map(|(part, message)| (number, part, message));
            judgement.errors.extend(errors);
        }
        if profile.on_success == After::Break {
            break;
        }
    }
    judgement
}

/// Go's `fmt.Sprint` of what a duration expression may give.
fn printed(value: &Value) -> Arc<str> {
    match value {
        Value::Str(text) => Arc::clone(text),
        Value::Int(number) | Value::Int64(number) => number.to_string().into(),
        Value::Float(number) => number.to_string().into(),
        Value::Duration(ns) => GoDuration(*ns).to_string().into(),
        _ => Arc::from(""),
    }
}
