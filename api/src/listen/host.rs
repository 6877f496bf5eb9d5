//! Which host a request is for: HTTP/1.1 wants exactly one `Host` (RFC 9112, 3.2). Proxies choose among
//! several each in their own way: what is meant twice is not answered.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Request, StatusCode, Version, header};

/// The refusal of a request that does not say, or says twice, for whom it is, in the words of Go's server.
pub(super) fn refusal<B>(request: &Request<B>) -> Option<Response> {
    if request.version() != Version::HTTP_11 {
        return None;
    }
    let why = match request.headers().get_all(header::HOST).iter().count() {
        1 => return None,
        0 => "missing required Host header",
        _ => "too many Host headers",
    };
    let mut response = Response::new(Body::from(format!("400 Bad Request: {why}")));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Some(response)
}
