//! placeholder
pub mod hub;
pub mod report;
