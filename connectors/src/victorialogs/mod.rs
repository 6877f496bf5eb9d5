//! VictoriaLogs, asked for what a query finds.
//!
//! CrowdSec follows one endless answer, which ends silently; here ranges of time are asked for one after
//! another ([`crate::range`](self)).
//!
//! # Delivery
//! At least once from VictoriaLogs, each entry once in the lane, also over restarts: what may still
//! change is read again and compared by all its fields. Lines that come later than `overlap` behind
//! their own time are not seen.
//!
//! # Order
//! One lane, the query; by (time, stream, line, other fields), late lines appended.
//!
//! # Resume point
//! The time until which everything was read, the number of the next line, and marks of the entries of
//! the last `overlap`.
//!
//! # Metrics
//! `lines`, `bytes`, `duplicate_records` (read again), `sessions` (questions), `retries`,
//! `lag_seconds`; rejects `line too long`, `empty payload`.

mod query;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use self::query::Query;
use crate::endpoint::Endpoint;
use crate::range::{Lines, Pace, Reading};
use crate::source::{Context, Source, SourceError};

/// CrowdSec's name.
const MODULE: &str = "victorialogs";

/// What to ask of which VictoriaLogs. CrowdSec's `wait_for_ready` and `max_failure_duration` have no
/// counterpart: it is tried for ever. Tenants are headers (`AccountID`, `ProjectID`).
#[derive(Clone, Debug)]
pub struct Config {
    /// The server; [`Endpoint::prefix`] stands before `/select/logsql`.
    pub endpoint: Endpoint,
    /// A LogsQL query whose results have `_time` and `_msg`. It is the lane's name: another query
    /// begins anew.
    pub query: String,
    /// Entries per answer: 5000.
    pub limit: usize,
    /// Stay so far behind the present, so that lines of several writers come in order: 2 s. What is
    /// sent to VictoriaLogs can be found after a second.
    pub delay_for: Duration,
    /// Lines may come so much later than their own time: 10 s. What is read is read once more at this
    /// age, and until then eight bytes of it are remembered.
    pub overlap: Duration,
    /// Between two questions when there is nothing more to read: 1 s.
    pub poll_interval: Duration,
    /// Longest range of one question: 1 h.
    pub window: Duration,
    /// A first start begins so far back: 0.
    pub since: Duration,
    /// Go on at the end (default), or end with what is there at the start.
    pub follow: bool,
    /// Fields that become labels of the line: none.
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

/// Asks a VictoriaLogs.
#[derive(Debug)]
pub struct VictoriaLogs(Config);

impl VictoriaLogs {
    /// With this configuration.
    pub fn new(config: Config) -> Self {
        Self(config)
    }
}

impl Source for VictoriaLogs {
    fn module(&self) -> &'static str {
        MODULE
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let Config { endpoint, query, labels_from, .. } = self.0;
        let source: Arc<str> = endpoint.url.as_str().into();
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
