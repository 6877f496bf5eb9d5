//! Kafka: topics in. `consumer` is the source, the rest its parts; `security` is the output's, too.
//!
//! ```text
//! config ─▶ consumer ─ assignment (which partitions, from where) ─ recovery (gaps, bad batches)
//!              │
//!  broker ─ client ─▶ partition ─ payload ─ batch ─▶ Lane
//! ```

mod assignment;
mod batch;
mod client;
mod config;
mod consumer;
mod discovery;
mod gap;
mod link;
mod origin;
mod partition;
mod payload;
mod place;
mod recovery;
mod security;
mod token;
mod unreadable;

pub use config::{Config, MIN_PREFETCH, Start, TopicName, Topics};
pub use consumer::Kafka;
pub use payload::{Attributes, Decoder, Fields, PRESETS, Path, Payload, SyslogParts, Told};
pub use security::{Cluster, Login, Sasl, Secret, Tls, Token};

pub(crate) use link::Link;
pub(crate) use token::Tokens;

/// As CrowdSec calls it.
const MODULE: &str = "kafka";
