//! HTTP listener of the sources that are sent to (Loki push, `http`, OTLP, `k8s-audit`): connections,
//! limits, credentials, bodies, and answers that wait until the lines are kept. The `syslog` source
//! takes its seats and its TLS from here.
//!
//! ```text
//! accept (tls, limits, pace) ─▶ door (path, method, access) ─▶ body (bounded, unpacked)
//!                     ─▶ Protocol: body to Batch ─▶ intake (offsets, repeats) ─▶ Lane ─▶ receipt ─▶ answer
//! ```
//!
//! # Delivery
//! At least once: an answer that says yes comes after the lines are kept. Where that takes longer than
//! [`Limits::answer`] the answer is 503 with `Retry-After`. A body that comes again after that, or
//! after a crash between keeping and answering, is recognised and not read twice;
//! of one whose first lines alone were kept, the others are read.
//!
//! # Order
//! One lane for the listener: bodies as they come, within one in its own order.
//!
//! # Resume point
//! The number of the next line, and marks of the last bodies.
//!
//! # Metrics
//! `sessions` (requests), `lines`, `bytes`, `duplicate_records`, `open_inputs` (connections); rejects
//! by reason.

mod accept;
mod access;
mod batch;
mod body;
mod config;
mod door;
mod intake;
mod pace;
mod peers;
mod repeats;
mod socket;
mod tls;

pub(crate) use accept::{Listener, listen};
pub use access::Access;
pub(crate) use batch::{Batch, Full};
pub(crate) use body::{BodyError, Packing, packing};
pub use config::{Limits, Listening, ServerTls};
pub(crate) use door::{Bad, Protocol, Reply, Route, Sent, is_below};
pub(crate) use intake::Sameness;
pub(crate) use peers::{Peers, Seat};
pub use socket::listen_tcp;
pub(crate) use tls::Certificates;
