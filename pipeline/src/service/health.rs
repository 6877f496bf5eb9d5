//! Metrics and health, for machines that watch: `/metrics`, `/livez`, `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::observer::Observer;
use crate::telemetry::metrics::Metrics;

/// The routes.
pub fn router(observer: Arc<Observer>, metrics: Arc<Metrics>) -> Router {
    let pages =
        Router::new().route("/metrics", get(page)).with_state((Arc::clone(&observer), metrics));
    let health = Router::new().route("/livez", get(lives)).route("/readyz", get(is_ready));
    pages.merge(health.with_state(observer))
}

async fn page(State((observer, metrics)): State<(Arc<Observer>, Arc<Metrics>)>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics.page(&observer)).into_response()
}

async fn lives(State(observer): State<Arc<Observer>>) -> Response {
    said(observer.lives().err().as_slice())
}

async fn is_ready(State(observer): State<Arc<Observer>>) -> Response {
    said(&observer.trouble())
}

fn said(trouble: &[String]) -> Response {
    match trouble {
        [] => (StatusCode::OK, "ok\n").into_response(),
        trouble => (StatusCode::SERVICE_UNAVAILABLE, trouble.join("\n") + "\n").into_response(),
    }
}
