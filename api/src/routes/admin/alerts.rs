//! `/v1/admin/alerts`: which of them stay.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use operators::time::GoDuration;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Posted, shown};
use crate::auth::guard::AsAdmin;
use crate::error::ApiError;
use crate::openapi::answer::Flushed;
use crate::openapi::refusal::{BadBody, NoAdmin, NotReady};
use crate::routes::alerts::unreadable;
use crate::service::Service;

/// Which alerts stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Surplus {
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
pub(super) async fn flush(
    State(service): State<Arc<Service>>,
    admin: AsAdmin,
    Posted(Surplus { max_items, max_age }): Posted<Surplus>,
) -> Result<Response, ApiError> {
    let GoDuration(age) = GoDuration::parse_with_days(&max_age)
        .map_err(|error| ApiError::bad(format!("max_age: {error}")))?;
    if max_items == 0 || age <= 0 {
        return Err(ApiError::bad("max_items and max_age must be above 0"));
    }
    let (archive, now) = (Arc::clone(&service.archive), service.now());
    let gone = service.blocking(move || archive.flush(max_items, age, now)).await?;
    let gone = gone.map_err(unreadable)?;
    admin.audit(&service, "flush alerts".to_owned(), &format!("{gone} alerts removed"));
    shown(StatusCode::OK, &serde_json::json!({ "nbDeleted": gone }))
}
