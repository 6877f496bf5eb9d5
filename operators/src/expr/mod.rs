//! The expression language of the hub: expr-lang as CrowdSec's engine embeds it.
//!
//! Stages, one file each: `lex → parse → ast → check → compile → eval`.

pub mod context;
pub mod functions;
pub mod types;

pub use context::Cx;
