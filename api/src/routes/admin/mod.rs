//! `/v1/admin`: accounts, allowlists, old alerts, what bouncers did. Open to processes of this machine on the Unix socket and
//! to machines that were made administrators, to nobody else.

mod alerts;
mod allowlists;
mod bouncers;
mod machines;
mod usage;

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body;
use crate::accounts::{AccountError, Accounts};
use crate::auth::guard::AsAdmin;
use crate::error::{ApiError, json};
use crate::service::Service;
use crate::wire::text::rfc3339;

/// The routes of administration.
pub(super) fn all() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new()
        .routes(routes!(alerts::flush))
        .routes(routes!(bouncers::list, bouncers::add))
        .routes(routes!(bouncers::remove))
        .routes(routes!(usage::of_bouncers))
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

/// All of a kind of account.
fn listed<E, T: Serialize>(all: &[Arc<E>], look: impl Fn(&E) -> T) -> Result<Response, ApiError> {
    let all: Vec<T> = all.iter().map(|entry| look(entry)).collect();
    shown(StatusCode::OK, &all)
}

/// The body of a request.
struct Posted<T>(T);

impl<T: DeserializeOwned> FromRequest<Arc<Service>> for Posted<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let most = service.policy.limits.body;
        let whole = body::read(service, &parts.headers, body, most).await?;
        let read = serde_json::from_slice(&whole.bytes);
        read.map(Self).map_err(|error| ApiError::bad(error.to_string()))
    }
}

/// Changes accounts where that holds up nobody, with a line in the audit log.
async fn changed<T: Send + 'static>(
    service: &Arc<Service>,
    admin: &AsAdmin,
    (what, outcome): (String, &str),
    change: impl FnOnce(&Accounts) -> Result<T, AccountError> + Send + 'static,
) -> Result<T, ApiError> {
    let accounts = Arc::clone(&service.accounts);
    let made = service.blocking(move || change(&accounts)).await?.map_err(refused)?;
    admin.audit(service, what, outcome);
    Ok(made)
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn refused(error: AccountError) -> ApiError {
    let status = match error {
        AccountError::Exists(_) | AccountError::BouncerExists(_) => StatusCode::CONFLICT,
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
        ("", _) => "?".to_owned(),
        (name, "") => name.to_owned(),
        (name, version) => format!("{name}/{version}"),
    }
}
