//! To come.
pub mod allowlist;
pub mod context_spec;
pub mod simulation;
pub mod spec;
