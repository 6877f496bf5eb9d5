//! `/v1/admin`: accounts, allowlists, old alerts. Open to processes of this machine on the Unix socket and
//! to machines that were made administrators, to nobody else.

mod alerts;
mod allowlists;
mod bouncers;
mod machines;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body;
use crate::accounts::AccountError;
use crate::error::{ApiError, json};
use crate::service::Service;
use crate::wire::text::rfc3339;

/// The routes of administration.
pub(super) fn all() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new()
        .routes(routes!(alerts::flush))
        .routes(routes!(bouncers::list, bouncers::add))
        .routes(routes!(bouncers::remove))
        .routes(routes!(machines::list, machines::add))
        .routes(routes!(machines::remove))
        .routes(routes!(machines::validate))
        .routes(routes!(allowlists::create))
        .routes(routes!(allowlists::delete))
        .routes(routes!(allowlists::add_items, allowlists::remove_items))
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

fn named(name: &str) -> Result<(), ApiError> {
    match name.is_empty() || name.len() > 255 {
        true => Err(ApiError::bad("a name has 1 to 255 bytes")),
        false => Ok(()),
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
