//! The sources that speak HTTP, against the real servers and the real senders where those can be had:
//! each line once, in order, with the same offset, whatever breaks. Without them recorded
//! conversations are replayed, and what is skipped says so.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod docker;
mod hostile;
mod http;
mod loki;
mod otlp;
mod pipe;
#[path = "../../../integration/src/ports.rs"]
#[expect(unreachable_pub, reason = "it is a library's, too")]
mod ports;
mod push;
mod sender;
mod server;
mod service;
mod tls;
mod victorialogs;
