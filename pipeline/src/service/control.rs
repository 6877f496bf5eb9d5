//! What is asked at the control socket besides the API: a service that runs, by those who run it.
//! The file system says who they are: the socket belongs to the service's user and group.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;

use super::observer::Observer;
use super::status::{Status, UnparsedLine};

/// Where it says how it is.
pub const STATUS: &str = "/control/status";
/// Where it shows lines that no parser took.
pub const UNPARSED: &str = "/control/unparsed";
/// Where it takes up other rules.
pub const RELOAD: &str = "/control/reload";

/// The routes.
pub fn router(observer: Arc<Observer>) -> Router {
    Router::new()
        .route(STATUS, get(status))
        .route(UNPARSED, get(unparsed))
        .route(RELOAD, post(reload))
        .with_state(observer)
}

async fn status(State(observer): State<Arc<Observer>>) -> Json<Status> {
    Json(observer.status())
}

#[derive(Debug, Default, Deserialize)]
struct Which {
    source: Option<String>,
}

async fn unparsed(
    State(observer): State<Arc<Observer>>,
    Query(which): Query<Which>,
) -> Json<Vec<UnparsedLine>> {
    Json(observer.unparsed(which.source.as_deref()))
}

async fn reload(State(observer): State<Arc<Observer>>) -> Response {
    // Rules compile for seconds.
    let reloader = Arc::clone(&observer.reloader);
    match tokio::task::spawn_blocking(move || reloader.reload()).await {
        Ok(Ok(status)) => Json(status).into_response(),
        Ok(Err(broken)) => (StatusCode::UNPROCESSABLE_ENTITY, broken.report).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
