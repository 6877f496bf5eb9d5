//! `/v1/decisions`: what is active, asked and ended.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, Uri, header};

use super::head_ok;
use super::number::{self, deleted};
use crate::auth::{AsBouncer, AsMachine};
use crate::error::{ApiError, json};
use crate::filter::{DecisionFilter, Ending, Query};
use crate::index::query::Scan;
use crate::intake::{Change, Outcome};
use crate::openapi::answer::{Decision, DeletedResponse, Refusal};
use crate::openapi::parameter::{DecisionPage, DecisionParameters, EndingParameters};
use crate::openapi::refusal::{Mistaken, NoBouncer, NoMachine, NotKept, NotReady};
use crate::service::Service;

/// How old the note of a bouncer's last pull may be. Unit: nanoseconds.
const PULL_NOTE: i64 = 60 * 1_000_000_000;

/// Ask for active decisions.
#[utoipa::path(get, path = "/v1/decisions", tag = "decisions", operation_id = "list_decisions",
    params(DecisionParameters, DecisionPage), security(("bouncer_key" = []), ("certificate" = [])),
    responses((status = 200, description = "The active decisions; null for none", body = Option<Vec<Decision>>),
        NoBouncer, Mistaken, NotReady))]
pub(super) async fn query(
    State(service): State<Arc<Service>>,
    bouncer: AsBouncer,
    query: Query,
) -> Result<Response, ApiError> {
    let filter = DecisionFilter::read(&query)?;
    let (snapshot, now) = (service.index.read()?, service.now());
    let last = bouncer.entry.last_pull();
    if last == 0 || now.saturating_sub(last) >= PULL_NOTE {
        bouncer.entry.pulled(now);
    }
    if filter.value.is_some() || (filter.net.is_some() && filter.around) {
        return Ok(json(StatusCode::OK, snapshot.answer(&filter, now)));
    }
    let mut scan = Scan::new(snapshot, filter, now);
    let first = scan.next().unwrap_or_default();
    let second = scan.next();
    let Some(second) = second else { return Ok(json(StatusCode::OK, first.into())) };
    let pieces = [first, second].into_iter().chain(scan).map(Ok::<_, std::convert::Infallible>);
    let mut response = Response::new(Body::from_stream(futures_util::stream::iter(pieces)));
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// Check a key.
#[utoipa::path(head, path = "/v1/decisions", tag = "decisions", operation_id = "head_decisions",
    params(DecisionParameters, DecisionPage), security(("bouncer_key" = []), ("certificate" = [])),
    responses((status = 200, description = "Key and filters are right"), NoBouncer, Mistaken, NotReady))]
pub(super) async fn head(
    State(service): State<Arc<Service>>,
    _bouncer: AsBouncer,
    query: Query,
) -> Result<Response, ApiError> {
    DecisionFilter::read(&query)?;
    service.index.read()?;
    Ok(head_ok())
}

/// End decisions.
#[utoipa::path(delete, path = "/v1/decisions", tag = "decisions", operation_id = "delete_decisions",
    params(EndingParameters), security(("machine_token" = [])),
    responses((status = 200, description = "They are over", body = DeletedResponse),
        (status = 400, description = "The query cannot be read", body = Refusal), NoMachine, Mistaken, NotKept))]
pub(super) async fn end(
    State(service): State<Arc<Service>>,
    machine: AsMachine,
    query: Query,
    uri: Uri,
) -> Result<Response, ApiError> {
    let ending = Ending::read(&query)?;
    let outcome = service.submit(Change::EndDecisions(ending)).await?;
    let Outcome::Ended(count) = outcome else { return Err(ApiError::unexpected()) };
    let what = format!("DELETE {uri}");
    service.audit(&machine.id, &machine.caller, what, format!("{count} decisions ended"));
    Ok(deleted(count))
}

/// End a decision.
#[utoipa::path(delete, path = "/v1/decisions/{decision_id}", tag = "decisions", operation_id = "delete_decision",
    params(("decision_id" = i64, Path, description = "Its number")), security(("machine_token" = [])),
    responses((status = 200, description = "It is over", body = DeletedResponse),
        (status = 400, description = "No number", body = Refusal), NoMachine, Mistaken, NotKept))]
pub(super) async fn end_one(
    State(service): State<Arc<Service>>,
    machine: AsMachine,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = number::read(&id, "decision_id")?;
    let unknown =
        || ApiError::internal(format!("decision with id '{id}' doesn't exist: unable to delete"));
    let number = u64::try_from(id).map_err(|_| unknown())?;
    let count = match service.submit(Change::EndDecision(number)).await? {
        Outcome::Ended(count) => count,
        Outcome::Unknown => return Err(unknown()),
        _ => return Err(ApiError::unexpected()),
    };
    let what = format!("DELETE /v1/decisions/{id}");
    service.audit(&machine.id, &machine.caller, what, format!("{count} decisions ended"));
    Ok(deleted(count))
}
