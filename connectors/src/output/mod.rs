//! Messages out, in order: to topics, webhooks, files, standard output. Comes in: what the pipeline has
//! encoded, each with its number in the outbox. Goes out: each once, as far as the other side can tell
//! one from another.
//!
//! ```text
//! outbox (numbered, kept) ─▶ Output::deliver ─▶ out;  after a crash: Output::resume says from where
//! ```

mod document;
mod file;
mod kafka;
mod stdout;
mod webhook;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;

use crate::health::Health;
use crate::metric::{OutputCounter, OutputMeter};
use crate::retry::Backoff;
use crate::source::SourceError;
use crate::stop::Stop;

pub use file::{File, FileConfig, Rotation, Sync};
pub use kafka::{Compression, KafkaConfig, KafkaTopics, Topic, partition_of};
pub use stdout::Stdout;
pub use webhook::{Webhook, WebhookConfig};

/// Something to be told to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number in the outbox: rising, not always by one; from 0 on.
    pub sequence: u64,
    /// What it belongs to: `alerts`, `decisions`, …
    pub stream: &'static str,
    /// Messages with the same one keep their order: they go to the same partition.
    pub partition_key: Bytes,
    /// What a later message with the same key replaces.
    pub key: Bytes,
    /// Names and values.
    pub headers: Arc<[(&'static str, Bytes)]>,
    /// The message; `None`: what the key stands for is over (a tombstone).
    pub payload: Option<Bytes>,
}

/// Brings messages out.
///
/// # Contract
/// * [`Output::resume`] is called once, before the first [`Output::deliver`]. It asks the other side,
///   which remembers together with the messages how far they go: so nothing that a crash left in doubt
///   is lost or told twice. Messages up to its answer must not be delivered again.
/// * Where the other side remembers nothing, the answer is `None`, and who calls goes on behind what
///   he knows to be out. What the other side remembers of another [`OutputContext::outbox`] is not
///   taken for an answer: those were other messages.
/// * Messages come in rising order of their sequence, never the same one twice in a run. The outbox
///   keeps them until [`Output::deliver`] has returned and that is noted there.
/// * When [`Output::deliver`] returns, all of its messages are out, but for those it names as refused.
///   It waits as long as that takes: trouble is retried for ever with back-off and shown in the health.
///   No messages are delivered by doing nothing.
/// * Both block; both return soon after [`OutputContext::stop`]. After an error the output is over.
pub trait Output: Send + 'static {
    /// What kind it is: `kafka`, `webhook`, …
    fn module(&self) -> &'static str;

    /// Gets ready. The last message that surely is out, if the other side remembers; then all later ones
    /// surely are not.
    ///
    /// # Errors
    /// [`OutputError`]
    fn resume(&mut self) -> Result<Option<u64>, OutputError>;

    /// Brings messages out, in their order.
    ///
    /// # Errors
    /// [`OutputError`]
    fn deliver(&mut self, messages: &[Message]) -> Result<Vec<Refused>, OutputError>;
}

/// What an output is given.
#[derive(Clone, Debug)]
pub struct OutputContext {
    /// Its name: from the configuration, unique.
    pub name: Arc<str>,
    /// Names the series of numbers that messages come with: another one when the outbox was begun
    /// anew, or set back. Without spaces, up to 64 bytes.
    pub outbox: Arc<str>,
    /// When to end.
    pub stop: Stop,
    /// How it is.
    pub health: Health,
    /// What it counts.
    pub meter: OutputMeter,
    /// Where tasks run.
    pub runtime: Handle,
}

impl OutputContext {
    /// Counts what is out.
    fn count(&self, messages: &[Message], refused: &[Refused]) {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let bytes = messages.iter().filter_map(|message| message.payload.as_ref()).map(Bytes::len);
        self.meter
            .add(OutputCounter::Messages, count(messages.len().saturating_sub(refused.len())));
        self.meter.add(OutputCounter::Bytes, count(bytes.sum()));
        refused.iter().for_each(|refused| self.meter.refuse(&refused.reason));
    }

    /// Says what is wrong and waits before the next try.
    ///
    /// # Errors
    /// It was stopped.
    fn try_later(&self, reason: &str, backoff: &mut Backoff) -> Result<(), OutputError> {
        if self.stop.is_set() {
            return Err(OutputError::Stopped);
        }
        self.health.retrying(reason);
        self.meter.add(OutputCounter::Retries, 1);
        if self.stop.wait_for(&self.runtime, backoff.next_wait()) {
            return Err(OutputError::Stopped);
        }
        Ok(())
    }
}

/// A message that the other side will never take. It is not out, and later ones are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub sequence: u64,
    /// Why.
    pub reason: String,
}

/// Why an output ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// It was told to.
    #[error("stopped")]
    Stopped,
    /// Somebody else took its place.
    #[error(
        "another process writes with transactional.id `{id}`: stop one of the two, or give each an id \
         of its own"
    )]
    Fenced {
        /// The identity that both use.
        id: String,
    },
    /// It can never work with this configuration.
    #[error("{0}")]
    Configuration(String),
    /// Something of this host is gone for good.
    #[error("{what}")]
    Host {
        /// What, and what to do.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl From<SourceError> for OutputError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Host { what, source } => Self::Host { what, source },
            other => Self::Configuration(other.to_string()),
        }
    }
}
