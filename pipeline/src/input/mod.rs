//! What stands around a replay: which labels an input gets, how far it is, what came of it.

pub mod failures;
pub mod guess;
pub mod limit;
pub mod progress;
mod shape;
pub mod summary;
pub mod usage;
