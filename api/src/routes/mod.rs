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
mod number;
mod stream;
mod usage;
mod watchers;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::empty;
use crate::openapi::{self, Base};
use crate::service::Service;

/// All routes, for a service.
pub fn router(service: Arc<Service>) -> Router {
    let (router, _) = all()
        .fallback(unknown)
        .layer(from_fn_with_state(Arc::clone(&service), limited::limited))
        .with_state(service)
        .split_for_parts();
    router
}

/// All routes, with the document that their handlers' attributes make. Nothing is routed but by
/// `routes!`: what is not in the document is not there.
pub(crate) fn all() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(health::health))
        .routes(routes!(openapi::openapi))
        .routes(routes!(watchers::register))
        .routes(routes!(watchers::login))
        .routes(routes!(watchers::leave))
        .routes(routes!(watchers::refresh))
        .routes(routes!(watchers::heartbeat))
        .routes(routes!(alerts::list, alerts::head, alerts::add, alerts::remove))
        .routes(routes!(alerts::one, alerts::head_one, alerts::remove_one))
        .routes(routes!(decisions::query, decisions::head, decisions::end))
        .routes(routes!(decisions::end_one))
        .routes(routes!(stream::stream, stream::head))
        .routes(routes!(events::events))
        .routes(routes!(explain::explain))
        .routes(routes!(blocklist::blocklist))
        .routes(routes!(usage::keep))
        .routes(routes!(allowlists::list))
        .routes(routes!(allowlists::one))
        .routes(routes!(allowlists::named_check, allowlists::check_many))
        .routes(routes!(allowlists::check, allowlists::head_check))
        .merge(admin::all())
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
