//! The log of the service, on standard error: text, or JSON lines. Spans that are meant for traces go
//! there alone.

use std::io::IsTerminal;

use connectors::TRACE;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

use super::traces::Traces;

/// Begins to log, and to take spans for `traces`. `RUST_LOG` overrules `level`; a second call has no
/// effect.
pub fn start(level: &str, json: bool, traces: Option<&Traces>) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt::layer::<Registry>().with_writer(std::io::stderr);
    let log = match json {
        true => log.json().flatten_event(true).boxed(),
        false => log.with_ansi(colour).boxed(),
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let logged = filter.and(filter_fn(|metadata| metadata.target() != TRACE));
    let traced = traces.map(|traces| {
        let spans = filter_fn(|metadata| metadata.is_span() && metadata.target() == TRACE);
        let layer = OpenTelemetryLayer::new(traces.tracer());
        layer
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(spans)
    });
    // Only tests of the library have one already.
    let _ = Registry::default().with(log.with_filter(logged)).with(traced).try_init();
}
