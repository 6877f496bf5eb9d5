//! Grafana Loki: asked for what a query finds ([`poll`]), or sent to as if we were one ([`push`]).
//!
//! # Delivery
//! *Poll*: at least once from Loki, each entry once in the lane, also over restarts: what may still
//! change is read again and compared by (stream, time, line, structured metadata). Lines that come
//! to Loki later than `overlap` behind their own time are not seen. *Push*: at least once; answered
//! with 204 when the lines are kept. A body that is sent again is recognised.
//!
//! # Order
//! *Poll*: one lane, the query; by (time, stream, line, metadata), late lines appended. *Push*: one
//! lane, the listener; requests as they come, within one by (time, place in the body).
//!
//! # Resume point
//! *Poll*: the time until which everything was read, the number of the next line, and marks of the
//! entries of the last `overlap`. *Push*: the number of the next line and marks of the last bodies.
//!
//! # Metrics
//! `lines`, `bytes`, `duplicate_records` (read again or sent again), `sessions` (questions, requests),
//! `retries`, `lag_seconds`; rejects `line too long`, `empty payload`, and for push `bad payload`,
//! `not unpackable`, `unauthorized`, `peer limit`, `no room`.

mod answer;
mod labels;
mod payload;
pub mod poll;
pub mod push;
mod query;
mod split;

pub use poll::{Config as PollConfig, Poll};
pub use push::{Config as PushConfig, Push};
