//! The service: what `spillway run` runs.
//!
//! ```text
//! settings ─▶ doors (sockets), store, rules
//!               │                  ├─▶ detecting (engine) ─▶ printer, outputs
//!               └─▶ API, control ◀─┴─▶ serving
//! ```

pub mod detecting;
pub mod door;
pub mod holder;
pub mod printer;
pub mod rules;
pub mod run;
