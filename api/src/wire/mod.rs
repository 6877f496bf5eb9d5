//! The JSON that bouncers, agents and cscli send and expect: CrowdSec's words, byte for byte.

pub mod alert;
pub mod bind;
mod blocks;
mod decision;
pub mod posted;
mod repeated;
pub mod shape;
pub mod target;
pub mod text;
mod typed;
pub mod usage;
pub mod validation;
