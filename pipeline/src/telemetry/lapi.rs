//! Requests to the API as CrowdSec counts them (pkg/apiserver, pkg/metrics/lapi.go): by route and
//! method, with how long they took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use connectors::TRACE;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::exposition::{Kind, Page};

/// Upper bounds of durations, CrowdSec's. Unit: seconds.
const BOUNDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0];
/// What CrowdSec calls what is no route.
const NO_ROUTE: &str = "invalid-endpoint";

#[derive(Clone, Debug, Default)]
struct Requests {
    within: [u64; BOUNDS.len() + 1],
    time: Duration,
}

/// Counts of requests; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counted(Arc<Mutex<BTreeMap<(String, String), Requests>>>);

impl Counted {
    /// The same routes, with their requests counted.
    pub fn over(&self, router: Router) -> Router {
        let counted = self.clone();
        router.layer(from_fn(move |request: Request, next: Next| {
            let counted = counted.clone();
            async move {
                let path = request.extensions().get::<MatchedPath>();
                let route = path.map_or(NO_ROUTE.to_owned(), |path| as_gin(path.as_str()));
                // Other methods are not many, but anybody may invent some.
                let method = match request.method().as_str() {
                    known @ ("GET" | "HEAD" | "POST" | "DELETE" | "PUT" | "PATCH") => known,
                    _ => "OTHER",
                };
                let (key, begun) = ((route, method.to_owned()), Instant::now());
                let span = asked(&key);
                let answer = next.run(request).instrument(span.clone()).await;
                span.record("http.response.status_code", answer.status().as_u16());
                counted.add(key, begun.elapsed());
                answer
            }
        }))
    }

    fn add(&self, key: (String, String), took: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = all.entry(key).or_default();
        requests.time += took;
        let at = BOUNDS.iter().position(|bound| took.as_secs_f64() <= *bound);
        if let Some(cell) = requests.within.get_mut(at.unwrap_or(BOUNDS.len())) {
            *cell += 1;
        }
    }

    /// Writes CrowdSec's counts of requests; `full` with how long they took.
    pub fn write(&self, page: &mut Page, full: bool) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let help = "Number of calls to each route per method.";
        let mut family = page.family("cs_lapi_route_requests_total", Kind::Counter, help);
        for ((route, method), requests) in &all {
            let count: u64 = requests.within.iter().sum();
            family.sample(&[("route", route), ("method", method)], count);
        }
        if !full {
            return;
        }
        let help = "Response time of LAPI";
        let mut family = page.family("cs_lapi_request_duration_seconds", Kind::Histogram, help);
        for ((route, method), requests) in &all {
            let labels = [("endpoint", route.as_str()), ("method", method.as_str())];
            family.histogram(&labels, (&BOUNDS, &requests.within), requests.time.as_secs_f64());
        }
    }
}

/// A request in traces, by OpenTelemetry's names.
fn asked((route, method): &(String, String)) -> Span {
    tracing::info_span!(
        target: TRACE,
        "request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        http.request.method = %method,
        http.route = %route,
        http.response.status_code = Empty,
    )
}

/// A route as CrowdSec's framework writes it: `/v1/alerts/:alert_id`.
fn as_gin(path: &str) -> String {
    path.replace('{', ":").replace('}', "")
}
