//! What a log line means: the pure half of Spillway.
//!
//! ```text
//! record ─ parse ─ enrich ─ match ─▶ pour ─ bucket ─ postoverflow ─▶ alert ─ profile ─▶ decision
//! ```
//!
//! Everything here is a function of its arguments. No clock, environment, network, file or hash
//! order is read; what is not in the log comes in through [`lookup::Lookups`].

pub mod alert;
pub mod bucket;
pub mod compare;
pub mod detector;
pub mod enrich;
pub mod epoch;
pub mod event;
pub mod expr;
pub mod fault;
pub mod grok;
mod guards;
pub mod hash;
pub mod index;
pub mod json;
pub mod lookup;
pub mod matcher;
pub mod order;
pub mod origin;
pub mod parse;
pub mod place;
pub mod profile;
pub mod quote;
pub mod reference;
pub mod rules;
pub mod schema;
pub mod state;
pub mod text;
pub mod time;
pub mod value;
pub mod view;
pub mod yaml;
