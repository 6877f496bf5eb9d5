//! Lines by HTTP: CrowdSec's `http` source (a stream of JSON values), and OpenTelemetry's logs
//! (OTLP/HTTP, `/v1/logs`).
//!
//! # Delivery
//! At least once; answered with yes when the lines are kept ([`crate::listener`]). OTLP records and
//! JSON values of a body that is sent again without having been answered are recognised; of a JSON
//! body that was answered they are other values that read the same.
//!
//! # Order
//! One lane, the listener; requests as they come. JSON values in the order of the body, OTLP records by
//! their times.
//!
//! # Resume point
//! The number of the next line, and marks of the last bodies.
//!
//! # Metrics
//! `sessions` (requests), `lines`, `bytes`, `duplicate_records`, `open_inputs` (connections); rejects
//! `bad payload`, `bad framing`, `not unpackable`, `line too long`, `empty payload`, `unauthorized`,
//! `peer limit`, `no room`.

mod json;
mod otlp;
mod otlp_json;
mod otlp_protobuf;
mod record;

use std::collections::{BTreeMap, BTreeSet};

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use self::json::Json;
use self::otlp::Otlp;
use crate::listener::{Listener, Listening, Sameness, listen};
use crate::source::{Context, Source, SourceError};

/// CrowdSec's name.
const MODULE: &str = "http";

/// Where to be sent to, and what.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where and how. CrowdSec's `timeout` is [`crate::listener::Limits::body`], its `max_body_size`
    /// [`crate::listener::Limits::max_body`], which holds for unpacked and chunked bodies too.
    pub listening: Listening,
    /// What bodies hold.
    pub format: Format,
}

/// What bodies hold.
#[derive(Clone, Debug)]
pub enum Format {
    /// JSON values one after another, each a line.
    Json {
        /// Path of the requests: `/`. One that ends with a slash stands for all below.
        path: String,
        /// Status that says yes: 200.
        status: u16,
        /// Headers of that answer: none.
        headers: BTreeMap<String, String>,
    },
    /// OpenTelemetry log records, each a line.
    Otlp {
        /// Path of the requests: `/v1/logs`.
        path: String,
        /// Attributes of the record, its scope or its resource that become labels: none.
        labels_from: BTreeSet<String>,
    },
}

impl Format {
    /// CrowdSec's defaults.
    pub fn json() -> Self {
        Self::Json { path: "/".to_owned(), status: 200, headers: BTreeMap::new() }
    }

    /// OpenTelemetry's defaults.
    pub fn otlp() -> Self {
        Self::Otlp { path: "/v1/logs".to_owned(), labels_from: BTreeSet::new() }
    }
}

/// Is sent to by HTTP.
#[derive(Debug)]
pub struct Http(Config);

impl Http {
    /// With this configuration.
    pub fn new(config: Config) -> Self {
        Self(config)
    }
}

impl Source for Http {
    fn module(&self) -> &'static str {
        MODULE
    }

    fn run(self: Box<Self>, context: Context) -> Result<(), SourceError> {
        let Config { listening, format } = self.0;
        match format {
            Format::Json { path, status, headers } => {
                let protocol = Json::new(path, yes(status)?, answer_headers(&headers)?);
                let sameness = Sameness::Anew;
                listen(Listener { module: MODULE, listening, protocol, sameness }, context)
            }
            Format::Otlp { path, labels_from } => {
                let (protocol, sameness) = (Otlp::new(path, labels_from), Sameness::Repeat);
                listen(Listener { module: MODULE, listening, protocol, sameness }, context)
            }
        }
    }
}

fn yes(status: u16) -> Result<StatusCode, SourceError> {
    let known =
        StatusCode::from_u16(status).ok().filter(|status| status.canonical_reason().is_some());
    known.ok_or_else(|| SourceError::Configuration(format!("{status} is no status of HTTP")))
}

fn answer_headers(
    headers: &BTreeMap<String, String>,
) -> Result<Vec<(HeaderName, HeaderValue)>, SourceError> {
    let one = |(name, value): (&String, &String)| {
        let pair = name.parse().ok().zip(value.parse().ok());
        pair.ok_or_else(|| {
            SourceError::Configuration(format!("{name:?} with its value is no header"))
        })
    };
    headers.iter().map(one).collect()
}
