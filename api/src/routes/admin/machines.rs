//! `/v1/admin/machines`: agents that post alerts, and people who ask over the network.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Posted, changed, listed, named, os, shown, time};
use crate::accounts::{AccountError, Accounts, Machine, MachineEntry, Proof};
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
    listed(&service.accounts.machines(), ShownMachine::new)
}

/// A machine that is to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMachine {
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
    Posted(new): Posted<NewMachine>,
) -> Result<Response, ApiError> {
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
    let what = (format!("add machine {}", new.machine_id), "added");
    let add = move |accounts: &Accounts| match accounts.add_machine(row) {
        Err(AccountError::Exists(id)) if new.force => accounts.change_machine(&id, |row| {
            (row.password, row.validated, row.updated) = (hash, true, now);
        }),
        made => made.map(|_| ()),
    };
    changed(&service, &admin, what, add).await?;
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
    let (what, now) = ((format!("validate machine {id}"), "validated"), service.now());
    let validate = move |accounts: &Accounts| {
        accounts.change_machine(&id, |row| (row.validated, row.updated) = (true, now))
    };
    changed(&service, &admin, what, validate).await?;
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
    let what = (format!("delete machine {id}"), "removed");
    changed(&service, &admin, what, move |accounts| accounts.remove_machine(&id)).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
