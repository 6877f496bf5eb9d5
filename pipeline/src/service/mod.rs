//! The service: what `spillway run` runs.
//!
//! ```text
//! settings ─▶ doors (sockets), store, rules
//!               │                  ├─▶ detecting (engine) ─▶ printer, outputs
//!               └─▶ API, control ◀─┴─▶ serving
//! ```

pub mod control;
pub mod detecting;
pub mod door;
pub mod health;
pub mod observer;
pub mod printer;
pub mod reload;
pub mod rules;
pub mod run;
pub mod signals;
pub mod status;
pub mod watching;
