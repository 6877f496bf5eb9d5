//! Failures as clients see them: a status and CrowdSec's words. Internal text stays inside.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::wire::text::string;

/// How a request fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub struct ApiError {
    status: StatusCode,
    message: String,
    /// Whether it is one of login and tokens: another shape, and a header that names the realm.
    token: bool,
    /// When to come again. Unit: seconds.
    retry: Option<u32>,
    /// Whether name and password are asked for.
    basic: bool,
}

impl ApiError {
    /// A failure with a status of its own.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), token: false, retry: None, basic: false }
    }

    /// What CrowdSec answers with 500, mistakes of the client too: its clients know it so.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// A change had another outcome than was asked for.
    pub fn unexpected() -> Self {
        Self::internal("the change had another outcome than asked for")
    }

    /// A request that cannot be read.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The same as a request that cannot be read, for routes that CrowdSec does not have.
    #[must_use]
    pub fn into_bad(self) -> Self {
        Self { status: StatusCode::BAD_REQUEST, ..self }
    }

    /// A body that can be read and is not what is wanted.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// A bouncer without a valid key.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "access forbidden")
    }

    /// Login or token trouble.
    pub fn token(message: impl Into<String>) -> Self {
        Self { token: true, ..Self::new(StatusCode::UNAUTHORIZED, message) }
    }

    /// A firewall that has not said who it is: it sends its password only when asked for it.
    pub fn ask_password() -> Self {
        Self { basic: true, ..Self::new(StatusCode::UNAUTHORIZED, "send the API key as password") }
    }

    /// Not ready to answer truthfully; the client may come again.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { retry: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message) }
    }

    /// Too much at once; the client may come again.
    pub fn too_many(message: impl Into<String>, seconds: u32) -> Self {
        Self { retry: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    /// The words.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = Vec::with_capacity(self.message.len() + 32);
        if self.token {
            body.extend_from_slice(b"{\"code\":401,\"message\":");
        } else {
            body.extend_from_slice(b"{\"message\":");
        }
        string(&mut body, &self.message);
        body.push(b'}');
        let mut response = json(self.status, body);
        if self.token {
            let realm = HeaderValue::from_static("JWT realm=Crowdsec API local");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        if self.basic {
            let realm = HeaderValue::from_static("Basic realm=\"spillway\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        if let Some(seconds) = self.retry {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// An answer with a body of JSON.
pub fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = status;
    response
}
