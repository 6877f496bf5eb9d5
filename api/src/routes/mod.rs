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
mod method;
mod number;
mod stream;
mod usage;
mod watchers;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
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
        .layer(from_fn(method::checked))
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

/// What no route takes: 404, but for a path that takes this method without its last slash.
async fn unknown(method: Method, uri: Uri) -> axum::response::Response {
    let known = uri.path().strip_suffix('/').filter(|path| method::takes(path, &method));
    let Some(path) = known else { return empty(StatusCode::NOT_FOUND) };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let place = format!("{path}{query}");
    let shown = place.replace('&', "&amp;").replace('"', "&#34;").replace('<', "&lt;");
    let page = format!("<a href=\"{shown}\">Moved Permanently</a>.\n\n");
    let (status, body) = match method {
        Method::GET => (StatusCode::MOVED_PERMANENTLY, Some(page)),
        Method::HEAD => (StatusCode::TEMPORARY_REDIRECT, Some(String::new())),
        _ => (StatusCode::TEMPORARY_REDIRECT, None),
    };
    let mut response = empty(status);
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    if let Some(body) = body {
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        *response.body_mut() = body.into();
    }
    response
}

/// The answer to a HEAD that found what it asked for.
fn head_ok() -> axum::response::Response {
    let mut response = empty(StatusCode::OK);
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
