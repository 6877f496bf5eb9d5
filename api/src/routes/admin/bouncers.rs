//! `/v1/admin/bouncers`: who enforces decisions.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Posted, changed, listed, named, os, shown, time};
use crate::accounts::{Bouncer, BouncerEntry, Proof};
use crate::auth::guard::{AsAdmin, hash_of};
use crate::auth::password;
use crate::blocklist::Wanted;
use crate::error::{ApiError, empty};
use crate::filter::Query;
use crate::openapi::answer::{AddedBouncer, Refusal};
use crate::openapi::refusal::{BadBody, NoAdmin, NotReady};
use crate::service::Service;
use crate::wire::text::rfc3339;

/// A bouncer as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
struct ShownBouncer {
    name: String,
    ip_address: String,
    revoked: bool,
    #[serde(rename = "type")]
    kind: String,
    version: String,
    auth_type: &'static str,
    auto_created: bool,
    created_at: String,
    updated_at: String,
    last_pull: Option<String>,
    os: String,
    #[serde(rename = "featureflags")]
    feature_flags: Vec<String>,
    blocklist: String,
}

impl ShownBouncer {
    fn new(entry: &BouncerEntry) -> Self {
        let row = entry.row();
        Self {
            name: row.name.clone(),
            ip_address: row.ip.clone(),
            revoked: row.revoked,
            kind: row.kind.clone(),
            version: row.version.clone(),
            auth_type: if row.proof == Proof::Tls { "tls" } else { "api-key" },
            auto_created: row.auto_created,
            created_at: rfc3339(row.created),
            updated_at: rfc3339(row.updated),
            last_pull: time(entry.last_pull()),
            os: os(&row.os),
            feature_flags: row.features.clone(),
            blocklist: row.blocklist.clone(),
        }
    }
}

/// List the bouncers.
#[utoipa::path(get, path = "/v1/admin/bouncers", tag = "admin", operation_id = "list_bouncers",
    security(("machine_token" = [])),
    responses((status = 200, description = "The bouncers", body = Vec<ShownBouncer>), NoAdmin))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    _admin: AsAdmin,
) -> Result<Response, ApiError> {
    listed(&service.accounts.bouncers(), ShownBouncer::new)
}

/// A bouncer that is to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBouncer {
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    /// One is made where there is none.
    key: Option<String>,
    /// What its blocklists may hold at most, as a query; a request narrows it.
    #[serde(default)]
    blocklist: String,
}

/// Add a bouncer.
#[utoipa::path(post, path = "/v1/admin/bouncers", tag = "admin", operation_id = "add_bouncer",
    request_body = NewBouncer, security(("machine_token" = [])),
    responses((status = 201, description = "Its key", body = AddedBouncer), (status = 409, description = "The name is taken", body = Refusal),
        NoAdmin, BadBody, NotReady))]
pub(super) async fn add(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Posted(new): Posted<NewBouncer>,
) -> Result<Response, ApiError> {
    named(&new.name)?;
    Wanted::read(&Query::parse(""), &Query::parse(&new.blocklist))?;
    let key = match new.key.filter(|key| !key.is_empty()) {
        Some(key) => key,
        None => password::generate().map_err(ApiError::internal)?,
    };
    let now = service.now();
    let row = Bouncer {
        name: new.name.clone(),
        key: hash_of(key.as_bytes()),
        blocklist: new.blocklist,
        created: now,
        updated: now,
        ..Bouncer::default()
    };
    let what = (format!("add bouncer {}", new.name), "added");
    changed(&service, &admin, what, move |accounts| accounts.add_bouncer(row)).await?;
    shown(StatusCode::CREATED, &serde_json::json!({ "name": new.name, "api_key": key }))
}

/// Remove a bouncer.
#[utoipa::path(delete, path = "/v1/admin/bouncers/{name}", tag = "admin", operation_id = "delete_bouncer",
    params(("name" = String, Path, description = "Its name")), security(("machine_token" = [])),
    responses((status = 204, description = "It is gone"), (status = 404, description = "No such name", body = Refusal), NoAdmin, NotReady))]
pub(super) async fn remove(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let what = (format!("delete bouncer {name}"), "removed");
    changed(&service, &admin, what, move |accounts| accounts.remove_bouncer(&name)).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
