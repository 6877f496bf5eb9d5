//! Parsers: from a raw line to named fields, stage by stage (crowdsec pkg/parser).

mod adaptive;
pub mod compile;
pub mod hit;
pub mod index;
pub mod lines;
pub mod node;
pub mod operator;
pub mod pass;
mod recency;
pub mod spec;
pub mod stage;
pub mod stash;
pub mod statics;
pub mod watch;
pub mod whitelist;
