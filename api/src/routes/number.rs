//! Alerts and decisions by their number in a path; how many of them went.

use axum::response::Response;
use http::StatusCode;

use crate::error::{ApiError, json};
use crate::filter::query::parse_int;

/// A number in a path.
pub(super) fn read(text: &str, name: &str) -> Result<i64, ApiError> {
    parse_int(text).map_err(|_| ApiError::bad(format!("{name} must be valid integer")))
}

/// How many went; a text, as CrowdSec writes it.
pub(super) fn deleted(count: u64) -> Response {
    json(StatusCode::OK, format!("{{\"nbDeleted\":\"{count}\"}}").into_bytes())
}
