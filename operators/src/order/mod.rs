//! *The* order of records and of what follows from them (law 1).

pub mod arrival;
pub mod batch;
pub mod clock;
pub mod journal;
pub mod merge;
pub mod operator;
pub mod sequencer;
