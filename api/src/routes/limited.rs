//! Limits of clients, before and behind all routes.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::auth::{Caller, Peer};
use crate::error::ApiError;
use crate::service::Service;

/// Routes where a password is hashed before it is known to be wrong.
const COSTLY: [&str; 2] = ["/v1/watchers", "/v1/watchers/login"];

/// Answers 429 to who asks too often, or guesses.
pub(super) async fn limited(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(peer) = request.extensions().get::<Peer>() else { return next.run(request).await };
    let caller = Caller::new(peer, request.headers(), &service.policy.proxies);
    if caller.is_of_this_host() {
        return next.run(request).await;
    }
    let (ip, now, meters) = (caller.ip, service.now(), &service.meters);
    if let Err(seconds) = meters.requests.take(ip, now) {
        tracing::debug!(%ip, "a client asks too often");
        return ApiError::too_many("too many requests", seconds).into_response();
    }
    let out = meters.refusals.is_out(ip, now);
    let guessed = |seconds| {
        tracing::debug!(%ip, "a client guesses");
        ApiError::too_many("too many refused requests", seconds).into_response()
    };
    if let Some(seconds) = out.filter(|_| COSTLY.contains(&request.uri().path())) {
        return guessed(seconds);
    }
    let answer = next.run(request).await;
    if !matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return answer;
    }
    match out {
        Some(seconds) => guessed(seconds),
        None => {
            // Whether it was the last one is seen at the next.
            let _ = meters.refusals.take(ip, now);
            answer
        }
    }
}
