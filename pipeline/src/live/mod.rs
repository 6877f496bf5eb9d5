//! A run that goes on: lines from sources, in order, through the graph, kept epoch by epoch.
//!
//! ```text
//! sources ─ lanes ─▶ feed ─▶ graph ─▶ sink ─ commit ─▶ keeper ─▶ store ─▶ outputs, receipts
//! ```

pub mod aside;
pub mod command;
pub mod engine;
pub mod feed;
pub mod insight;
pub mod keeper;
pub mod lane;
pub mod lanes;
pub mod names;
pub mod operator;
pub mod pace;
pub mod rate;
pub mod record;
pub mod sink;
pub mod sources;
pub mod totals;
pub mod wake;

mod buckets;
mod transforming;
