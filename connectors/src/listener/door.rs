//! One request: is it for us, may its sender send, what does it hold, and what is it told.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use sha2::{Digest, Sha256};

use super::access::Access;
use super::batch::Batch;
use super::body::{self, BodyError, Memory, Packing};
use super::config::Limits;
use super::intake::{Intake, Outcome};
use crate::endpoint::causes;
use crate::metric::{Counter, Meter, Reason};

/// What a sender is asked to wait when there is no room. Unit: seconds.
const RETRY: &str = "5";

/// A request that may be read.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    /// Its headers.
    pub(crate) headers: &'a HeaderMap,
    /// Its body, unpacked.
    pub(crate) body: &'a [u8],
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Status.
    pub(crate) status: StatusCode,
    /// Headers.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Body.
    pub(crate) body: Vec<u8>,
}

/// A body that is not what the protocol expects.
#[derive(Debug)]
pub(crate) struct Bad {
    /// What is wrong.
    pub(crate) text: String,
    /// What was read before is kept all the same, and the rest was set aside.
    pub(crate) keep: bool,
}

impl<T: std::error::Error> From<T> for Bad {
    fn from(error: T) -> Self {
        Self { text: causes(&error), keep: false }
    }
}

/// What is done with a request.
#[derive(Debug)]
pub(crate) enum Route {
    /// Its body is read.
    Take,
    /// It gets this answer.
    Answer(Reply),
    /// It is not for us, or not so.
    Refuse(StatusCode),
}

/// What a listener speaks.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// What a request is about.
    fn route(&self, method: &Method, path: &str) -> Route;

    /// How a body is packed.
    ///
    /// # Errors
    /// In a way that is not known.
    fn packing(&self, headers: &HeaderMap) -> Result<Packing, BodyError> {
        body::packing(headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes))
    }

    /// Reads a body.
    ///
    /// # Errors
    /// It is not what it should be.
    fn read(&self, sent: &Sent<'_>, batch: &mut Batch) -> Result<(), Bad>;

    /// The answer when the lines are kept, of which so many were left out.
    fn kept(&self, headers: &HeaderMap, left_out: u64) -> Reply;
}

/// Where requests come in.
#[derive(Debug)]
pub(crate) struct Door<P> {
    /// What is spoken.
    pub(crate) protocol: P,
    /// Who may send.
    pub(crate) access: Access,
    /// Limits.
    pub(crate) limits: Limits,
    /// Room for bodies.
    pub(crate) memory: Memory,
    /// Where lines go.
    pub(crate) intake: Intake,
    /// Counts.
    pub(crate) meter: Meter,
}

impl Reply {
    /// A status with a line of text.
    pub(crate) fn text(status: StatusCode, text: &str) -> Self {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        Self { status, headers: vec![(CONTENT_TYPE, plain)], body: text.as_bytes().to_vec() }
    }

    /// A status alone.
    pub(crate) fn status(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }
}

impl<P: Protocol> Door<P> {
    /// Answers a request of a peer.
    pub(crate) async fn answer<B>(
        &self,
        request: Request<B>,
        peer: &Arc<str>,
    ) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        self.meter.add(Counter::Sessions, 1);
        let reply = match self.protocol.route(request.method(), request.uri().path()) {
            Route::Refuse(status) => Reply::text(status, reason(status)),
            _ if !self.access.allows(request.headers()) => self.unauthorized(),
            Route::Answer(reply) => reply,
            Route::Take => self.take(request, peer).await,
        };
        let mut response = Response::new(Full::new(Bytes::from(reply.body)));
        *response.status_mut() = reply.status;
        response.headers_mut().extend(reply.headers);
        response
    }

    async fn take<B>(&self, request: Request<B>, peer: &Arc<str>) -> Reply
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (head, body) = request.into_parts();
        let whole = match self.protocol.packing(&head.headers) {
            Ok(packing) => body::whole(body, packing, &self.limits, &self.memory).await,
            Err(error) => Err(error),
        };
        let whole = match whole {
            Ok(whole) => whole,
            Err(error) => return self.unread(error),
        };
        let mut batch = Batch::new(&self.limits);
        let sent = Sent { headers: &head.headers, body: &whole.bytes };
        let bad = self.protocol.read(&sent, &mut batch).err();
        if bad.as_ref().is_some_and(|bad| !bad.keep) {
            batch = Batch::bad(&self.limits, &whole.bytes);
        }
        let mark = mark(head.uri.path(), &head.headers, &whole.bytes);
        // The lines are copied: what waits for room is the batch alone.
        drop(whole);
        let left_out = batch.left_out();
        match (self.intake.keep(mark, batch, peer).await, bad) {
            // Nothing of it will ever be read, whether it is set aside or not.
            (_, Some(bad)) if !bad.keep => Reply::text(StatusCode::BAD_REQUEST, &bad.text),
            (Outcome::Later, _) => full(),
            (Outcome::Kept, Some(bad)) => Reply::text(StatusCode::BAD_REQUEST, &bad.text),
            (Outcome::Kept, None) => self.protocol.kept(&head.headers, left_out),
        }
    }

    fn unread(&self, error: BodyError) -> Reply {
        let (status, reason) = match error {
            BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Reason::Unpackable),
            BodyError::Broken => (StatusCode::BAD_REQUEST, Reason::Framing),
            BodyError::Slow => (StatusCode::REQUEST_TIMEOUT, Reason::PeerLimit),
            BodyError::NoRoom => (StatusCode::SERVICE_UNAVAILABLE, Reason::NoRoom),
            BodyError::Unpackable => (StatusCode::BAD_REQUEST, Reason::Unpackable),
            BodyError::UnknownPacking => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Reason::Unpackable),
        };
        self.meter.reject(reason, 1);
        if error == BodyError::NoRoom {
            return full();
        }
        Reply::text(status, &error.to_string())
    }

    fn unauthorized(&self) -> Reply {
        self.meter.reject(Reason::Unauthorized, 1);
        let mut reply = Reply::text(StatusCode::UNAUTHORIZED, "Unauthorized");
        if let Some(challenge) = self.access.challenge() {
            reply.headers.push((WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        }
        reply
    }
}

/// Whether a path is that of a pattern, as Go's `ServeMux` has it: one that ends with a slash stands
/// for all below.
pub(crate) fn is_below(pattern: &str, path: &str) -> bool {
    path == pattern || pattern.ends_with('/') && path.starts_with(pattern)
}

fn full() -> Reply {
    let mut reply = Reply::text(StatusCode::SERVICE_UNAVAILABLE, "not kept yet: send it again");
    reply.headers.push((RETRY_AFTER, HeaderValue::from_static(RETRY)));
    reply
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or_default()
}

/// Number by which a body is known again.
fn mark(path: &str, headers: &HeaderMap, body: &[u8]) -> u64 {
    let mut hash = Sha256::new();
    let tenant = headers.get("x-scope-orgid").map(HeaderValue::as_bytes).unwrap_or_default();
    for part in [path.as_bytes(), tenant, body] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
}
