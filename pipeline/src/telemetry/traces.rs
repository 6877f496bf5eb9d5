//! Traces of the service for OpenTelemetry collectors, by OTLP over HTTP: epochs and their commits,
//! deliveries of sources, requests, reloads. Never a line. Comes in: spans of `tracing` with the target
//! [`TRACE`]; without a collector nobody looks at them, and they cost a load and a branch.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use connectors::TRACE;
use connectors::endpoint::ClientTls;
use connectors::post::Post;
use connectors::source::SourceError;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, Tracer};
use tokio::runtime::{Builder, Runtime};

/// How long the last spans may take to be sent.
const FAREWELL: Duration = Duration::from_secs(2);
/// Where a collector takes spans, behind its address.
const PATH: &str = "v1/traces";

/// Where spans go.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSettings {
    /// The collector, or where it takes spans: `http://HOST:4318`, `https://…/v1/traces`.
    pub endpoint: String,
    /// The share of traces that are kept, from 0 to 1.
    pub ratio: f64,
    /// Headers of each request.
    pub headers: BTreeMap<String, String>,
    /// Certificates.
    pub tls: ClientTls,
    /// An answer comes within.
    pub timeout: Duration,
}

/// Why there are no traces.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The collector cannot be asked this way.
    #[error("`tracing`")]
    Collector(#[from] SourceError),
    /// The exporter cannot be made.
    #[error("`tracing`")]
    Exporter(#[from] ExporterBuildError),
    /// The host refuses what it needs.
    #[error("`tracing` cannot start")]
    Host(#[from] std::io::Error),
}

/// Traces that are sent. What was not sent is, at the end of this.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send.
    ///
    /// # Errors
    /// [`TracesError`]
    pub fn start(settings: &TraceSettings, machine: &str) -> Result<Self, TracesError> {
        let TraceSettings { endpoint, ratio, headers, tls, timeout } = settings;
        let url = url(endpoint);
        let collector = Collector {
            post: Post::new(&url, headers, tls, *timeout)?,
            runtime: Builder::new_current_thread().enable_all().build()?,
            failed: AtomicU64::new(0),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_endpoint(url)
            .with_timeout(*timeout)
            .build()?;
        let resource = Resource::builder()
            .with_service_name("spillway")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", machine.to_owned()))
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(*ratio)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    /// Takes the spans.
    pub(super) fn tracer(&self) -> Tracer {
        self.0.tracer(TRACE)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(FAREWELL) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Where spans are taken.
fn url(endpoint: &str) -> String {
    let address = endpoint.trim_end_matches('/');
    let behind = address.split_once("://").map_or(address, |(_, behind)| behind);
    match behind.contains('/') {
        true => address.to_owned(),
        false => format!("{address}/{PATH}"),
    }
}

/// The collector. It is asked on a thread of the exporter, which has no runtime.
#[derive(Debug)]
struct Collector {
    post: Post,
    runtime: Runtime,
    /// How often nobody took what was sent.
    failed: AtomicU64,
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Sending<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let sent = self.runtime.block_on(self.post.send(CONTENT, request.into_body()));
            let said = sent.and_then(|said| match said.status {
                200..=299 => Ok(said.status),
                status => Err(format!("it answers {status}")),
            });
            let status = said.map_err(|reason| self.fail(reason))?;
            Ok(Response::builder().status(status).body(Bytes::new())?)
        })
    }
}

/// The type of what is sent.
const CONTENT: &str = "application/x-protobuf";

impl Collector {
    /// The first failure is told, then every one that doubles their number.
    fn fail(&self, reason: String) -> HttpError {
        let times = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            tracing::warn!(reason, times, "the collector takes no traces: they are dropped");
        }
        reason.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_path_gets_that_of_the_protocol() {
        for (written, meant) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://gate/otlp/v1/traces", "https://gate/otlp/v1/traces"),
        ] {
            assert_eq!(url(written), meant);
        }
    }
}
