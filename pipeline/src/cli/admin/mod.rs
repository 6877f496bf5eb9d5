//! The daily work on a service that runs: decisions, alerts, bouncers, machines, allowlists. Verbs,
//! flags and outputs are those of cscli 1.7.8 where it has them.
//!
//! ```text
//! arguments ─ access ─▶ client ─ Unix socket, or HTTP as a machine ─▶ api ─▶ output: table, JSON, CSV
//! ```

pub mod access;
pub mod account;
pub mod alerts;
pub mod allowlists;
pub mod bouncers;
pub mod client;
pub mod credentials;
pub mod decisions;
pub mod deletion;
pub mod fields;
pub mod import;
pub mod lapi;
pub mod machines;
pub mod output;
mod posted;
pub mod simulation;
pub mod support;
pub mod target;
mod why;
