//! OTLP/HTTP logs: requests, and answers that say how many records were left out. The bodies:
//! [`super::otlp_protobuf`], [`super::otlp_json`].

use std::collections::BTreeSet;

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::json;

use super::record::Surroundings;
use super::{otlp_json, otlp_protobuf};
use crate::listener::{Bad, Batch, Protocol, Reply, Route, Sent};
use crate::protobuf::{put_bytes, put_number};

/// What is said of records that were left out.
const LEFT_OUT: &str = "records without text, or with more than the limit";

/// OpenTelemetry logs by HTTP.
#[derive(Debug)]
pub(crate) struct Otlp {
    path: String,
    labels_from: BTreeSet<String>,
}

impl Otlp {
    /// Logs sent to `path`; attributes of `labels_from` become labels.
    pub(crate) fn new(path: String, labels_from: BTreeSet<String>) -> Self {
        Self { path, labels_from }
    }
}

impl Protocol for Otlp {
    fn route(&self, method: &Method, path: &str) -> Route {
        match (path == self.path, method) {
            (false, _) => Route::Refuse(StatusCode::NOT_FOUND),
            (true, &Method::POST) => Route::Take,
            (true, _) => Route::Refuse(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    fn read(&self, sent: &Sent<'_>, batch: &mut Batch) -> Result<(), Bad> {
        let around = Surroundings::new(&self.labels_from);
        match kind(sent.headers) {
            Some(Kind::Protobuf) => otlp_protobuf::read(sent.body, &around, batch)?,
            Some(Kind::Json) => otlp_json::read(sent.body, &around, batch)?,
            None => {
                let text = "content type: application/x-protobuf or application/json".to_owned();
                return Err(Bad { text, keep: false });
            }
        }
        batch.sort_by_time();
        Ok(())
    }

    fn kept(&self, headers: &HeaderMap, left_out: u64) -> Reply {
        let (kind, body) = match kind(headers) {
            Some(Kind::Json) if left_out == 0 => ("application/json", b"{}".to_vec()),
            Some(Kind::Json) => {
                let partial =
                    json!({"rejectedLogRecords": left_out.to_string(), "errorMessage": LEFT_OUT});
                let body = json!({"partialSuccess": partial});
                ("application/json", body.to_string().into_bytes())
            }
            _ if left_out == 0 => ("application/x-protobuf", Vec::new()),
            _ => {
                let (mut partial, mut body) = (Vec::new(), Vec::new());
                put_number(1, left_out, &mut partial);
                put_bytes(2, LEFT_OUT.as_bytes(), &mut partial);
                put_bytes(1, &partial, &mut body);
                ("application/x-protobuf", body)
            }
        };
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(kind))];
        Reply { status: StatusCode::OK, headers, body }
    }
}

enum Kind {
    Protobuf,
    Json,
}

fn kind(headers: &HeaderMap) -> Option<Kind> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    match kind.split(';').next()?.trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" => Some(Kind::Protobuf),
        "application/json" => Some(Kind::Json),
        _ => None,
    }
}
