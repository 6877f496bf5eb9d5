//! `/v1/admin`: accounts and allowlists. Open to processes of this machine on the Unix socket and to
//! machines that were made administrators, to nobody else.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use operators::time::GoDuration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::decisions::unexpected;
use crate::accounts::{AccountError, Bouncer, BouncerEntry, Machine, MachineEntry, Proof};
use crate::allow::{AllowChange, AllowItem};
use crate::auth::guard::{AsAdmin, hash_of};
use crate::auth::password;
use crate::blocklist::Wanted;
use crate::error::{ApiError, empty, json};
use crate::filter::Query;
use crate::intake::{Change, Outcome};
use crate::openapi::answer::{AddedBouncer, AddedMachine, AllowlistChanged, Flushed, Refusal};
use crate::openapi::refusal::{BadBody, NoAdmin, NotKept, NotReady};
use crate::service::Service;
use crate::wire::text::{read_rfc3339, rfc3339};

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

fn time(at: i64) -> Option<String> {
    (at > 0).then(|| rfc3339(at))
}

fn os((name, _, version): &(String, String, String)) -> String {
    match (name.as_str(), version.as_str()) {
        ("", _) => String::new(),
        (name, "") => name.to_owned(),
        (name, version) => format!("{name}/{version}"),
    }
}

fn shown(status: StatusCode, value: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(value).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(json(status, body))
}

async fn read<T: DeserializeOwned>(
    service: &Arc<Service>,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiError> {
    let whole = body::read(service, headers, body, service.policy.limits.body).await?;
    serde_json::from_slice(&whole.bytes).map_err(|error| ApiError::bad(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn refused(error: AccountError) -> ApiError {
    let status = match error {
        AccountError::Exists(_) => StatusCode::CONFLICT,
        AccountError::Unknown(_) => StatusCode::NOT_FOUND,
        AccountError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    ApiError::new(status, error.to_string())
}

/// List the bouncers.
#[utoipa::path(get, path = "/v1/admin/bouncers", tag = "admin", operation_id = "list_bouncers",
    security(("machine_token" = [])),
    responses((status = 200, description = "The bouncers", body = Vec<ShownBouncer>), NoAdmin))]
pub(super) async fn bouncers(
    State(service): State<Arc<Service>>,
    _admin: AsAdmin,
) -> Result<Response, ApiError> {
    let all: Vec<_> =
        service.accounts.bouncers().iter().map(|entry| ShownBouncer::new(entry)).collect();
    shown(StatusCode::OK, &all)
}

/// A bouncer that is to be added.
#[derive(Debug, Deserialize, ToSchema)]
struct NewBouncer {
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    /// One is made where there is none.
    key: Option<String>,
    /// What its blocklists are to hold where a request does not say it, as a query.
    #[serde(default)]
    blocklist: String,
}

/// Add a bouncer.
#[utoipa::path(post, path = "/v1/admin/bouncers", tag = "admin", operation_id = "add_bouncer",
    request_body = NewBouncer, security(("machine_token" = [])),
    responses((status = 201, description = "Its key", body = AddedBouncer), (status = 409, description = "The name is taken", body = Refusal),
        NoAdmin, BadBody, NotReady))]
pub(super) async fn add_bouncer(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let new: NewBouncer = read(&service, &headers, body).await?;
    named(&new.name)?;
    Wanted::read(Query::parse(&new.blocklist).whole()?)?;
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
    let accounts = Arc::clone(&service.accounts);
    service.blocking(move || accounts.add_bouncer(row)).await?.map_err(refused)?;
    admin.audit(&service, format!("add bouncer {}", new.name), "added");
    shown(StatusCode::CREATED, &serde_json::json!({ "name": new.name, "api_key": key }))
}

/// Remove a bouncer.
#[utoipa::path(delete, path = "/v1/admin/bouncers/{name}", tag = "admin", operation_id = "delete_bouncer",
    params(("name" = String, Path, description = "Its name")), security(("machine_token" = [])),
    responses((status = 204, description = "It is gone"), (status = 404, description = "No such name", body = Refusal), NoAdmin, NotReady))]
pub(super) async fn remove_bouncer(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let (accounts, id) = (Arc::clone(&service.accounts), name.clone());
    service.blocking(move || accounts.remove_bouncer(&id)).await?.map_err(refused)?;
    admin.audit(&service, format!("delete bouncer {name}"), "removed");
    Ok(empty(StatusCode::NO_CONTENT))
}

/// List the machines.
#[utoipa::path(get, path = "/v1/admin/machines", tag = "admin", operation_id = "list_machines",
    security(("machine_token" = [])),
    responses((status = 200, description = "The machines", body = Vec<ShownMachine>), NoAdmin))]
pub(super) async fn machines(
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
pub(super) async fn add_machine(
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
    let hash = super::watchers::hashed(&service, password.clone()).await?;
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
pub(super) async fn validate_machine(
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
pub(super) async fn remove_machine(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (accounts, name) = (Arc::clone(&service.accounts), id.clone());
    service.blocking(move || accounts.remove_machine(&name)).await?.map_err(refused)?;
    admin.audit(&service, format!("delete machine {id}"), "removed");
    Ok(empty(StatusCode::NO_CONTENT))
}

fn named(name: &str) -> Result<(), ApiError> {
    match name.is_empty() || name.len() > 255 {
        true => Err(ApiError::bad("a name has 1 to 255 bytes")),
        false => Ok(()),
    }
}

/// An allowlist that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
struct NewList {
    name: String,
    #[serde(default)]
    description: String,
}

/// Make an allowlist.
#[utoipa::path(post, path = "/v1/admin/allowlists", tag = "admin", operation_id = "create_allowlist",
    request_body = NewList, security(("machine_token" = [])),
    responses((status = 200, description = "It is there", body = AllowlistChanged), (status = 409, description = "Not so: it is there, or is not", body = Refusal),
        NoAdmin, BadBody, NotKept))]
pub(super) async fn create_allowlist(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let NewList { name, description } = read(&service, &headers, body).await?;
    let what = format!("create allowlist {name}");
    allow(&service, &admin, AllowChange::Create { name, description }, what).await
}

/// Remove an allowlist.
#[utoipa::path(delete, path = "/v1/admin/allowlists/{allowlist_name}", tag = "admin", operation_id = "delete_allowlist",
    params(("allowlist_name" = String, Path, description = "Its name")), security(("machine_token" = [])),
    responses((status = 200, description = "It is gone", body = AllowlistChanged), (status = 409, description = "Not so: it is there, or is not", body = Refusal), NoAdmin, NotKept))]
pub(super) async fn delete_allowlist(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let what = format!("delete allowlist {name}");
    allow(&service, &admin, AllowChange::Delete { name }, what).await
}

/// What is to be put on an allowlist.
#[derive(Debug, Deserialize, ToSchema)]
struct NewItems {
    items: Vec<NewItem>,
}

/// An address or a network for an allowlist.
#[derive(Debug, Deserialize, ToSchema)]
struct NewItem {
    value: String,
    #[serde(default)]
    description: String,
    /// RFC 3339; absent for never.
    #[schema(format = DateTime)]
    expiration: Option<String>,
}

/// Put items on an allowlist.
#[utoipa::path(post, path = "/v1/admin/allowlists/{allowlist_name}/items", tag = "admin", operation_id = "add_allowlist_items",
    params(("allowlist_name" = String, Path, description = "Its name")), request_body = NewItems, security(("machine_token" = [])),
    responses((status = 200, description = "They count", body = AllowlistChanged), (status = 409, description = "Not so: it is there, or is not", body = Refusal), NoAdmin, BadBody, NotKept))]
pub(super) async fn add_items(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let new: NewItems = read(&service, &headers, body).await?;
    let item = |new: NewItem| {
        let expires = match new.expiration.filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(read_rfc3339(&text).ok_or_else(|| {
                ApiError::bad(format!("not a time: {text:?}: write 2026-12-31T00:00:00Z"))
            })?),
        };
        Ok(AllowItem { value: new.value, comment: new.description, created: 0, expires })
    };
    let items: Vec<AllowItem> = new.items.into_iter().map(item).collect::<Result<_, ApiError>>()?;
    let values: Vec<&str> = items.iter().take(5).map(|item| item.value.as_str()).collect();
    let what = format!("add {} items to allowlist {name}: {}", items.len(), values.join(" "));
    allow(&service, &admin, AllowChange::Add { name, items }, what).await
}

/// What is to be taken off an allowlist.
#[derive(Debug, Deserialize, ToSchema)]
struct OldItems {
    values: Vec<String>,
}

/// Take items off an allowlist.
#[utoipa::path(delete, path = "/v1/admin/allowlists/{allowlist_name}/items", tag = "admin", operation_id = "delete_allowlist_items",
    params(("allowlist_name" = String, Path, description = "Its name")), request_body = OldItems, security(("machine_token" = [])),
    responses((status = 200, description = "They count no more", body = AllowlistChanged), (status = 409, description = "Not so: it is there, or is not", body = Refusal), NoAdmin, BadBody, NotKept))]
pub(super) async fn remove_items(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let OldItems { values } = read(&service, &headers, body).await?;
    let what = format!("remove {} items from allowlist {name}", values.len());
    allow(&service, &admin, AllowChange::Remove { name, values }, what).await
}

async fn allow(
    service: &Arc<Service>,
    admin: &AsAdmin,
    change: AllowChange,
    what: String,
) -> Result<Response, ApiError> {
    match service.submit(Change::Allow(change)).await? {
        Outcome::Allowed(ended) => {
            admin.audit(service, what, &format!("done, {ended} decisions ended"));
            shown(StatusCode::OK, &serde_json::json!({ "expiredDecisions": ended }))
        }
        Outcome::Refused(why) => Err(ApiError::new(StatusCode::CONFLICT, why)),
        _ => Err(unexpected()),
    }
}

/// Which alerts stay.
#[derive(Debug, Deserialize, ToSchema)]
struct Surplus {
    /// How many alerts stay at most.
    #[schema(minimum = 1)]
    max_items: u64,
    /// How old they become: Go's duration, with days.
    #[schema(pattern = "^[1-9][0-9]{0,3}[smhd]$")]
    max_age: String,
}

/// Remove old alerts.
#[utoipa::path(post, path = "/v1/admin/alerts/flush", tag = "admin", operation_id = "flush_alerts",
    request_body = Surplus, security(("machine_token" = [])),
    responses((status = 200, description = "How many went", body = Flushed), NoAdmin, BadBody, NotReady))]
pub(super) async fn flush_alerts(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let Surplus { max_items, max_age } = read(&service, &headers, body).await?;
    let GoDuration(age) = GoDuration::parse_with_days(&max_age)
        .map_err(|error| ApiError::bad(format!("max_age: {error}")))?;
    if max_items == 0 || age <= 0 {
        return Err(ApiError::bad("max_items and max_age must be above 0"));
    }
    let (archive, now) = (Arc::clone(&service.archive), service.now());
    let gone = service.blocking(move || archive.flush(max_items, age, now)).await?;
    let gone = gone.map_err(super::alerts::unreadable)?;
    admin.audit(&service, "flush alerts".to_owned(), &format!("{gone} alerts removed"));
    shown(StatusCode::OK, &serde_json::json!({ "nbDeleted": gone }))
}
