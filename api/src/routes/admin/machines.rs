//! `/v1/admin/machines`: agents that post alerts, and people who ask over the network.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{named, os, read, refused, shown, time};
use crate::accounts::{AccountError, Machine, MachineEntry, Proof};
use crate::auth::guard::AsAdmin;
use crate::auth::password;
use crate::error::{ApiError, empty};
use crate::openapi::answer::{AddedMachine, Refusal};
use crate::openapi::refusal::{BadBody, NoAdmin, NotReady};
use crate::routes::watchers::hashed;
use crate::service::Service;
use crate::wire::text::rfc3339;

/// A machine as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
struct ShownMachine {
    #[serde(rename = "machineId")]
    id: String,
    #[serde(rename = "ipAddress")]
    ip: String,
    version: String,
    #[serde(rename = "isValidated")]
    validated: bool,
    admin: bool,
    auth_type: &'static str,
    created_at: String,
    updated_at: String,
    last_push: Option<String>,
    last_heartbeat: Option<String>,
    os: String,
    scenarios: String,
    #[serde(rename = "featureflags")]
    feature_flags: Vec<String>,
    datasources: Option<serde_json::Value>,
    hub_items: Option<serde_json::Value>,
}

impl ShownMachine {
    fn new(entry: &MachineEntry) -> Self {
        let row = entry.row();
        Self {
            id: row.id.clone(),
            ip: row.ip.clone(),
            version: row.version.clone(),
            validated: row.validated,
            admin: row.admin,
            auth_type: if row.proof == Proof::Tls { "tls" } else { "password" },
            created_at: rfc3339(row.created),
            updated_at: rfc3339(row.updated),
            last_push: time(entry.last_push()),
            last_heartbeat: time(entry.last_heartbeat()),
            os: os(&row.os),
            scenarios: row.scenarios.clone(),
            feature_flags: row.features.clone(),
            datasources: row.datasources.clone(),
            hub_items: row.hub_items.clone(),
        }
    }
}

/// List the machines.
#[utoipa::path(get, path = "/v1/admin/machines", tag = "admin", operation_id = "list_machines",
    security(("machine_token" = [])),
    responses((status = 200, description = "The machines", body = Vec<ShownMachine>), NoAdmin))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    _admin: AsAdmin,
) -> Result<Response, ApiError> {
    let all: Vec<_> =
        service.accounts.machines().iter().map(|entry| ShownMachine::new(entry)).collect();
    shown(StatusCode::OK, &all)
}

/// A machine that is to be added.
#[derive(Debug, Deserialize, ToSchema)]
struct NewMachine {
    #[schema(min_length = 1, max_length = 255)]
    machine_id: String,
    /// One is made where there is none.
    password: Option<String>,
    /// Whether it may administer.
    #[serde(default)]
    admin: bool,
    /// Whether a machine of that name gets this password, rather than being refused.
    #[serde(default)]
    force: bool,
}

/// Add a machine.
#[utoipa::path(post, path = "/v1/admin/machines", tag = "admin", operation_id = "add_machine",
    request_body = NewMachine, security(("machine_token" = [])),
    responses((status = 201, description = "Its password", body = AddedMachine), (status = 409, description = "The name is taken", body = Refusal),
        NoAdmin, BadBody, NotReady))]
pub(super) async fn add(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let new: NewMachine = read(&service, &headers, body).await?;
    named(&new.machine_id)?;
    let password = match new.password.filter(|password| !password.is_empty()) {
        Some(password) => password,
        None => password::generate().map_err(ApiError::internal)?,
    };
    let hash = hashed(&service, password.clone()).await?;
    let now = service.now();
    let row = Machine {
        id: new.machine_id.clone(),
        password: hash.clone(),
        validated: true,
        admin: new.admin,
        created: now,
        updated: now,
        ..Machine::default()
    };
    let (accounts, force) = (Arc::clone(&service.accounts), new.force);
    let made = service.blocking(move || match accounts.add_machine(row) {
        Err(AccountError::Exists(id)) if force => accounts.change_machine(&id, |row| {
            (row.password, row.validated, row.updated) = (hash, true, now);
        }),
        made => made.map(|_| ()),
    });
    made.await?.map_err(refused)?;
    admin.audit(&service, format!("add machine {}", new.machine_id), "added");
    let made = serde_json::json!({ "machine_id": new.machine_id, "password": password });
    shown(StatusCode::CREATED, &made)
}

/// Let a machine in that made itself known.
#[utoipa::path(post, path = "/v1/admin/machines/{machine_id}/validate", tag = "admin", operation_id = "validate_machine",
    params(("machine_id" = String, Path, description = "Its name")), security(("machine_token" = [])),
    responses((status = 204, description = "It may log in"), (status = 404, description = "No such name", body = Refusal), NoAdmin, NotReady))]
pub(super) async fn validate(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (accounts, now, name) = (Arc::clone(&service.accounts), service.now(), id.clone());
    let change =
        move || accounts.change_machine(&name, |row| (row.validated, row.updated) = (true, now));
    service.blocking(change).await?.map_err(refused)?;
    admin.audit(&service, format!("validate machine {id}"), "validated");
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Remove a machine.
#[utoipa::path(delete, path = "/v1/admin/machines/{machine_id}", tag = "admin", operation_id = "delete_machine",
    params(("machine_id" = String, Path, description = "Its name")), security(("machine_token" = [])),
    responses((status = 204, description = "It is gone"), (status = 404, description = "No such name", body = Refusal), NoAdmin, NotReady))]
pub(super) async fn remove(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (accounts, name) = (Arc::clone(&service.accounts), id.clone());
    service.blocking(move || accounts.remove_machine(&name)).await?.map_err(refused)?;
    admin.audit(&service, format!("delete machine {id}"), "removed");
    Ok(empty(StatusCode::NO_CONTENT))
}
