//! `GET /health`: whether the process lives. Whether it answers truthfully is `GET /v1/decisions`.

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use crate::error::json;
use crate::openapi::answer::Health;

/// Whether the process lives.
#[utoipa::path(get, path = "/health", tag = "server", operation_id = "get_health",
    responses((status = 200, description = "It lives", body = Health)))]
pub(super) async fn health() -> Response {
    let mut response = json(StatusCode::OK, b"{\"status\":\"up\"}".to_vec());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
