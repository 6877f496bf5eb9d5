//! Decisions out: the API that bouncers, agents and cscli talk to.
//!
//! ```text
//!             ┌─ auth ─ routes ─┬─▶ index (active decisions, read without a lock)
//! listen ────▶│  wire, filter   ├─▶ archive (alerts, allowlists, metrics as they were kept)
//!             └─────────────────┴─▶ intake (every change; answered when kept and judged)
//! ```
//!
//! Nothing here knows a store or a dataflow: `Archive`, `Intake` and `accounts::Keeper` are traits,
//! implemented in `pipeline`.

pub mod accounts;
pub mod allow;
pub mod archive;
pub mod auth;
pub mod blocklist;
pub mod bouncer_metrics;
pub mod error;
pub mod filter;
pub mod index;
pub mod intake;
pub mod limits;
pub mod listen;
pub mod openapi;
pub mod record;
pub mod routes;
pub mod service;
pub mod wire;

pub use service::{Policy, Service};
