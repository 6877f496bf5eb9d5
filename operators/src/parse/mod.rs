//! Parsers: from a raw line to named fields, stage by stage (crowdsec pkg/parser).

pub mod compile;
pub mod index;
pub mod lines;
pub mod node;
pub mod operator;
pub mod pass;
pub mod spec;
pub mod stage;
pub mod stash;
pub mod statics;
pub mod watch;
pub mod whitelist;
