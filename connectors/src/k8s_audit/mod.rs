//! The audit webhook of a Kubernetes API server: each event of an `EventList` is a line of JSON.
//!
//! # Delivery
//! At least once; answered with 200 when the events are kept ([`crate::listener`]). A list that is sent
//! again is recognised.
//!
//! # Order
//! One lane, the listener; requests as they come, events in the order of their list.
//!
//! # Resume point
//! The number of the next line, and marks of the last bodies.
//!
//! # Metrics
//! Those of [`crate::listener`].

mod event;

use hyper::header::HeaderMap;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::labels::Labels;
use crate::listener::{
    Bad, Batch, Listener, Listening, Protocol, Reply, Route, Sameness, Sent, listen,
};
use crate::source::{Context, Source, SourceError};

/// CrowdSec's name.
const MODULE: &str = "k8s-audit";

/// Where an API server sends its events.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where and how. CrowdSec knows neither TLS nor credentials here; both work.
    pub listening: Listening,
    /// Path of the webhook; a slash is put before it where it has none.
    pub webhook_path: String,
}

/// Is sent audit events.
#[derive(Debug)]
pub struct K8sAudit(Config);

impl K8sAudit {
    /// With this configuration.
    pub fn new(config: Config) -> Self {
        Self(config)
    }
}

impl Source for K8sAudit {
    fn module(&self) -> &'static str {
        MODULE
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let Config { listening, webhook_path } = self.0;
        let protocol = Webhook { path: format!("/{}", webhook_path.trim_start_matches('/')) };
        listen(
            Listener { module: MODULE, listening, protocol, sameness: Sameness::Repeat },
            context,
        )
    }
}

struct Webhook {
    path: String,
}

#[derive(Deserialize)]
struct EventList<'a> {
    #[serde(borrow, alias = "Items", default)]
    items: Option<Vec<&'a RawValue>>,
}

impl Protocol for Webhook {
    fn route(&self, method: &Method, path: &str) -> Route {
        match (path == self.path, method) {
            (false, _) => Route::Refuse(StatusCode::NOT_FOUND),
            (true, &Method::POST) => Route::Take,
            (true, _) => Route::Refuse(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    fn read(&self, sent: &Sent<'_>, batch: &mut Batch) -> Result<(), Bad> {
        let list: EventList<'_> = serde_json::from_slice(sent.body)?;
        let none = Labels::default();
        for item in list.items.unwrap_or_default() {
            match event::line(item.get()) {
                Ok((line, time)) => batch.push(line.as_bytes(), time, &none)?,
                Err(_) => batch.reject(item.get().as_bytes())?,
            }
        }
        Ok(())
    }

    fn kept(&self, _headers: &HeaderMap, _left_out: u64) -> Reply {
        Reply::status(StatusCode::OK)
    }
}
