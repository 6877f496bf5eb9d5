//! What all routes share.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::accounts::{Accounts, MachineEntry};
use crate::archive::{Archive, Audit};
use crate::auth::{Caller, Proxies, Tokens};
use crate::error::ApiError;
use crate::filter::net::Net;
use crate::index::Index;
use crate::intake::{Change, Intake, IntakeError, Outcome, Post, VERSION};
use crate::limits::{Limits, Meters};

/// Bytes of bodies that are read at the same time.
const BODIES: usize = 256 << 20;
/// Passwords that are hashed at the same time: each takes 20 MB and a core.
const PASSWORDS: usize = 2;

/// What the configuration says about who may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whose `X-Forwarded-For` counts.
    pub proxies: Proxies,
    /// Networks that may delete alerts, besides this machine.
    pub trusted: Vec<Net>,
    /// Whether machines may only register from this machine.
    pub local_registration_only: bool,
    /// Machines that register with this token, from these networks, need no validation.
    pub auto_registration: Option<AutoRegistration>,
    /// Organisational units of certificates of bouncers.
    pub bouncer_units: Vec<String>,
    /// Organisational units of certificates of agents.
    pub agent_units: Vec<String>,
    /// What one client may cost.
    pub limits: Limits,
}

/// Who may register without being validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoRegistration {
    /// The shared secret.
    pub token: String,
    /// From where.
    pub networks: Vec<Net>,
}

/// What all routes share.
pub struct Service {
    /// Active decisions.
    pub index: Arc<Index>,
    /// Takes changes.
    pub intake: Arc<dyn Intake>,
    /// Gives what was kept.
    pub archive: Arc<dyn Archive>,
    /// Who may ask.
    pub accounts: Arc<Accounts>,
    /// This server as a machine ([`MachineEntry::of_server`]).
    pub own: Arc<MachineEntry>,
    /// Tokens of machines.
    pub tokens: Tokens,
    /// Who may do what.
    pub policy: Policy,
    /// The clock. Unit: nanoseconds since the Unix epoch.
    pub clock: fn() -> i64,
    /// Name of the store, part of explicit cursors: those of another store mean nothing here.
    pub store: u64,
    /// Becomes true when the process stops: open streams end then.
    pub stopping: watch::Receiver<bool>,
    /// What clients cost by now.
    pub meters: Meters,
    /// Room for bodies.
    pub bodies: Arc<Semaphore>,
    /// Room for the hashing of passwords.
    pub passwords: Semaphore,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// Room for bodies. Unit: kibibytes.
pub fn room_for_bodies() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(BODIES >> 10))
}

/// Room for the hashing of passwords.
pub fn room_for_passwords() -> Semaphore {
    Semaphore::new(PASSWORDS)
}

impl Service {
    /// The present. Unit: nanoseconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Runs what may block for milliseconds where it holds up nobody.
    ///
    /// # Errors
    /// It panicked, or the process stops.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| ApiError::internal("the request could not be carried out"))
    }

    /// Hands a change on and waits until it is kept and judged.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn submit(&self, change: Change) -> Result<Outcome, ApiError> {
        let post = Post { version: VERSION, at: self.now(), change };
        self.intake.submit(post).await.map_err(|error| match error {
            IntakeError::NotReady => ApiError::unavailable(error.to_string()),
            IntakeError::Full => ApiError::too_many(error.to_string(), 5),
            IntakeError::Store => ApiError::unavailable(error.to_string()),
        })
    }

    /// Writes a line of the audit log. On the Unix socket, where nobody logs in, the user is named.
    pub fn audit(&self, who: &str, caller: &Caller, what: String, outcome: String) {
        let unnamed = who.is_empty() || who == self.own.row().id;
        let user = caller.user.filter(|_| unnamed).map(|user| format!("uid {user}"));
        let (who, ip) = (user.unwrap_or_else(|| who.to_owned()), caller.ip.to_string());
        self.archive.audit(&Audit { at: self.now(), who, ip, what, outcome });
    }
}
