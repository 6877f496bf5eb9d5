//! `GET /v1/blocklist`: what is banned as a list for firewalls, which cannot send headers: the key may
//! be the password of HTTP Basic.
//!
//! `format=plain|nginx|haproxy|iptables|mikrotik|paloalto|json`, the filters of decisions, `ipv4=`
//! and `ipv6=false`, `limit=` for what the device holds, `prefix=24,64` to give whole networks then.

use std::io::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use crate::auth::guard::ByKey;
use crate::blocklist::capacity::{Widths, fit};
use crate::blocklist::{Format, networks};
use crate::error::{ApiError, empty};
use crate::filter::{DecisionFilter, Query};
use crate::openapi::answer::Refusal;
use crate::openapi::parameter::{BlocklistParameters, DecisionParameters};
use crate::openapi::refusal::{NoBouncer, NotReady};
use crate::service::Service;

/// What is banned, as a list for firewalls.
#[utoipa::path(get, path = "/v1/blocklist", tag = "decisions", operation_id = "get_blocklist",
    params(DecisionParameters, BlocklistParameters),
    security(("bouncer_key" = []), ("bouncer_password" = [])),
    responses((status = 200, description = "The list", content(
            (String = "text/plain"), (Vec<String> = "application/json"))),
        (status = 304, description = "Nothing changed since `If-None-Match`"),
        (status = 400, description = "A parameter cannot be read", body = Refusal),
        (status = 401, description = "Name and password are asked for", body = Refusal), NoBouncer, NotReady))]
pub(super) async fn blocklist(
    State(service): State<Arc<Service>>,
    bouncer: ByKey,
    query: Query,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let name = query.first("format").unwrap_or("plain");
    let format = Format::named(name).ok_or_else(|| {
        let known: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
        ApiError::bad(format!("format {name:?} is unknown: one of {}", known.join(", ")))
    })?;
    let widths = query.first("prefix").map_or(Some(Widths::default()), Widths::parse);
    let widths = widths.ok_or_else(|| ApiError::bad("prefix: write prefix=24 or prefix=24,64"))?;
    let mut filter = DecisionFilter::read(&query).map_err(ApiError::into_bad)?;
    let most = filter.limit.take().and_then(|limit| usize::try_from(limit).ok());
    filter.kind.get_or_insert_with(|| "ban".to_owned());
    filter.simulated = false;
    let families = (query.first("ipv4") != Some("false"), query.first("ipv6") != Some("false"));
    let snapshot = service.index.read()?;
    let now = service.now();
    bouncer.0.entry.pulled(now);
    let tag = tag(&service, snapshot.seq, &uri);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        set(&mut response, header::ETAG, &tag);
        return Ok(response);
    }
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let packed = accepts.is_some_and(|accepts| accepts.contains("gzip"));
    let written = service.blocking(move || {
        let mut blocked = networks(&snapshot, &filter, now);
        blocked.retain(|one| if one.net.v6 { families.1 } else { families.0 });
        let text = format.write(&fit(blocked, most.unwrap_or(usize::MAX), widths), now);
        if packed { gzip(&text) } else { Ok(text) }
    });
    let body = written.await?.map_err(|error| ApiError::internal(error.to_string()))?;
    let mut response = Response::new(Body::from(body));
    set(&mut response, header::CONTENT_TYPE, format.media_type());
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::VARY, "Accept-Encoding");
    if packed {
        set(&mut response, header::CONTENT_ENCODING, "gzip");
    }
    Ok(response)
}

/// The list is the same as long as no commit changed the decisions and the same is asked for.
fn tag(service: &Service, seq: u64, uri: &Uri) -> String {
    let query = operators::hash::fnv1a(uri.query().unwrap_or_default().as_bytes());
    format!("W/\"{:x}-{seq:x}-{query:x}\"", service.store)
}

fn gzip(text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text)?;
    packer.finish()
}

fn set(response: &mut Response, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
