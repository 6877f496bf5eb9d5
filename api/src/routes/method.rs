//! Which methods a path takes, as CrowdSec tells: it has HEAD where a route of its own has it.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};

use crate::error::empty;

/// CrowdSec's paths and the methods that they take; a segment in braces stands for any. The first that
/// fits counts.
const PATHS: [(&str, &str); 18] = [
    ("/health", "GET"),
    ("/v1/watchers", "POST"),
    ("/v1/watchers/login", "POST"),
    ("/v1/watchers/self", "DELETE"),
    ("/v1/refresh_token", "GET"),
    ("/v1/heartbeat", "GET"),
    ("/v1/alerts", "GET, POST, HEAD, DELETE"),
    ("/v1/alerts/{}", "GET, HEAD, DELETE"),
    ("/v1/decisions", "GET, HEAD, DELETE"),
    ("/v1/decisions/stream", "GET, HEAD"),
    ("/v1/decisions/events", "GET, HEAD"),
    ("/v1/decisions/{}", "DELETE"),
    ("/v1/usage-metrics", "POST"),
    ("/v1/allowlists", "GET"),
    ("/v1/allowlists/check", "GET, POST"),
    ("/v1/allowlists/{}", "GET"),
    ("/v1/allowlists/check/{}", "GET, HEAD"),
    ("/v1/blocklist", "GET, HEAD"),
];

/// The methods that a path of CrowdSec's takes.
pub(super) fn allowed(path: &str) -> Option<&'static str> {
    let fits = |known: &str| {
        let (mut known, mut asked) = (known.split('/'), path.split('/'));
        loop {
            match (known.next(), asked.next()) {
                (None, None) => return true,
                (Some("{}"), Some(part)) if !part.is_empty() => {}
                (Some(known), Some(asked)) if known == asked => {}
                _ => return false,
            }
        }
    };
    PATHS.iter().find(|(known, _)| fits(known)).map(|(_, methods)| *methods)
}

/// Whether a path of CrowdSec's takes a method.
pub(super) fn takes(path: &str, method: &Method) -> bool {
    allowed(path).is_some_and(|methods| methods.split(", ").any(|one| one == method.as_str()))
}

/// Refuses HEAD where CrowdSec does, and tells methods in its order.
pub(super) async fn checked(request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let headless = request.method() == Method::HEAD
        && allowed(uri.path()).is_some_and(|methods| !methods.contains("HEAD"));
    let mut response = match headless {
        true => empty(StatusCode::METHOD_NOT_ALLOWED),
        false => next.run(request).await,
    };
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Some(methods) = allowed(uri.path())
    {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_takes_what_crowdsec_says() {
        assert_eq!(allowed("/v1/alerts/12"), Some("GET, HEAD, DELETE"));
        assert_eq!(allowed("/v1/decisions/stream"), Some("GET, HEAD"));
        assert_eq!(allowed("/v1/decisions/"), None);
        assert_eq!(allowed("/v1/allowlists/check"), Some("GET, POST"));
        assert_eq!(allowed("/v1/allowlists/check/192.0.2.1"), Some("GET, HEAD"));
        assert_eq!(allowed("/v1/nothing"), None);
        assert!(takes("/v1/alerts", &Method::HEAD) && !takes("/v1/alerts", &Method::PUT));
        assert!(!takes("/v1/watchers", &Method::GET) && !takes("/v1/nothing", &Method::GET));
    }
}
