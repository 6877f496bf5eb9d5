//! Tests of hub content: log lines, the items that read them, and assertions about what they made
//! of the lines (crowdsec pkg/hubtest).
//!
//! ```text
//! config.yaml ─ install ─▶ RuleSet ─ drive (lines) ─▶ Dump ─ assertions ─▶ Report
//! ```

pub mod assertions;
pub mod config;
pub mod coverage;
pub mod drive;
pub mod dump;
pub mod generate;
mod install;
pub mod places;
pub mod run;
mod scenario_results;
pub mod show;

pub use config::TestConfig;
pub use places::{Places, Test};
pub use run::{Failed, Prepared, Report, Runner};
