//! Bodies of requests: read whole, within bounds of size, time and number, unpacked if need be.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::ApiError;
use crate::service::Service;

/// Bytes of a body that anybody may send.
pub(super) const OPEN: usize = 2 << 20;
/// How long a body may take in all.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of a body that is announced so many times longer than what is here of it, there is room for all.
const BELIEVED: usize = 8;
/// Packed bodies above this are unpacked beside the other work.
const LARGE: usize = 64 << 10;

/// A body, with the room that it takes.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    /// To be held as long as what was made of the bytes.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `most` bytes, measured unpacked.
pub(super) async fn read(
    service: &Arc<Service>,
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<Whole, ApiError> {
    let packed = headers.get(header::CONTENT_ENCODING).is_some_and(|value| value == "gzip");
    let reading = tokio::time::timeout(PATIENCE, collect(service, body, most));
    let slow = |_| ApiError::new(http::StatusCode::REQUEST_TIMEOUT, "the body takes too long");
    let whole = reading.await.map_err(slow)??;
    if !packed {
        return Ok(whole);
    }
    let bytes = whole.bytes;
    let unpacked = match bytes.len() > LARGE {
        true => service.blocking(move || unpack(&bytes, most)).await?,
        false => unpack(&bytes, most),
    };
    let bytes = unpacked?;
    Ok(Whole { bytes: bytes.into(), room: whole.room })
}

async fn collect(service: &Arc<Service>, mut body: Body, most: usize) -> Result<Whole, ApiError> {
    let mut bytes = Vec::new();
    let mut room: Option<OwnedSemaphorePermit> = None;
    let announced = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
    let announced = announced.unwrap_or(0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::bad("unexpected EOF"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > most {
            return Err(too_large());
        }
        // Twice its size: unpacked or decoded it is larger.
        let kibibytes = u32::try_from(data.len() / 512 + 1).unwrap_or(u32::MAX);
        let more = Arc::clone(&service.bodies).acquire_many_owned(kibibytes).await;
        let more = more.map_err(|_| ApiError::unavailable("the server is stopping"))?;
        match &mut room {
            Some(room) => room.merge(more),
            None => room = Some(more),
        }
        if bytes.is_empty() && data.len() == announced {
            return Ok(Whole { bytes: data, room });
        }
        // Who has sent some of a long body is believed how long it is.
        let expected = announced.min(most);
        if bytes.capacity() < expected && (bytes.len() + data.len()) * BELIEVED >= expected {
            bytes.reserve_exact(expected - bytes.len());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Whole { bytes: bytes.into(), room })
}

fn unpack(bytes: &[u8], most: usize) -> Result<Vec<u8>, ApiError> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = flate2::read::MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut unpacked);
    read.map_err(|_| ApiError::bad("gzip: invalid header"))?;
    if unpacked.len() > most { Err(too_large()) } else { Ok(unpacked) }
}

fn too_large() -> ApiError {
    ApiError::bad("http: request body too large")
}
