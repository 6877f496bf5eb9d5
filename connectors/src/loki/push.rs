//! The source that promtail, Alloy, Vector and the like send to as if it were Loki
//! (`/loki/api/v1/push`). In: bodies in protobuf with snappy, or in JSON. Out: lines with their times.

use std::collections::BTreeSet;

use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};

use super::payload;
pub use super::payload::PayloadError;
use crate::listener::{
    Bad, Batch, BodyError, Limits, Listener, Listening, Packing, Protocol, Reply, Route, Sameness,
    Sent, listen, packing,
};
use crate::source::{Context, Source, SourceError};

/// Where senders look whether Loki is up.
const READY: &str = "/ready";

/// Where they send.
const PUSH: &str = "/loki/api/v1/push";

/// What a tenant's name is sent in.
const TENANT: &str = "x-scope-orgid";

/// A Loki to send to.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where and how.
    pub listening: Listening,
    /// Stream labels and structured metadata that become labels of the line: none.
    pub labels_from: BTreeSet<String>,
    /// Label that gets the tenant of `X-Scope-OrgID`: none.
    pub tenant_label: Option<String>,
}

/// Is sent to as if it were Loki.
#[derive(Debug)]
pub struct Push(Config);

impl Push {
    /// With this configuration.
    pub fn new(config: Config) -> Self {
        Self(config)
    }
}

impl Source for Push {
    fn module(&self) -> &'static str {
        MODULE
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let Config { listening, labels_from, tenant_label } = self.0;
        let protocol = Wire { labels_from, tenant_label };
        let listener = Listener { module: MODULE, listening, protocol, sameness: Sameness::Repeat };
        listen(listener, context)
    }
}

/// How many lines a body holds, read with the limits of [`Limits::default`]: for tools and tests.
///
/// # Errors
/// It is no push request.
pub fn count_lines(body: &[u8], is_json: bool) -> Result<u64, PayloadError> {
    let from = ["app".to_owned()].into();
    let labelling = payload::Labelling { from: &from, tenant: None };
    let mut batch = Batch::new(&Limits::default());
    let read = if is_json { payload::json } else { payload::protobuf };
    read(body, &labelling, &mut batch)?;
    Ok(batch.given())
}

/// CrowdSec has no such source; its lines are Loki's.
const MODULE: &str = "loki";

struct Wire {
    labels_from: BTreeSet<String>,
    tenant_label: Option<String>,
}

impl Protocol for Wire {
    fn route(&self, method: &Method, path: &str) -> Route {
        match (path, method) {
            (PUSH, &Method::POST) => Route::Take,
            (READY, &Method::GET | &Method::HEAD) => {
                Route::Answer(Reply::text(StatusCode::OK, "ready\n"))
            }
            (PUSH | READY, _) => Route::Refuse(StatusCode::METHOD_NOT_ALLOWED),
            _ => Route::Refuse(StatusCode::NOT_FOUND),
        }
    }

    /// Protobuf is packed with snappy, whether the header says so or not, unless it says otherwise.
    fn packing(&self, headers: &HeaderMap) -> Result<Packing, BodyError> {
        let named = packing(headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes))?;
        Ok(if named == Packing::Plain && !is_json(headers) { Packing::Snappy } else { named })
    }

    fn read(&self, sent: &Sent<'_>, batch: &mut Batch) -> Result<(), Bad> {
        let tenant = self.tenant_label.as_deref().zip(sent.headers.get(TENANT));
        let tenant = tenant.and_then(|(label, tenant)| Some((label, tenant.to_str().ok()?)));
        let labelling = payload::Labelling { from: &self.labels_from, tenant };
        if is_json(sent.headers) {
            payload::json(sent.body, &labelling, batch)?;
        } else {
            payload::protobuf(sent.body, &labelling, batch)?;
        }
        batch.sort_by_time();
        Ok(())
    }

    fn kept(&self, _headers: &HeaderMap, _left_out: u64) -> Reply {
        Reply::status(StatusCode::NO_CONTENT)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}
