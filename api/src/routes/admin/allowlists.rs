//! `/v1/admin/allowlists`: whom no decision may hit.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Posted, shown};
use crate::allow::{AllowChange, AllowItem};
use crate::auth::guard::AsAdmin;
use crate::error::ApiError;
use crate::intake::{Change, Outcome};
use crate::openapi::answer::{AllowlistChanged, Refusal};
use crate::openapi::refusal::{BadBody, NoAdmin, NotKept};
use crate::service::Service;
use crate::wire::text::read_rfc3339;

/// An allowlist that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewList {
    name: String,
    #[serde(default)]
    description: String,
}

/// Make an allowlist.
#[utoipa::path(post, path = "/v1/admin/allowlists", tag = "admin", operation_id = "create_allowlist",
    request_body = NewList, security(("machine_token" = [])),
    responses((status = 200, description = "It is there", body = AllowlistChanged), (status = 409, description = "Not so: it is there, or is not", body = Refusal),
        NoAdmin, BadBody, NotKept))]
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Posted(NewList { name, description }): Posted<NewList>,
) -> Result<Response, ApiError> {
    let what = format!("create allowlist {name}");
    allow(&service, &admin, AllowChange::Create { name, description }, what).await
}

/// Remove an allowlist.
#[utoipa::path(delete, path = "/v1/admin/allowlists/{allowlist_name}", tag = "admin", operation_id = "delete_allowlist",
    params(("allowlist_name" = String, Path, description = "Its name")), security(("machine_token" = [])),
    responses((status = 200, description = "It is gone", body = AllowlistChanged), (status = 409, description = "Not so: it is there, or is not", body = Refusal), NoAdmin, NotKept))]
pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let what = format!("delete allowlist {name}");
    allow(&service, &admin, AllowChange::Delete { name }, what).await
}

/// What is to be put on an allowlist.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewItems {
    items: Vec<NewItem>,
}

/// An address or a network for an allowlist.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewItem {
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
    Posted(new): Posted<NewItems>,
) -> Result<Response, ApiError> {
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
#[serde(deny_unknown_fields)]
pub(super) struct OldItems {
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
    Posted(OldItems { values }): Posted<OldItems>,
) -> Result<Response, ApiError> {
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
        _ => Err(ApiError::unexpected()),
    }
}
