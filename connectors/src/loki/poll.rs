//! The source that asks Loki: its configuration, and what it is made of. Delivery, order and resume
//! point: [`super`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::query::Query;
use crate::endpoint::Endpoint;
use crate::range::{Lines, Pace, Reading};
use crate::source::{Context, Source, SourceError};

/// What to ask of which Loki. CrowdSec's `wait_for_ready`, `no_ready_check` and
/// `max_failure_duration` have no counterpart: it is tried for ever, and `/ready` is not asked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server; [`Endpoint::prefix`] stands before `/loki/api/v1`.
    pub endpoint: Endpoint,
    /// A LogQL log query. It is the lane's name: another query begins anew.
    pub query: String,
    /// Tenant, for `X-Scope-OrgID`; none by default.
    pub tenant: Option<String>,
    /// Entries per answer: 5000, which is what Loki allows at most by default.
    pub limit: usize,
    /// Stay so far behind the present, so that lines of several writers come in order: 2 s.
    pub delay_for: Duration,
    /// Lines may come to Loki so much later than their own time: 10 s. What is read is read once
    /// more at this age, and until then eight bytes of it are remembered.
    pub overlap: Duration,
    /// Between two questions when there is nothing more to read: 1 s.
    pub poll_interval: Duration,
    /// Longest range of one question: 1 h. It is made shorter by itself where Loki cannot cope.
    pub window: Duration,
    /// A first start begins so far back: 0.
    pub since: Duration,
    /// Go on at the end (default), or end with what is there at the start.
    pub follow: bool,
    /// Stream labels and structured metadata that become labels of the line: none.
    pub labels_from: BTreeSet<String>,
    /// A longer line is not read: 1 MiB. Unit: bytes.
    pub max_line: usize,
    /// Lines that wait to be kept: 8 MiB. Unit: bytes.
    pub window_bytes: usize,
}

impl Config {
    /// Follows `query` from now on.
    pub fn new(url: &str, query: &str) -> Self {
        Self {
            endpoint: Endpoint::new(url),
            query: query.to_owned(),
            tenant: None,
            limit: 5000,
            delay_for: Duration::from_secs(2),
            overlap: Duration::from_secs(10),
            poll_interval: Duration::from_secs(1),
            window: Duration::from_secs(3600),
            since: Duration::ZERO,
            follow: true,
            labels_from: BTreeSet::new(),
            max_line: 1 << 20,
            window_bytes: 8 << 20,
        }
    }
}

/// Asks a Loki.
#[derive(Debug)]
pub struct Poll(Config);

impl Poll {
    /// With this configuration.
    pub fn new(config: Config) -> Self {
        Self(config)
    }
}

impl Source for Poll {
    fn module(&self) -> &'static str {
        MODULE
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let Config { mut endpoint, query, labels_from, .. } = self.0;
        let source: Arc<str> = endpoint.url.as_str().into();
        if let Some(tenant) = self.0.tenant {
            endpoint.headers.insert("X-Scope-OrgID".to_owned(), tenant);
        }
        let lane = context.outlet.lane(&query, self.0.window_bytes);
        context.outlet.ready();
        let store = Query::new(endpoint.open()?, query, labels_from);
        let lines = Lines { source, module: MODULE, max_line: self.0.max_line };
        let pace = Pace {
            settle: self.0.delay_for,
            overlap: self.0.overlap,
            poll: self.0.poll_interval,
            window: self.0.window,
            limit: self.0.limit,
            since: self.0.since,
            follow: self.0.follow,
        };
        let runtime = context.runtime.clone();
        runtime.block_on(Reading::new(store, pace, lines, lane, context)?.run())
    }
}

/// CrowdSec's name.
const MODULE: &str = "loki";
