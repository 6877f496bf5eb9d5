//! Lines in: what a command line or a configuration names becomes chunks of records with positions.
//!
//! ```text
//! PATH, glob, directory, `-` ─ input ─▶ Input ─ reader (codec, lines) ─▶ Chunk of Records
//! file, kafka, loki, syslog, … ─ Source ─▶ Lane ─▶ Inbox: Deliveries with a place to come back to
//! Messages, numbered ─ Output ─▶ topics, webhooks, files
//! ```
//!
//! Each input and each lane is one source partition: its lines come in its own order, each with an
//! offset by which it is known. This crate knows nothing of events or rules.

pub mod codec;
pub mod crash;
pub mod docker;
pub mod endpoint;
pub mod file;
pub mod health;
pub mod holder;
pub mod http;
pub mod input;
pub mod journalctl;
pub mod k8s_audit;
pub mod kafka;
mod labels;
pub mod lane;
mod line_buffer;
mod lines;
pub mod listener;
pub mod loki;
pub mod metric;
pub mod output;
pub mod position;
pub mod post;
mod protobuf;
mod range;
pub mod reader;
pub mod record;
pub mod retry;
mod rfc3339;
pub mod source;
pub mod stdin;
pub mod stop;
pub mod syslog;
mod text;
pub mod umask;
pub mod victorialogs;

/// The target of spans that are meant for traces, and not for the log.
pub const TRACE: &str = "spillway::trace";

pub use health::Health;
pub use input::{Input, InputError, Resolved, resolve};
pub use lane::{
    Arrival, Delivery, Inbox, Lane, LaneId, Origin, Outlet, Permit, Receipt, SourceId, Stopped,
};
pub use metric::Meter;
pub use position::Position;
pub use reader::{ReadError, ReadOptions, Reader};
pub use record::{Chunk, Record, Reject, Span};
pub use source::{Context, Resume, Source, SourceError};
pub use stop::Stop;
