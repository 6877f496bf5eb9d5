//! The contract of a source that runs: what it is given, what it owes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::health::Health;
#[cfg(doc)]
use crate::lane::Lane;
use crate::lane::Outlet;
use crate::metric::Meter;
use crate::position::Position;
use crate::stop::Stop;

/// Reads from somewhere until it is told to stop.
///
/// # Contract
/// * Lines of a lane come in an order that depends on what is read alone, with the same offsets
///   whenever they are read again (each source's tests).
/// * A delivery's `from` and `to` bring the source back to before and behind it. After a restart the
///   lane begins at the `from` of the delivery that holds the first line not kept, or at the `to` of
///   the last one; lines that were kept already are recognised by their offset and left out by the
///   pipeline (its tests).
/// * [`Outlet::ready`] is said once, when the lanes that are there at the start are open: in an order
///   that does not depend on timing. A lane that has been read to its end says so
///   ([`Lane::caught_up`]) and takes it back as soon as more is known to be there; a listener has
///   caught up whenever nothing waits in its buffers.
/// * What cannot be read again is acknowledged to whoever sent it by the delivery's receipt alone.
/// * Trouble with the outside is retried for ever with back-off and shown in `health`; `run` returns
///   an error only for what a person must change (not checkable here).
/// * `run` returns soon after `stop` (each source's tests).
pub trait Source: Send + 'static {
    /// Name of its module, as CrowdSec calls it: `file`, `kafka`, …
    fn module(&self) -> &'static str;

    /// Reads until stopped, on a thread of its own. Whatever is asynchronous runs on
    /// [`Context::runtime`].
    ///
    /// # Errors
    /// It can never read with this configuration; the text says what to change.
    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError>;
}

/// What a source is given.
#[derive(Debug)]
pub struct Context {
    /// Its name: from the configuration, unique, for logs and client identifiers.
    pub name: Arc<str>,
    /// Where its lines go.
    pub outlet: Outlet,
    /// Where lanes that were kept before go on, by name.
    pub resume: BTreeMap<Arc<str>, Resume>,
    /// When to end.
    pub stop: Stop,
    /// How it is.
    pub health: Health,
    /// What it counts.
    pub meter: Meter,
    /// Where tasks run.
    pub runtime: Handle,
}

/// What is known of a lane from earlier runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Where to read from.
    pub position: Position,
    /// Lines with a smaller offset were kept. A source need not skip them, but may.
    pub next_offset: u64,
}

/// Why a source can never read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The configuration cannot work here.
    #[error("{0}")]
    Configuration(String),
    /// Something of this host is missing or refused.
    #[error("{what}")]
    Host {
        /// What was tried, and what to do.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}
