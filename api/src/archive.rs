//! What was kept and is read again: alerts with their decisions, allowlists, usage metrics.

use std::ops::ControlFlow;
use std::sync::Arc;

use operators::alert::{Alert, Coordinate};
use serde::{Deserialize, Serialize};

use crate::allow::Allowlists;
use crate::filter::AlertFilter;
use crate::filter::alert::Page;
use crate::record::Record;

/// An alert as it was kept.
#[derive(Clone, Debug)]
pub struct KeptAlert {
    /// Running number, in the order of commits.
    pub id: u64,
    /// When it was kept. Unit: nanoseconds since the Unix epoch.
    pub created: i64,
    /// Who found it.
    pub machine: Arc<str>,
    /// `crowdsec`, `cscli` and so on.
    pub kind: Arc<str>,
    /// The alert; its decisions are those below.
    pub alert: Alert,
    /// What was decided, by number; `until` of one that was ended is when it ended.
    pub decisions: Vec<Record>,
}

impl KeptAlert {
    /// Whether it only pretends: its scenario does, or the profile that made all of its decisions.
    pub fn is_simulated(&self) -> bool {
        let pretended = self.decisions.iter().all(|record| record.simulated);
        self.alert.simulated || (pretended && !self.decisions.is_empty())
    }
}

/// A line behind an alert, as far as it is still known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundLine {
    /// The source that it came from; "" where that is gone.
    pub source: String,
    /// The file, partition or connection of the source.
    pub lane: String,
    /// Its text, where a file still has it.
    pub text: Option<String>,
}

/// What a client says of its work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Whether a bouncer says it, or else a machine.
    pub bouncer: bool,
    /// Its name.
    pub by: String,
    /// When it arrived. Unit: nanoseconds since the Unix epoch.
    pub at: i64,
    /// The metrics as it sent them, with its type if it is a bouncer.
    pub payload: serde_json::Value,
}

/// The store cannot be read or written; the text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ArchiveError(pub String);

/// Whoever keeps what was judged. Calls may block for milliseconds.
pub trait Archive: Send + Sync {
    /// The alert of a number.
    ///
    /// # Errors
    /// The store cannot be read.
    fn alert(&self, id: u64) -> Result<Option<KeptAlert>, ArchiveError>;

    /// Hands matching alerts to `take`, in the order of the page, until it has enough.
    ///
    /// # Errors
    /// The store cannot be read.
    fn alerts(
        &self,
        filter: &AlertFilter,
        page: Page,
        now: i64,
        take: &mut dyn FnMut(KeptAlert) -> ControlFlow<()>,
    ) -> Result<(), ArchiveError>;

    /// A decision by its running number or by its hash, ended ones too.
    ///
    /// # Errors
    /// The store cannot be read.
    fn decision(&self, id: u64) -> Result<Option<Record>, ArchiveError>;

    /// The lines at these coordinates, one for each.
    ///
    /// # Errors
    /// The store cannot be read.
    fn lines(&self, coordinates: &[Coordinate]) -> Result<Vec<FoundLine>, ArchiveError>;

    /// The allowlists as they are now.
    fn allowlists(&self) -> Arc<Allowlists>;

    /// Keeps usage metrics.
    ///
    /// # Errors
    /// The store does not take them.
    fn keep_usage(&self, usage: &Usage) -> Result<(), ArchiveError>;

    /// Hands usage metrics to `take`, the newest first, until it has enough.
    ///
    /// # Errors
    /// The store cannot be read.
    fn usages(&self, take: &mut dyn FnMut(Usage) -> ControlFlow<()>) -> Result<(), ArchiveError>;

    /// Forgets alerts without an active decision: those older than `age` (unit: nanoseconds), and the
    /// oldest until `most` are left. How many went.
    ///
    /// # Errors
    /// The store cannot be read or written.
    fn flush(&self, most: u64, age: i64, now: i64) -> Result<u64, ArchiveError>;

    /// Writes a line of the audit log: who changed what, when, from where.
    fn audit(&self, entry: &Audit);
}

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// When. Unit: nanoseconds since the Unix epoch.
    pub at: i64,
    /// Machine or bouncer, or `uid 1000` on the Unix socket; "" for one that is not known.
    pub who: String,
    /// From which address.
    pub ip: String,
    /// What, such as `DELETE /v1/decisions?ip=192.0.2.7`.
    pub what: String,
    /// What came of it, such as `2 decisions ended`.
    pub outcome: String,
}
