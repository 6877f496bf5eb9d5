//! `/v1/allowlists`: what no decision may hit.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::body;
use crate::allow::AllowList;
use crate::auth::AsMachine;
use crate::error::{ApiError, empty, json};
use crate::filter::{Net, Query};
use crate::openapi::answer::{
    AllowlistResponse, BulkCheckAllowlistResponse, CheckAllowlistResponse,
};
use crate::openapi::parameter::AllowlistParameters;
use crate::openapi::refusal::{BadBody, Mistaken, NoMachine};
use crate::openapi::request::BulkCheckAllowlistRequest;
use crate::service::Service;
use crate::wire::bind::Sent;
use crate::wire::shape;
use crate::wire::target::object;
use crate::wire::text::{rfc3339_millis, string};

/// Go's zero time, which stands for `never`.
const NEVER: &str = "0001-01-01T00:00:00.000Z";

/// List the allowlists.
#[utoipa::path(get, path = "/v1/allowlists", tag = "allowlists", operation_id = "list_allowlists",
    params(AllowlistParameters), security(("machine_token" = [])),
    responses((status = 200, description = "The lists", body = Vec<AllowlistResponse>), NoMachine))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    _machine: AsMachine,
    query: Query,
) -> Result<Response, ApiError> {
    let (lists, now) = (service.archive.allowlists(), service.now());
    let content = query.first("with_content") == Some("true");
    let mut out = vec![b'['];
    for (place, list) in lists.lists().iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(&mut out, list, content, now);
    }
    out.push(b']');
    Ok(json(StatusCode::OK, out))
}

/// Look at an allowlist.
#[utoipa::path(get, path = "/v1/allowlists/{allowlist_name}", tag = "allowlists", operation_id = "get_allowlist",
    params(("allowlist_name" = String, Path, description = "Its name"), AllowlistParameters),
    security(("machine_token" = [])),
    responses((status = 200, description = "The list", body = AllowlistResponse), NoMachine, Mistaken))]
pub(super) async fn one(
    State(service): State<Arc<Service>>,
    _machine: AsMachine,
    Path(name): Path<String>,
    query: Query,
) -> Result<Response, ApiError> {
    show(&service, &name, &query)
}

/// The list whose name is the word of another route.
#[utoipa::path(get, path = "/v1/allowlists/check", tag = "allowlists", operation_id = "get_allowlist_named_check",
    params(AllowlistParameters), security(("machine_token" = [])),
    responses((status = 200, description = "The list", body = AllowlistResponse), NoMachine, Mistaken))]
pub(super) async fn named_check(
    State(service): State<Arc<Service>>,
    _machine: AsMachine,
    query: Query,
) -> Result<Response, ApiError> {
    show(&service, "check", &query)
}

fn show(service: &Service, name: &str, query: &Query) -> Result<Response, ApiError> {
    let lists = service.archive.allowlists();
    let list = lists.list(name).map_err(|error| ApiError::internal(error.to_string()))?;
    let mut out = Vec::new();
    write(&mut out, list, query.first("with_content") == Some("true"), service.now());
    Ok(json(StatusCode::OK, out))
}

fn write(out: &mut Vec<u8>, list: &AllowList, content: bool, now: i64) {
    out.extend_from_slice(b"{\"created_at\":");
    string(out, &rfc3339_millis(list.created));
    if !list.description.is_empty() {
        out.extend_from_slice(b",\"description\":");
        string(out, &list.description);
    }
    out.extend_from_slice(b",\"items\":[");
    let in_force = list.items.iter().filter(|item| item.expires.is_none_or(|at| at >= now));
    for (place, item) in in_force.filter(|_| content).enumerate() {
        out.extend_from_slice(if place == 0 { b"{" } else { b",{" });
        out.extend_from_slice(b"\"created_at\":");
        string(out, &rfc3339_millis(item.created));
        if !item.comment.is_empty() {
            out.extend_from_slice(b",\"description\":");
            string(out, &item.comment);
        }
        out.extend_from_slice(b",\"expiration\":");
        let expires = item.expires.map(rfc3339_millis);
        string(out, expires.as_deref().unwrap_or(NEVER));
        out.extend_from_slice(b",\"value\":");
        string(out, &item.value);
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"name\":");
    string(out, &list.name);
    out.extend_from_slice(b",\"updated_at\":");
    string(out, &rfc3339_millis(list.updated));
    out.push(b'}');
}

/// Whether an address is on an allowlist.
#[utoipa::path(get, path = "/v1/allowlists/check/{ip_or_range}", tag = "allowlists", operation_id = "check_allowlists",
    params(("ip_or_range" = String, Path, description = "An address or a network")), security(("machine_token" = [])),
    responses((status = 200, description = "By which lists", body = CheckAllowlistResponse), NoMachine, Mistaken))]
pub(super) async fn check(
    State(service): State<Arc<Service>>,
    _machine: AsMachine,
    Path(value): Path<String>,
) -> Result<Response, ApiError> {
    let reasons = reasons(&service, &value)?;
    if reasons.is_empty() {
        return Ok(json(StatusCode::OK, b"{}".to_vec()));
    }
    let mut out = b"{\"allowlisted\":true,\"reason\":".to_vec();
    string(&mut out, &reasons.join(", "));
    out.push(b'}');
    Ok(json(StatusCode::OK, out))
}

/// Whether an address is on an allowlist.
#[utoipa::path(head, path = "/v1/allowlists/check/{ip_or_range}", tag = "allowlists", operation_id = "head_check_allowlists",
    params(("ip_or_range" = String, Path, description = "An address or a network")), security(("machine_token" = [])),
    responses((status = 200, description = "It is"), (status = 204, description = "It is not"), NoMachine, Mistaken))]
pub(super) async fn head_check(
    State(service): State<Arc<Service>>,
    _machine: AsMachine,
    Path(value): Path<String>,
) -> Result<Response, ApiError> {
    let found = !reasons(&service, &value)?.is_empty();
    Ok(empty(if found { StatusCode::OK } else { StatusCode::NO_CONTENT }))
}

fn reasons(service: &Service, value: &str) -> Result<Vec<String>, ApiError> {
    let net = Net::parse(value).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(service.archive.allowlists().reasons(net, service.now()))
}

#[derive(Debug, Default)]
struct Targets {
    targets: Vec<String>,
}

object!('de, Targets { targets });

/// Which of many are on allowlists.
#[utoipa::path(post, path = "/v1/allowlists/check", tag = "allowlists", operation_id = "check_allowlists_bulk",
    request_body = BulkCheckAllowlistRequest, security(("machine_token" = [])),
    responses((status = 200, description = "Those that are", body = BulkCheckAllowlistResponse),
        NoMachine, BadBody, Mistaken))]
pub(super) async fn check_many(
    State(service): State<Arc<Service>>,
    _machine: AsMachine,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let whole = body::read(&service, &headers, body, service.policy.limits.body).await?;
    let asked: Targets = Sent::new(&whole.bytes).decode(shape::CHECK).map_err(ApiError::bad)?;
    let targets = asked.targets;
    if targets.is_empty() {
        return Err(ApiError::bad("targets list cannot be empty"));
    }
    let mut out = b"{\"results\":[".to_vec();
    let mut any = false;
    for target in &targets {
        let reasons = reasons(&service, target)?;
        if reasons.is_empty() {
            continue;
        }
        out.extend_from_slice(if any { b",{" } else { b"{" });
        any = true;
        out.extend_from_slice(b"\"allowlists\":[");
        for (place, reason) in reasons.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            string(&mut out, reason);
        }
        out.extend_from_slice(b"],\"target\":");
        string(&mut out, target);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    Ok(json(StatusCode::OK, out))
}
