//! `/v1/admin/usage-metrics`: what bouncers did.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::shown;
use crate::archive::{Archive, ArchiveError};
use crate::auth::guard::AsAdmin;
use crate::bouncer_metrics::{BouncerMetrics, Sums};
use crate::error::ApiError;
use crate::openapi::refusal::{NoAdmin, NotReady};
use crate::routes::alerts::unreadable;
use crate::service::Service;

/// Add up what bouncers did.
#[utoipa::path(get, path = "/v1/admin/usage-metrics", tag = "admin", operation_id = "list_usage_metrics",
    security(("machine_token" = [])),
    responses((status = 200, description = "What bouncers did", body = BouncerMetrics), NoAdmin, NotReady))]
pub(super) async fn of_bouncers(
    State(service): State<Arc<Service>>,
    _admin: AsAdmin,
) -> Result<Response, ApiError> {
    let archive = Arc::clone(&service.archive);
    let metrics = service.blocking(move || added_up(&*archive)).await?;
    shown(StatusCode::OK, &metrics.map_err(unreadable)?)
}

fn added_up(archive: &dyn Archive) -> Result<BouncerMetrics, ArchiveError> {
    let mut sums = Sums::default();
    let mut complete = true;
    archive.usages(&mut |usage| {
        complete = sums.add(&usage);
        if complete { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(sums.finish(complete))
}
