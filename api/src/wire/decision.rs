//! Decisions of a posted alert: as sent, and as they are kept. Lists of a hundred thousand come in
//! one body: texts are read in place, and kept once where they come again.

use std::sync::Arc;

use operators::alert::{Alert, Decision};
use operators::time::{EventTime, GoDuration};

use super::posted::bounded_name;
use super::repeated::{Repeated, Text};
use super::target::object;
use super::typed::Typed;
use super::validation::Failures;
use crate::error::ApiError;
use crate::filter::net::Net;
use crate::record::normal_scope;

/// A decision as it was sent.
#[derive(Debug, Default)]
pub(super) struct RawDecision<'a> {
    duration: Option<Text<'a>>,
    id: Typed<i64>,
    origin: Option<Text<'a>>,
    scenario: Option<Text<'a>>,
    scope: Option<Text<'a>>,
    simulated: Typed<bool>,
    kind: Option<Text<'a>>,
    until: Typed<Text<'a>>,
    uuid: Typed<Text<'a>>,
    value: Option<Text<'a>>,
}

object!('de, RawDecision<'de> {
    duration, id, origin, scenario, scope, simulated, kind = "type", until, uuid, value,
});

impl RawDecision<'_> {
    /// What is missing.
    pub(super) fn checked(&self) -> Failures {
        let mut failures = Failures::default();
        failures.required("duration", self.duration.as_ref());
        failures.required("origin", self.origin.as_ref());
        failures.required("scenario", self.scenario.as_ref());
        failures.required("scope", self.scope.as_ref());
        failures.required("type", self.kind.as_ref());
        failures.required("value", self.value.as_ref());
        failures
    }
}

/// Texts that one decision of a list has as the one before it.
#[derive(Debug, Default)]
pub(super) struct Known {
    duration: Repeated,
    origin: Repeated,
    kind: Repeated,
    scope: Repeated,
    scenario: Repeated,
}

impl Known {
    /// A decision as sent; `None` where its value is no address though its scope wants one.
    pub(super) fn decision(
        &mut self,
        raw: RawDecision<'_>,
        of: &Alert,
        id: u64,
    ) -> Result<Option<Decision>, ApiError> {
        let duration = raw.duration.unwrap_or_default();
        let GoDuration(ns) = GoDuration::parse_with_days(&duration).map_err(|error| {
            let building = format!("building decisions for alert {}", of.identity().uuid());
            let text = format!("decision duration '{}': {}", &*duration, error.of_go());
            let creating = format!("creating alert decisions: {text}: unable to parse duration");
            ApiError::internal(format!("{building}: {creating}"))
        })?;
        let (scope, value) = (brief(raw.scope)?, brief(raw.value)?);
        let scope = normal_scope(&scope);
        if matches!(scope, "Ip" | "Range") && Net::parse(&value).is_err() {
            tracing::warn!(scope, value = &*value, "a decision about no address is left out");
            return Ok(None);
        }
        Ok(Some(Decision {
            id,
            origin: self.origin.text(&brief(raw.origin)?),
            kind: self.kind.text(&brief(raw.kind)?),
            scope: self.scope.text(scope),
            value: Arc::from(&*value),
            duration: self.duration.text(&duration),
            until: EventTime(of.stop_at.at.0.saturating_add(ns)),
            scenario: self.scenario.text(&brief(raw.scenario)?),
            simulated: of.simulated,
        }))
    }
}

fn brief(text: Option<Text<'_>>) -> Result<Text<'_>, ApiError> {
    let text = text.unwrap_or_default();
    bounded_name(&text)?;
    Ok(text)
}
