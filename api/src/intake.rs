//! The one way by which requests change what is known: what is posted, what it becomes, and the
//! trait of whoever keeps and judges it. These types cross edge 2 of ARCHITECTURE.md: plain,
//! serialisable, versioned.

use std::pin::Pin;
use std::sync::Arc;

use operators::alert::Alert;
use serde::{Deserialize, Serialize};

use crate::allow::AllowChange;
use crate::filter::{AlertFilter, Ending};

/// Version of [`Post`] as it is written.
pub const VERSION: u16 = 1;

/// A change on its way into the fold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// [`VERSION`] of who wrote it.
    pub version: u16,
    /// When it arrived. Unit: nanoseconds since the Unix epoch.
    pub at: i64,
    /// What is to change.
    pub change: Change,
}

/// What is to change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Alerts that a machine found or a person made.
    Alerts {
        /// Who posts them.
        machine: Arc<str>,
        /// SHA-256 of machine and body: the same within [`RETRY`] means the same post once more.
        retry: [u8; 32],
        /// The alerts.
        alerts: Vec<PostedAlert>,
    },
    /// Active decisions end now.
    EndDecisions(Ending),
    /// One decision ends now.
    EndDecision(u64),
    /// Alerts go, and their decisions with them.
    RemoveAlerts(Box<AlertFilter>),
    /// One alert goes, and its decisions with it.
    RemoveAlert(u64),
    /// An allowlist changes; decisions that it covers end now.
    Allow(AllowChange),
}

/// How long a repeated post is recognised. Unit: nanoseconds.
pub const RETRY: i64 = 600 * 1_000_000_000;

/// A posted alert. With decisions it is kept as sent, without any the profiles judge it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PostedAlert {
    /// The alert; its cause is its arrival.
    pub alert: Alert,
    /// `crowdsec`, `cscli`, `waf` and so on; "" from old agents.
    pub kind: Arc<str>,
}

impl PartialEq for PostedAlert {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.alert.in_order(&other.alert).is_eq()
    }
}

/// What became of a post that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Numbers of the alerts, in the order of the post; allowlisted ones have none.
    Alerts(Vec<u64>),
    /// So many decisions ended.
    Ended(u64),
    /// So many alerts are gone.
    Removed(u64),
    /// There is nothing of that number.
    Unknown,
    /// The allowlist is as wanted now; so many decisions ended.
    Allowed(u64),
    /// The allowlist could not be changed: why, for people.
    Refused(String),
}

/// Why a post was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// Not ready yet, or stopping.
    #[error("the server is starting or stopping: try again")]
    NotReady,
    /// More waits than may.
    #[error("too many changes are waiting: try again")]
    Full,
    /// The store does not take it.
    #[error("it could not be kept")]
    Store,
}

/// The answer to a post, once it is kept and judged.
pub type Pending<'a> = Pin<Box<dyn Future<Output = Result<Outcome, IntakeError>> + Send + 'a>>;

/// Who keeps and judges posts.
///
/// # Contract
/// * The answer comes after the change is on disk: a crash later loses nothing of it.
/// * Posts take effect in the order of their arrival.
/// * What the change did is visible in the index and the archive once the answer is there.
pub trait Intake: Send + Sync {
    /// Takes a change.
    fn submit(&self, post: Post) -> Pending<'_>;
}
