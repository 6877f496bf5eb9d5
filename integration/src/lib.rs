//! Tests of the whole stand in `tests/`. Here is what they share: real services, disks that get
//! full, other clocks, and sources that run as in the pipeline.
#![expect(clippy::unwrap_used, clippy::panic, reason = "for tests, which fail by panicking")]

pub mod clock;
pub mod disk;
pub mod ports;
pub mod services;
pub mod source_run;
pub mod topic;
