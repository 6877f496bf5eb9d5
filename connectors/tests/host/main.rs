//! Sources of this host with the real things: files that are rotated, syslog senders, the journal,
//! pipes. What each case promises is its name.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod files;
mod journal;
mod listening;
mod many_files;
#[path = "../../../integration/src/ports.rs"]
#[expect(unreachable_pub, reason = "it is a library's, too")]
mod ports;
mod rotation;
mod rsyslog;
mod service;
mod stdin;
mod syslog;
mod writer;
