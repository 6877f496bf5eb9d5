//! The routes, under the paths of CrowdSec's API.

mod admin;
mod alerts;
mod allowlists;
mod blocklist;
mod body;
mod decisions;
mod events;
mod explain;
mod health;
mod limited;
mod stream;
mod usage;
mod watchers;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use http::{HeaderValue, Method, StatusCode, Uri, header};

use crate::error::empty;
use crate::service::Service;

/// All routes.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/v1/watchers", post(watchers::register))
        .route("/v1/watchers/login", post(watchers::login))
        .route("/v1/watchers/self", delete(watchers::leave))
        .route("/v1/refresh_token", get(watchers::refresh))
        .route("/v1/heartbeat", get(watchers::heartbeat))
        .route(
            "/v1/alerts",
            get(alerts::list).head(alerts::head).post(alerts::add).delete(alerts::remove),
        )
        .route(
            "/v1/alerts/{alert_id}",
            get(alerts::one).head(alerts::head_one).delete(alerts::remove_one),
        )
        .route("/v1/decisions", get(decisions::query).head(decisions::head).delete(decisions::end))
        .route("/v1/decisions/{decision_id}", delete(decisions::end_one))
        .route("/v1/decisions/stream", get(stream::stream).head(stream::head))
        .route("/v1/blocklist", get(blocklist::blocklist))
        .route("/v1/decisions/events", get(events::events))
        .route("/v1/decisions/{decision_id}/explain", get(explain::explain))
        .route("/v1/usage-metrics", post(usage::keep))
        .route("/v1/allowlists", get(allowlists::list))
        .route("/v1/allowlists/{allowlist_name}", get(allowlists::one))
        .route("/v1/allowlists/check", get(allowlists::named_check).post(allowlists::check_many))
        .route(
            "/v1/allowlists/check/{ip_or_range}",
            get(allowlists::check).head(allowlists::head_check),
        )
        .merge(admin_routes())
        .fallback(unknown)
        .layer(from_fn_with_state(Arc::clone(&service), limited::limited))
        .with_state(service)
}

fn admin_routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/admin/alerts/flush", post(admin::flush_alerts))
        .route("/v1/admin/bouncers", get(admin::bouncers).post(admin::add_bouncer))
        .route("/v1/admin/bouncers/{name}", delete(admin::remove_bouncer))
        .route("/v1/admin/machines", get(admin::machines).post(admin::add_machine))
        .route("/v1/admin/machines/{machine_id}", delete(admin::remove_machine))
        .route("/v1/admin/machines/{machine_id}/validate", post(admin::validate_machine))
        .route("/v1/admin/allowlists", post(admin::create_allowlist))
        .route("/v1/admin/allowlists/{allowlist_name}", delete(admin::delete_allowlist))
        .route(
            "/v1/admin/allowlists/{allowlist_name}/items",
            post(admin::add_items).delete(admin::remove_items),
        )
}

/// Paths that exist; a segment in braces stands for any.
const PATHS: [&str; 14] = [
    "/health",
    "/v1/watchers",
    "/v1/watchers/login",
    "/v1/watchers/self",
    "/v1/refresh_token",
    "/v1/heartbeat",
    "/v1/alerts",
    "/v1/alerts/{}",
    "/v1/decisions",
    "/v1/decisions/{}",
    "/v1/usage-metrics",
    "/v1/allowlists",
    "/v1/allowlists/{}",
    "/v1/allowlists/check/{}",
];

/// What no route takes: 404, but for a path that exists without its last slash.
async fn unknown(method: Method, uri: Uri) -> axum::response::Response {
    let known = uri.path().strip_suffix('/').filter(|path| exists(path));
    let Some(path) = known else { return empty(StatusCode::NOT_FOUND) };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let place = format!("{path}{query}");
    let (status, body) = match method {
        Method::GET => {
            let shown = place.replace('&', "&amp;").replace('"', "&#34;").replace('<', "&lt;");
            let body = format!("<a href=\"{shown}\">Moved Permanently</a>.\n\n");
            (StatusCode::MOVED_PERMANENTLY, body)
        }
        _ => (StatusCode::TEMPORARY_REDIRECT, String::new()),
    };
    let mut response = empty(status);
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    if !body.is_empty() {
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        *response.body_mut() = body.into();
    }
    response
}

fn exists(path: &str) -> bool {
    PATHS.iter().any(|known| {
        let (mut known, mut asked) = (known.split('/'), path.split('/'));
        loop {
            match (known.next(), asked.next()) {
                (None, None) => return true,
                (Some("{}"), Some(part)) if !part.is_empty() => {}
                (Some(known), Some(asked)) if known == asked => {}
                _ => return false,
            }
        }
    })
}

/// The answer to a HEAD that found what it asked for.
fn head_ok() -> axum::response::Response {
    let mut response = empty(StatusCode::OK);
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
