//! Decisions of a posted alert: as sent, and as they are kept. Lists of a hundred thousand come in
//! one body: texts are read in place, and kept once where they come again.

use std::sync::Arc;

use operators::alert::{Alert, Decision};
use operators::time::{EventTime, GoDuration};
use serde::Deserialize;

use super::posted::bounded_name;
use super::repeated::{Repeated, Text};
use super::typed::Typed;
use super::validation::Failures;
use crate::error::ApiError;
use crate::filter::net::Net;
use crate::record::normal_scope;

/// A decision as it was sent.
#[derive(Debug, Deserialize)]
pub(super) struct RawDecision<'a> {
    #[serde(borrow)]
    duration: Option<Text<'a>>,
    #[serde(borrow)]
    origin: Option<Text<'a>>,
    #[serde(borrow)]
    scenario: Option<Text<'a>>,
    #[serde(borrow)]
    scope: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
    #[serde(rename = "id")]
    _id: Typed<i64>,
    #[serde(rename = "simulated")]
    _simulated: Typed<bool>,
    #[serde(borrow, rename = "until")]
    _until: Typed<Text<'a>>,
    #[serde(borrow, rename = "uuid")]
    _uuid: Typed<Text<'a>>,
}

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
