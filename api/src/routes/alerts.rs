//! `/v1/alerts`: posted, listed, removed.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::number::{self, deleted};
use super::{body, head_ok};
use crate::archive::{ArchiveError, KeptAlert};
use crate::auth::{AsMachine, Caller};
use crate::error::{ApiError, json};
use crate::filter::alert::Page;
use crate::filter::{AlertFilter, Query};
use crate::intake::{Change, Outcome};
use crate::openapi::answer::{Alert, DeletedResponse, Refusal};
use crate::openapi::parameter::{AlertPage, AlertParameters};
use crate::openapi::refusal::{BadBody, Mistaken, NoMachine, NotKept, NotReady};
use crate::openapi::request::PostedAlert;
use crate::service::Service;
use crate::wire::{alert, posted};

/// Bytes of a piece of a long list.
const PIECE: usize = 64 << 10;
/// Name under which alerts of machines that are gone are shown.
const GONE: &str = "N/A";

/// Post alerts.
#[utoipa::path(post, path = "/v1/alerts", tag = "alerts", operation_id = "add_alerts",
    request_body = Vec<PostedAlert>, security(("machine_token" = [])),
    responses((status = 201, description = "Kept and judged: their numbers", body = Vec<String>),
        NoMachine, BadBody, Mistaken, NotKept))]
pub(super) async fn add(
    State(service): State<Arc<Service>>,
    machine: AsMachine,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body::Whole { bytes, room } =
        body::read(&service, &headers, body, service.policy.limits.body).await?;
    let retry: [u8; 32] = {
        let hash = Sha256::new().chain_update(machine.id.as_bytes()).chain_update([0]);
        hash.chain_update(&bytes).finalize().into()
    };
    let now = service.now();
    let name = operators::alert::identity::hex(&retry);
    let read = move || posted::read(&bytes, now, &name);
    let alerts = service.blocking(read).await?.map_err(|error| match error.message() {
        text if text.starts_with("building decisions") => {
            ApiError::internal(format!("machine \"{}\": {text}", machine.id))
        }
        _ => error,
    })?;
    let count = alerts.len();
    let ids = match count {
        0 => Vec::new(),
        _ => {
            let by_hand = alerts.iter().any(|alert| !alert.alert.decisions.is_empty());
            let change = Change::Alerts { machine: Arc::clone(&machine.id), retry, alerts };
            let Outcome::Alerts(ids) = service.submit(change).await? else {
                return Err(ApiError::unexpected());
            };
            if by_hand {
                let (what, outcome) =
                    (format!("POST /v1/alerts, {count} alerts"), format!("{ids:?}"));
                service.audit(&machine.id, &machine.caller, what, outcome);
            }
            ids
        }
    };
    drop(room);
    machine.entry.pushed(now);
    let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    Ok(json(StatusCode::CREATED, format!("[{}]", ids.join(",")).into_bytes()))
}

/// Look for alerts.
#[utoipa::path(get, path = "/v1/alerts", tag = "alerts", operation_id = "list_alerts",
    params(AlertParameters, AlertPage), security(("machine_token" = [])),
    responses((status = 200, description = "The alerts; null for none", body = Option<Vec<Alert>>),
        NoMachine, Mistaken, NotReady))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    _machine: AsMachine,
    query: Query,
) -> Result<Response, ApiError> {
    let now = service.now();
    let (page, filter) = (Page::read(&query)?, AlertFilter::read(&query, now)?);
    service.index.read()?;
    let (sender, receiver) = mpsc::channel::<Bytes>(2);
    let reader = Arc::clone(&service);
    let reading =
        tokio::task::spawn_blocking(move || write_list(&reader, &filter, page, now, &sender));
    let mut pieces = tokio_stream(receiver);
    let Some(first) = pieces.next().await else {
        let done = reading.await.map_err(|_| ApiError::internal("the alerts could not be read"))?;
        let body = done.map_err(unreadable)?;
        return Ok(json(StatusCode::OK, body));
    };
    // The last piece comes as the result of the reading.
    let last = async move {
        match reading.await {
            Ok(Ok(last)) => Ok(Bytes::from(last)),
            Ok(Err(error)) => Err(std::io::Error::other(error.to_string())),
            Err(error) => Err(std::io::Error::other(error)),
        }
    };
    let first = futures_util::stream::once(async move { Ok(first) });
    let pieces = first.chain(pieces.map(Ok)).chain(futures_util::stream::once(last));
    let mut response = Response::new(Body::from_stream(pieces));
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

fn tokio_stream(
    mut receiver: mpsc::Receiver<Bytes>,
) -> impl futures_util::Stream<Item = Bytes> + Unpin {
    futures_util::stream::poll_fn(move |context| receiver.poll_recv(context))
}

/// Writes the list; sends full pieces and gives the last one.
fn write_list(
    service: &Service,
    filter: &AlertFilter,
    page: Page,
    now: i64,
    sender: &mpsc::Sender<Bytes>,
) -> Result<Vec<u8>, ArchiveError> {
    let mut out = Vec::new();
    let mut any = false;
    service.archive.alerts(filter, page, now, &mut |kept| {
        out.push(if any { b',' } else { b'[' });
        any = true;
        alert::write(&mut out, &kept, machine_of(service, &kept), page.decisions, now);
        if out.len() >= PIECE && sender.blocking_send(std::mem::take(&mut out).into()).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    out.extend_from_slice(if any { b"]" } else { b"null" });
    Ok(out)
}

pub(super) fn machine_of<'a>(service: &Service, kept: &'a KeptAlert) -> &'a str {
    let known =
        *kept.machine == *service.own.row().id || service.accounts.machine(&kept.machine).is_some();
    if known { &kept.machine } else { GONE }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
pub(super) fn unreadable(error: ArchiveError) -> ApiError {
    tracing::error!(%error, "alerts cannot be read");
    ApiError::unavailable("the store cannot be read")
}

/// Check filters.
#[utoipa::path(head, path = "/v1/alerts", tag = "alerts", operation_id = "head_alerts",
    params(AlertParameters, AlertPage), security(("machine_token" = [])),
    responses((status = 200, description = "The filters can be read"), NoMachine, Mistaken))]
pub(super) async fn head(
    State(service): State<Arc<Service>>,
    _machine: AsMachine,
    query: Query,
) -> Result<Response, ApiError> {
    Page::read(&query)?;
    AlertFilter::read(&query, service.now())?;
    Ok(head_ok())
}

/// Look at an alert.
#[utoipa::path(get, path = "/v1/alerts/{alert_id}", tag = "alerts", operation_id = "get_alert",
    params(("alert_id" = i64, Path, description = "Its number")), security(("machine_token" = [])),
    responses((status = 200, description = "The alert", body = Alert), (status = 400, description = "No number", body = Refusal),
        (status = 404, description = "No such alert", body = Refusal), NoMachine, NotReady))]
pub(super) async fn one(
    State(service): State<Arc<Service>>,
    _machine: AsMachine,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (kept, now) = (find(&service, &id).await?, service.now());
    let mut out = Vec::new();
    alert::write(&mut out, &kept, machine_of(&service, &kept), true, now);
    Ok(json(StatusCode::OK, out))
}

/// See whether an alert is there.
#[utoipa::path(head, path = "/v1/alerts/{alert_id}", tag = "alerts", operation_id = "head_alert",
    params(("alert_id" = i64, Path, description = "Its number")), security(("machine_token" = [])),
    responses((status = 200, description = "It is there"), (status = 400, description = "No number", body = Refusal),
        (status = 404, description = "No such alert", body = Refusal), NoMachine, NotReady))]
pub(super) async fn head_one(
    State(service): State<Arc<Service>>,
    _machine: AsMachine,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    find(&service, &id).await?;
    Ok(head_ok())
}

async fn find(service: &Arc<Service>, id: &str) -> Result<KeptAlert, ApiError> {
    let not_found = || ApiError::new(StatusCode::NOT_FOUND, "object not found");
    let id = u64::try_from(number::read(id, "alert_id")?).map_err(|_| not_found())?;
    let archive = Arc::clone(&service.archive);
    let kept = service.blocking(move || archive.alert(id)).await?.map_err(unreadable)?;
    kept.ok_or_else(not_found)
}

/// Remove alerts.
#[utoipa::path(delete, path = "/v1/alerts", tag = "alerts", operation_id = "delete_alerts",
    params(AlertParameters), security(("machine_token" = [])),
    responses((status = 200, description = "They are gone, with their decisions", body = DeletedResponse),
        (status = 400, description = "The query cannot be read", body = Refusal),
        (status = 403, description = "Not from this address", body = Refusal), NoMachine, Mistaken, NotKept))]
pub(super) async fn remove(
    State(service): State<Arc<Service>>,
    machine: AsMachine,
    query: Query,
    uri: Uri,
) -> Result<Response, ApiError> {
    only_trusted(&service, &machine.caller)?;
    let filter = Box::new(AlertFilter::read_deletion(&query, service.now())?);
    let Outcome::Removed(count) = service.submit(Change::RemoveAlerts(filter)).await? else {
        return Err(ApiError::unexpected());
    };
    let what = format!("DELETE {uri}");
    service.audit(&machine.id, &machine.caller, what, format!("{count} alerts removed"));
    Ok(deleted(count))
}

/// Remove an alert.
#[utoipa::path(delete, path = "/v1/alerts/{alert_id}", tag = "alerts", operation_id = "delete_alert",
    params(("alert_id" = i64, Path, description = "Its number")), security(("machine_token" = [])),
    responses((status = 200, description = "It is gone, with its decisions", body = DeletedResponse),
        (status = 400, description = "No number", body = Refusal), (status = 403, description = "Not from this address", body = Refusal),
        NoMachine, Mistaken, NotKept))]
pub(super) async fn remove_one(
    State(service): State<Arc<Service>>,
    machine: AsMachine,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    only_trusted(&service, &machine.caller)?;
    let unknown = || ApiError::internal("ent: alert not found");
    let id = u64::try_from(number::read(&id, "alert_id")?).map_err(|_| unknown())?;
    match service.submit(Change::RemoveAlert(id)).await? {
        Outcome::Removed(_) => {}
        Outcome::Unknown => return Err(unknown()),
        _ => return Err(ApiError::unexpected()),
    }
    let what = format!("DELETE /v1/alerts/{id}");
    service.audit(&machine.id, &machine.caller, what, "1 alert removed".to_owned());
    Ok(deleted(1))
}

fn only_trusted(service: &Service, caller: &Caller) -> Result<(), ApiError> {
    match caller.is_trusted(&service.policy.trusted) {
        true => Ok(()),
        false => {
            let text = format!("access forbidden from this IP ({})", caller.ip);
            Err(ApiError::new(StatusCode::FORBIDDEN, text))
        }
    }
}
