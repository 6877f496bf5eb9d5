//! `GET /v1/blocklist`: what is banned as a list for firewalls, which cannot send headers: the key may
//! be the password of HTTP Basic.
//!
//! `format=plain|nginx|haproxy|iptables|mikrotik|paloalto|json`, the filters of decisions, `ipv4=`
//! and `ipv6=false` (`iptables` gives one of them, IPv4 by default), `limit=` for what the device
//! holds, `prefix=24,64` to give whole networks then; all of it may also be said once, when the key is
//! made: a request gets no more than that.

use std::io::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use crate::auth::guard::ByKey;
use crate::blocklist::capacity::fit;
use crate::blocklist::{Wanted, networks};
use crate::error::{ApiError, empty};
use crate::filter::Query;
use crate::openapi::answer::Refusal;
use crate::openapi::parameter::{BlocklistParameters, DecisionParameters};
use crate::openapi::refusal::{NoBouncer, NotReady};
use crate::service::Service;

/// Caches ask each time whether the list is still the same, and shared ones do not keep it: it is of
/// one key. So no request needs a parameter that no cache has seen, which would be refused.
const ASKED_AGAIN: &str = "private, no-cache";

/// What is banned, as a list for firewalls. Unknown parameters are refused: a filter that is ignored
/// would give more than was meant. Answers are never taken from a cache without asking.
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
    let own = bouncer.0.entry.row().blocklist.clone();
    let Wanted { format, filters, most, widths, families } =
        Wanted::read(&query, &Query::parse(&own))?;
    let snapshot = service.index.read()?;
    let now = service.now();
    bouncer.0.entry.pulled(now);
    let tag = tag(&service, snapshot.seq, (&uri, &own));
    if lists(&headers, header::IF_NONE_MATCH).any(|one| one == tag || one == "*") {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        set(&mut response, header::ETAG, &tag);
        set(&mut response, header::CACHE_CONTROL, ASKED_AGAIN);
        return Ok(response);
    }
    let packed = lists(&headers, header::ACCEPT_ENCODING).any(takes_gzip);
    let written = service.blocking(move || {
        let mut blocked = networks(&snapshot, &filters, now);
        blocked.retain(|one| if one.net.v6 { families.1 } else { families.0 });
        let text = format.write(&fit(blocked, most.unwrap_or(usize::MAX), widths), now);
        if packed { gzip(&text) } else { Ok(text) }
    });
    let body = written.await?.map_err(|error| ApiError::internal(error.to_string()))?;
    let mut response = Response::new(Body::from(body));
    set(&mut response, header::CONTENT_TYPE, format.media_type());
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::CACHE_CONTROL, ASKED_AGAIN);
    set(&mut response, header::VARY, "Accept-Encoding");
    if packed {
        set(&mut response, header::CONTENT_ENCODING, "gzip");
    }
    Ok(response)
}

/// The list is the same as long as no commit changed the decisions and the same is asked for.
fn tag(service: &Service, seq: u64, (uri, own): (&Uri, &str)) -> String {
    let query = format!("{}\n{own}", uri.query().unwrap_or_default());
    let query = operators::hash::fnv1a(query.as_bytes());
    format!("W/\"{:x}-{seq:x}-{query:x}\"", service.store)
}

/// The elements of a header that is a list.
fn lists(headers: &HeaderMap, name: http::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Whether an element of `Accept-Encoding` lets us pack: `gzip;q=0` does not.
fn takes_gzip(coding: &str) -> bool {
    let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
    let weight = weight.trim().trim_start_matches("q=").parse::<f32>();
    name.trim().eq_ignore_ascii_case("gzip") && weight.is_ok_and(|weight| weight > 0.0)
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
