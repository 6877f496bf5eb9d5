//! `POST /v1/usage-metrics`: what bouncers and agents did.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use http::{StatusCode, header};

use super::body;
use crate::archive::Usage;
use crate::auth::guard::user_agent;
use crate::auth::{AsBouncer, AsMachine};
use crate::error::{ApiError, empty};
use crate::openapi::answer::Refusal;
use crate::openapi::refusal::{BadBody, NoBouncer, NoMachine, NotReady};
use crate::openapi::request::AllMetrics;
use crate::service::Service;
use crate::wire::usage::{self, Component};

/// Who sends them.
enum Sender {
    Bouncer(AsBouncer),
    Machine(AsMachine),
}

/// Tell what was done.
#[utoipa::path(post, path = "/v1/usage-metrics", tag = "metrics", operation_id = "add_usage_metrics",
    request_body = AllMetrics,
    security(("bouncer_key" = []), ("machine_token" = []), ("certificate" = [])),
    responses((status = 201, description = "Kept"), (status = 422, description = "Something is missing", body = Refusal),
        NoMachine, NoBouncer, BadBody, NotReady))]
pub(super) async fn keep(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let headers = &parts.headers;
    let as_machine = !headers.contains_key("x-api-key")
        && (headers.contains_key(header::AUTHORIZATION)
            || user_agent(headers).starts_with("crowdsec/"));
    let sender = match as_machine {
        true => Sender::Machine(AsMachine::from_request_parts(&mut parts, &service).await?),
        false => Sender::Bouncer(AsBouncer::from_request_parts(&mut parts, &service).await?),
    };
    let whole = body::read(&service, &parts.headers, body, service.policy.limits.body).await?;
    let component = usage::read(&whole.bytes, !as_machine)?;
    let payload = component.payload(!as_machine);
    let by = match &sender {
        Sender::Bouncer(bouncer) => bouncer.entry.row().name.clone(),
        Sender::Machine(machine) => machine.id.to_string(),
    };
    note(&sender, component);
    let usage = Usage { bouncer: !as_machine, by, at: service.now(), payload };
    let archive = Arc::clone(&service.archive);
    let kept = service.blocking(move || archive.keep_usage(&usage)).await?;
    kept.map_err(|error| {
        tracing::error!(%error, "usage metrics cannot be kept");
        ApiError::unavailable("the store takes nothing")
    })?;
    Ok(empty(StatusCode::CREATED))
}

/// What a client says of itself becomes part of its row.
fn note(sender: &Sender, component: Component) {
    let Component { version, os, feature_flags, hub_items, datasources, .. } = component;
    let os = os.unwrap_or_default();
    let os = (
        os.name.unwrap_or_default(),
        os.family.unwrap_or_default(),
        os.version.unwrap_or_default(),
    );
    let features = feature_flags.unwrap_or_default();
    match sender {
        Sender::Bouncer(bouncer) => bouncer.entry.change_later(|row| {
            (row.os, row.features) = (os, features);
        }),
        Sender::Machine(machine) => machine.entry.change_later(|row| {
            (row.os, row.features) = (os, features);
            row.version = version.unwrap_or_default();
            row.hub_items = hub_items.and_then(|items| serde_json::to_value(items).ok());
            row.datasources = datasources.and_then(|kinds| serde_json::to_value(kinds).ok());
        }),
    }
}
