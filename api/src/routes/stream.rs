//! `GET /v1/decisions/stream`: what a bouncer is to hold. With `wait=30s` the answer waits until there
//! is something new.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, header};
use http_body::Frame;
use operators::time::GoDuration;
use tokio::time::Instant;

use super::head_ok;
use crate::accounts::BouncerEntry;
use crate::auth::AsBouncer;
use crate::error::ApiError;
use crate::filter::{DecisionFilter, Query};
use crate::index::Snapshot;
use crate::index::stream::{Cursor, Stream, Wanted};
use crate::openapi::answer::{DecisionsStream, Refusal};
use crate::openapi::parameter::{DecisionParameters, StreamParameters};
use crate::openapi::refusal::{NoBouncer, NotReady};
use crate::service::Service;

/// Check a key.
#[utoipa::path(head, path = "/v1/decisions/stream", tag = "decisions", operation_id = "head_stream",
    security(("bouncer_key" = []), ("certificate" = [])),
    responses((status = 200, description = "The key is right"), NoBouncer))]
pub(super) async fn head(_bouncer: AsBouncer) -> Response {
    head_ok()
}

/// Follow the active decisions. A filter that cannot be read gives nothing.
#[utoipa::path(get, path = "/v1/decisions/stream", tag = "decisions", operation_id = "stream_decisions",
    params(DecisionParameters, StreamParameters), security(("bouncer_key" = []), ("certificate" = [])),
    responses((status = 200, description = "What is new, and what is over", body = DecisionsStream),
        (status = 400, description = "`wait` is no duration", body = Refusal), NoBouncer, NotReady))]
pub(super) async fn stream(
    State(service): State<Arc<Service>>,
    bouncer: AsBouncer,
    query: Query,
) -> Result<Response, ApiError> {
    let filter = match DecisionFilter::read_stream(&query) {
        Ok(filter) => filter,
        Err(error) => {
            // CrowdSec has begun its answer by now; clients know a bad filter as an empty one.
            let name = bouncer.entry.row().name.clone();
            tracing::warn!(bouncer = name, %error, "a stream has a filter that cannot be read");
            let nothing = Bytes::from_static(b"{\"new\": [], \"deleted\": []}");
            let pieces = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(nothing)]);
            return Ok(answer(Body::from_stream(pieces)));
        }
    };
    let reduced = query.first("dedup") != Some("false");
    let deadline = wait(&query)?.map(|wait| Instant::now() + wait);
    let (mut published, mut stopping) = (service.index.subscribe(), service.stopping.clone());
    let (asked, next, mut stream, now) = loop {
        published.borrow_and_update();
        let (snapshot, now) = (service.index.read()?, service.now());
        let asked = Asked::read(&query, &service, &bouncer.entry, &snapshot);
        let next = asked.next(&snapshot);
        let stream = Stream::new(snapshot, filter.clone(), asked.wanted, reduced, now);
        let over = deadline.is_none_or(|deadline| Instant::now() >= deadline);
        if over || asked.wanted == Wanted::All || !stream.is_empty() {
            break (asked, next, stream, now);
        }
        let deadline = deadline.unwrap_or_else(Instant::now);
        tokio::select! {
            _ = published.changed() => {}
            () = tokio::time::sleep_until(deadline) => {}
            _ = stopping.wait_for(|stopping| *stopping) => break (asked, next, stream, now),
        }
    };
    let entry = bouncer.entry;
    if asked.explicit {
        stream = stream.with_cursor(&explicit(&service, next));
    }
    let told = if asked.explicit { None } else { Some(next) };
    Ok(answer(Body::new(Delivery { stream, done: Some((entry, told, now)) })))
}

/// The longest wait for something new.
const LONGEST_WAIT: i64 = 60 * 1_000_000_000;

/// How long an answer may wait for something new (`wait=30s`).
fn wait(query: &Query) -> Result<Option<Duration>, ApiError> {
    let Some(text) = query.first("wait") else { return Ok(None) };
    let GoDuration(ns) = GoDuration::parse(text)
        .map_err(|error| ApiError::bad(format!("wait: {error}: write wait=30s")))?;
    Ok(Some(Duration::from_nanos(ns.clamp(0, LONGEST_WAIT).unsigned_abs())))
}

/// What is asked for, and by which cursor.
struct Asked {
    wanted: Wanted,
    explicit: bool,
}

impl Asked {
    fn read(query: &Query, service: &Service, entry: &BouncerEntry, snapshot: &Snapshot) -> Self {
        let given = query.first("cursor");
        let explicit = given.is_some();
        if query.first("startup") == Some("true") {
            return Self { wanted: Wanted::All, explicit };
        }
        let cursor = match given {
            Some(text) => read_explicit(service, text),
            None => Some(entry.cursor().unwrap_or_default()),
        };
        // A cursor from the future is of another history: it means nothing here.
        let cursor = cursor.filter(|cursor| cursor.seq <= snapshot.seq);
        match cursor {
            Some(cursor) => Self { wanted: Wanted::Since(cursor), explicit },
            None if explicit => Self { wanted: Wanted::All, explicit },
            None => Self { wanted: Wanted::Since(Cursor::default()), explicit },
        }
    }

    fn next(&self, snapshot: &Snapshot) -> Cursor {
        let before = match self.wanted {
            Wanted::All => snapshot.seq,
            Wanted::Since(cursor) => cursor.seq,
        };
        Cursor { seq: snapshot.seq, before }
    }
}

/// A cursor as clients hold it: of this store, opaque.
pub(super) fn explicit(service: &Service, cursor: Cursor) -> String {
    format!("{:016x}-{:x}-{:x}", service.store, cursor.seq, cursor.before)
}

pub(super) fn read_explicit(service: &Service, text: &str) -> Option<Cursor> {
    let mut parts = text.split('-').map(|part| u64::from_str_radix(part, 16).ok());
    let (store, seq, before) = (parts.next()??, parts.next()??, parts.next()??);
    (store == service.store && parts.next().is_none() && before <= seq)
        .then_some(Cursor { seq, before })
}

fn answer(body: Body) -> Response {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A body that notes, once all of it was taken, up to where the bouncer was told.
struct Delivery {
    stream: Stream,
    done: Option<(Arc<BouncerEntry>, Option<Cursor>, i64)>,
}

impl http_body::Body for Delivery {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = self.stream.next();
        if piece.is_none()
            && let Some((entry, cursor, now)) = self.done.take()
        {
            entry.pulled(now);
            if let Some(cursor) = cursor {
                entry.told(cursor);
            }
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }
}
