//! Syslog, over UDP, TCP, TLS and RELP: the `syslog` source.
//!
//! # Delivery
//! RELP: at least once. A message is acknowledged when it is kept; what was not acknowledged the sender
//! sends again. TCP and TLS: what was received is handed over, but what is on its way when the service
//! or the connection ends may be lost: the protocol has no acknowledgements. While the service is
//! busy, senders wait. UDP: at most once. While the service is busy the kernel's receive buffer fills;
//! what it drops is counted.
//!
//! # Order
//! A lane per listener. Messages of a connection keep their order; those of several come as they are
//! read. Offsets are a running number.
//!
//! # Resume point
//! The number of the next message. Nothing can be read again.
//!
//! # Metrics
//! Lines, bytes, repaired lines; rejects: `line too long`, `no room` (dropped by the kernel), `bad
//! framing`, `bad handshake`, `unauthorized` (other networks), `peer limit` (too many connections, too
//! slow); sessions (connections; for UDP peers seen); `open_inputs` (connections).
//!
//! What a line looks like: [`header`].
//!
//! ```text
//! UDP ───────────────────────────▶ ┐
//! TCP ─ gate ─ tls ─ framing ────▶ ├─ collector (header) ─▶ Lane
//!                  └ relp ───────▶ ┘        └ acknowledgements when kept
//! ```

mod collector;
mod config;
pub mod framing;
mod gate;
pub mod header;
mod post;
pub mod relp;
mod session;
mod stamp;
mod stream;
mod udp;

pub use config::{Config, ConfigError, Limits, Listener, Protocol};

use crate::source::{Context, Source, SourceError};
use post::{Post, Shared};

/// Name of the module, as CrowdSec calls it.
const MODULE: &str = "syslog";

/// The source.
#[derive(Debug)]
pub struct Syslog {
    config: Config,
}

impl Syslog {
    /// A source of syslog messages.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { config })
    }
}

impl Source for Syslog {
    fn module(&self) -> &'static str {
        MODULE
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let shared = Shared::new(self.config, &context);
        let posts = shared.config.listeners.iter().map(|listener| Post::new(listener, &shared));
        let posts = posts.collect::<Result<Vec<_>, _>>()?;
        context.outlet.ready();
        let mut threads = Vec::new();
        for post in posts {
            threads.push(post.listen(&shared)?);
        }
        context.runtime.block_on(context.stop.wait());
        for thread in threads {
            // It ends with the stop; what went wrong in it is no matter any more.
            let _ = thread.join();
        }
        Ok(())
    }
}
