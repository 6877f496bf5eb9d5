//! Profiles: from alerts to decisions, a fold by source value.
//!
//! ```text
//! alert ─ exempt (allowlist) ─ rule (filters, durations) ◀─ history ─▶ decision
//! ```

pub mod allowlist;
pub mod context_spec;
pub mod decide;
pub mod exempt;
pub mod history;
pub mod operator;
pub mod rule;
pub mod simulation;
pub mod spec;

pub use decide::{Decide, Verdict};
pub use exempt::Exempt;
pub use history::{Decided, History};
pub use rule::{Judgement, Profile};

/// The two profiles that apply where none are given: a ban of four hours for what asks for
/// remediation, by address and by range. YAML.
pub const DEFAULTS: &str = include_str!("defaults.yaml");
