//! To come.
pub mod spec;
