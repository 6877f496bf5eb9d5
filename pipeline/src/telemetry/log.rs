//! The log of the service, on standard error: text, or JSON lines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Begins to log. `RUST_LOG` overrules `level`; a second call has no effect.
pub fn start(level: &str, json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // Only tests of the library have one already.
    let _ = match json {
        true => log.json().flatten_event(true).try_init(),
        false => log.with_ansi(colour).try_init(),
    };
}
