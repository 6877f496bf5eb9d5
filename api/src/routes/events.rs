//! `GET /v1/decisions/events`: server-sent events (WHATWG HTML, 9.2). A ban reaches a subscriber as
//! soon as it is kept. Each event is a delta of the stream; its id is a cursor, which a client that
//! comes back sends as `Last-Event-ID`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use tokio::sync::watch;
use tokio::time::Instant;

use super::stream::{explicit, read_explicit};
use crate::auth::AsBouncer;
use crate::error::ApiError;
use crate::filter::{DecisionFilter, Query};
use crate::index::stream::{Cursor, Stream, Wanted};
use crate::openapi::answer::Refusal;
use crate::openapi::parameter::{DecisionParameters, EventParameters};
use crate::openapi::refusal::{NoBouncer, NotReady};
use crate::service::Service;

/// How often a line is sent when nothing happens, so that both sides notice a dead connection.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Be told of decisions as they are made.
#[utoipa::path(get, path = "/v1/decisions/events", tag = "decisions", operation_id = "subscribe_decisions",
    params(DecisionParameters, EventParameters,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event")),
    security(("bouncer_key" = []), ("certificate" = [])),
    responses((status = 200, content_type = "text/event-stream", body = String,
            description = "Events `decisions` without an end: what is new, and what is over"),
        (status = 400, description = "A filter cannot be read", body = Refusal), NoBouncer, NotReady))]
pub(super) async fn events(
    State(service): State<Arc<Service>>,
    bouncer: AsBouncer,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    query.whole()?.only(&[DecisionFilter::NAMES, &["startup", "dedup", "cursor"]])?;
    let filter = DecisionFilter::read_stream(&query).map_err(ApiError::into_bad)?;
    let snapshot = service.index.read()?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let given = last.or_else(|| query.first("cursor"));
    let wanted = match given.map(|text| read_explicit(&service, text)) {
        Some(Some(cursor)) if cursor.seq <= snapshot.seq => Wanted::Since(cursor),
        // A cursor of another store, or of the future: everything is new.
        Some(_) => Wanted::All,
        None if query.first("startup") == Some("true") => Wanted::All,
        None => Wanted::Since(Cursor { seq: snapshot.seq, before: snapshot.seq }),
    };
    bouncer.entry.pulled(service.now());
    let reduced = query.first("dedup") != Some("false");
    let feed = Feed {
        published: service.index.subscribe(),
        stopping: service.stopping.clone(),
        service,
        bouncer,
        filter,
        reduced,
        wanted,
        sending: Sending::Greeting,
    };
    let pieces = futures_util::stream::unfold(feed, |mut feed| async move {
        let piece = feed.next().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), feed))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// What a subscriber is sent.
struct Feed {
    service: Arc<Service>,
    bouncer: AsBouncer,
    filter: DecisionFilter,
    reduced: bool,
    wanted: Wanted,
    published: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    sending: Sending,
}

enum Sending {
    /// Nothing yet: the first line shows that the subscription stands.
    Greeting,
    /// Nothing: what comes next is waited for.
    Nothing,
    /// An event.
    Event(Box<Stream>),
}

impl Feed {
    /// The next piece; `None` when the process stops, cannot answer truthfully, or the bouncer may not
    /// listen any more.
    async fn next(&mut self) -> Option<Bytes> {
        match &mut self.sending {
            Sending::Greeting => {
                self.sending = Sending::Nothing;
                return Some(Bytes::from_static(b": connected\n\n"));
            }
            Sending::Event(stream) => {
                if let Some(piece) = stream.next() {
                    return Some(piece);
                }
                self.sending = Sending::Nothing;
                return Some(Bytes::from_static(b"\n\n"));
            }
            Sending::Nothing => {}
        }
        let heartbeat = Instant::now() + HEARTBEAT;
        loop {
            self.published.borrow_and_update();
            if !self.bouncer.may_go_on(&self.service).await {
                return None;
            }
            if let Some(head) = self.look()? {
                return Some(head);
            }
            let silent = tokio::select! {
                changed = self.published.changed() => { changed.ok()?; false }
                () = tokio::time::sleep_until(heartbeat) => true,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            };
            if silent {
                let listens = self.bouncer.may_go_on(&self.service).await;
                return listens.then_some(Bytes::from_static(b": alive\n\n"));
            }
        }
    }

    /// The head of an event, if there is one.
    fn look(&mut self) -> Option<Option<Bytes>> {
        let snapshot = self.service.index.read().ok()?;
        let before = match self.wanted {
            Wanted::All => snapshot.seq,
            Wanted::Since(cursor) => cursor.seq,
        };
        let next = Cursor { seq: snapshot.seq, before };
        if let Wanted::Since(cursor) = self.wanted
            && cursor.seq == next.seq
            && cursor.before == cursor.seq
        {
            return Some(None);
        }
        let (filter, now) = (self.filter.clone(), self.service.now());
        let stream = Stream::new(snapshot, filter, self.wanted, self.reduced, now);
        let first = self.wanted == Wanted::All;
        // What nobody was told of needs no second telling.
        let empty = !first && stream.is_empty();
        let before = if empty { next.seq } else { before };
        self.wanted = Wanted::Since(Cursor { seq: next.seq, before });
        if empty {
            return Some(None);
        }
        self.sending = Sending::Event(Box::new(stream));
        let id = explicit(&self.service, next);
        Some(Some(format!("event: decisions\nid: {id}\ndata: ").into()))
    }
}
