//! The body of a request: read and unpacked within limits of size, time and the memory of all bodies
//! together.

use std::io::Read;
use std::sync::Arc;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::config::Limits;

/// Unit of the memory that bodies share. Unit: bytes.
const GRAIN: usize = 4096;

/// What is read of a body that is not kept, so that its sender sees the answer. Unit: bytes.
const MAX_DROPPED: u64 = 64 << 20;

/// A window of Zstandard is at most 8 MiB, as its RFC asks of decoders.
const ZSTD_WINDOW: u32 = 23;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Not at all.
    Plain,
    /// Gzip, several members too.
    Gzip,
    /// Zlib; raw deflate is taken as well.
    Deflate,
    /// Zstandard.
    Zstd,
    /// Snappy's block format.
    Snappy,
}

/// Why a body is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// Above the limit, packed or unpacked.
    #[error("body too large")]
    TooLarge,
    /// It broke off.
    #[error("body not complete")]
    Broken,
    /// It took too long.
    #[error("body too slow")]
    Slow,
    /// Other bodies fill the memory.
    #[error("too many bodies at once")]
    NoRoom,
    /// The bytes are not packed so.
    #[error("body not unpackable")]
    Unpackable,
    /// Packed in a way that is not known.
    #[error("unknown content encoding")]
    UnknownPacking,
}

/// The memory that bodies share.
#[derive(Clone, Debug)]
pub(crate) struct Memory(Arc<Semaphore>);

/// A part of it, given back when dropped.
#[derive(Debug)]
struct Reserved {
    memory: Memory,
    permits: Vec<OwnedSemaphorePermit>,
    bytes: usize,
}

/// A body in memory.
#[derive(Debug)]
pub(crate) struct Whole {
    /// Its bytes, unpacked.
    pub(crate) bytes: Vec<u8>,
    _reserved: Reserved,
}

impl Memory {
    /// So many bytes for all.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / GRAIN).clamp(1, Semaphore::MAX_PERMITS))))
    }

    fn reserve(&self) -> Reserved {
        Reserved { memory: self.clone(), permits: Vec::new(), bytes: 0 }
    }
}

impl Reserved {
    /// Room for `bytes` in all.
    fn grow(&mut self, bytes: usize) -> Result<(), BodyError> {
        if bytes <= self.bytes {
            return Ok(());
        }
        // Doubling keeps the permits few.
        let more = (bytes - self.bytes).max(self.bytes / 2).div_ceil(GRAIN);
        let permits = u32::try_from(more).map_err(|_| BodyError::TooLarge)?;
        let permit = Arc::clone(&self.memory.0).try_acquire_many_owned(permits);
        self.permits.push(permit.map_err(|_| BodyError::NoRoom)?);
        self.bytes += more * GRAIN;
        Ok(())
    }
}

/// What `Content-Encoding` says.
///
/// # Errors
/// It is not known.
pub(crate) fn packing(header: Option<&[u8]>) -> Result<Packing, BodyError> {
    let name = header.unwrap_or_default().to_ascii_lowercase();
    match name.as_slice() {
        b"" | b"identity" => Ok(Packing::Plain),
        b"gzip" | b"x-gzip" => Ok(Packing::Gzip),
        b"deflate" => Ok(Packing::Deflate),
        b"zstd" => Ok(Packing::Zstd),
        b"snappy" => Ok(Packing::Snappy),
        _ => Err(BodyError::UnknownPacking),
    }
}

/// Reads a body as it was sent, and unpacks it.
///
/// # Errors
/// It is above a limit, or none.
pub(crate) async fn whole<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    packing: Packing,
    limits: &Limits,
    memory: &Memory,
) -> Result<Whole, BodyError> {
    let claimed = body.size_hint().lower();
    let reading = async {
        let read = match claimed > limits.max_body as u64 {
            true => Err(BodyError::TooLarge),
            false => read(&mut body, limits.max_body, memory).await,
        };
        if matches!(read, Err(BodyError::TooLarge | BodyError::NoRoom)) && claimed <= MAX_DROPPED {
            discard(&mut body).await;
        }
        read
    };
    let reading = tokio::time::timeout(limits.body, reading);
    let (bytes, reserved) = reading.await.map_err(|_| BodyError::Slow)??;
    if packing == Packing::Plain {
        return Ok(Whole { bytes, _reserved: reserved });
    }
    unpack(&bytes, packing, limits.max_body, memory)
}

/// Reads on and keeps nothing: a sender that is cut off while it sends does not see the answer.
async fn discard<B: Body<Data = Bytes> + Unpin>(body: &mut B) {
    let mut dropped = 0;
    while let Some(Ok(frame)) = body.frame().await {
        dropped += frame.data_ref().map_or(0, |data| data.len() as u64);
        if dropped > MAX_DROPPED {
            return;
        }
    }
}

async fn read<B: Body<Data = Bytes> + Unpin>(
    body: &mut B,
    limit: usize,
    memory: &Memory,
) -> Result<(Vec<u8>, Reserved), BodyError> {
    let (mut bytes, mut reserved) = (Vec::new(), memory.reserve());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        let size = bytes.len() + data.len();
        if size > limit {
            return Err(BodyError::TooLarge);
        }
        reserved.grow(size)?;
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, reserved))
}

/// Unpacks at most `limit` bytes.
///
/// # Errors
/// There are more, or they are not packed so.
pub(crate) fn unpack(
    bytes: &[u8],
    packing: Packing,
    limit: usize,
    memory: &Memory,
) -> Result<Whole, BodyError> {
    let mut reserved = memory.reserve();
    let unpacked = match packing {
        Packing::Plain => drain(bytes, limit, &mut reserved),
        Packing::Gzip => drain(MultiGzDecoder::new(bytes), limit, &mut reserved),
        Packing::Deflate => match drain(ZlibDecoder::new(bytes), limit, &mut reserved) {
            Err(BodyError::Unpackable) => drain(DeflateDecoder::new(bytes), limit, &mut reserved),
            other => other,
        },
        Packing::Zstd => {
            let mut decoder = zstd::Decoder::new(bytes).map_err(|_| BodyError::Unpackable)?;
            decoder.window_log_max(ZSTD_WINDOW).map_err(|_| BodyError::Unpackable)?;
            drain(decoder, limit, &mut reserved)
        }
        Packing::Snappy => {
            let size = snap::raw::decompress_len(bytes).map_err(|_| BodyError::Unpackable)?;
            if size > limit {
                return Err(BodyError::TooLarge);
            }
            reserved.grow(size)?;
            snap::raw::Decoder::new().decompress_vec(bytes).map_err(|_| BodyError::Unpackable)
        }
    };
    Ok(Whole { bytes: unpacked?, _reserved: reserved })
}

fn drain(mut from: impl Read, limit: usize, reserved: &mut Reserved) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut piece).map_err(|_| BodyError::Unpackable)?;
        if count == 0 {
            return Ok(bytes);
        }
        if bytes.len() + count > limit {
            return Err(BodyError::TooLarge);
        }
        reserved.grow(bytes.len() + count)?;
        bytes.extend(piece.iter().take(count));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http_body_util::Full;

    use super::*;

    const LIMIT: usize = 1 << 20;

    fn packed(packing: Packing, bytes: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Plain => bytes.to_vec(),
            Packing::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zstd => zstd::encode_all(bytes, 3).unwrap(),
            Packing::Snappy => snap::raw::Encoder::new().compress_vec(bytes).unwrap(),
        }
    }

    #[test]
    fn every_packing_is_undone_and_bombs_are_stopped() {
        let memory = Memory::new(4 * LIMIT);
        for packing in
            [Packing::Plain, Packing::Gzip, Packing::Deflate, Packing::Zstd, Packing::Snappy]
        {
            let whole = unpack(&packed(packing, b"hello"), packing, LIMIT, &memory).unwrap();
            assert_eq!(whole.bytes, b"hello");
            let bomb = packed(packing, &vec![b'a'; 40 * LIMIT]);
            let error = unpack(&bomb, packing, LIMIT, &memory).unwrap_err();
            assert_eq!(error, BodyError::TooLarge, "{packing:?}");
            if packing != Packing::Plain {
                let error =
                    unpack(b"rubbish that is nothing", packing, LIMIT, &memory).unwrap_err();
                assert_eq!(error, BodyError::Unpackable, "{packing:?}");
            }
        }
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::best());
        raw.write_all(b"hello").unwrap();
        let raw = raw.finish().unwrap();
        assert_eq!(unpack(&raw, Packing::Deflate, LIMIT, &memory).unwrap().bytes, b"hello");
    }

    #[test]
    fn a_claim_of_snappy_is_not_believed() {
        // It says four gigabytes.
        let bomb = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00];
        let error = unpack(&bomb, Packing::Snappy, LIMIT, &Memory::new(LIMIT)).unwrap_err();
        assert_eq!(error, BodyError::TooLarge);
    }

    #[tokio::test]
    async fn bodies_share_a_bounded_memory_and_give_it_back() {
        let limits = Limits { max_body: LIMIT, ..Limits::default() };
        let memory = Memory::new(LIMIT);
        let body = || Full::new(Bytes::from(vec![b'x'; LIMIT / 2 + 1]));
        let first = whole(body(), Packing::Plain, &limits, &memory).await.unwrap();
        let second = whole(body(), Packing::Plain, &limits, &memory).await;
        assert_eq!(second.unwrap_err(), BodyError::NoRoom);
        drop(first);
        assert!(whole(body(), Packing::Plain, &limits, &memory).await.is_ok());
        let large = Full::new(Bytes::from(vec![b'x'; LIMIT + 1]));
        let error = whole(large, Packing::Plain, &limits, &memory).await.unwrap_err();
        assert_eq!(error, BodyError::TooLarge);
    }
}
