//! What senders send, encoded by `prost`: an encoder that shares nothing with the reader under test.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

/// `logproto.PushRequest` of Loki.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Stream {
    #[prost(string, tag = "1")]
    pub(crate) labels: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) entries: Vec<Entry>,
    #[prost(uint64, tag = "3")]
    pub(crate) hash: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Entry {
    #[prost(message, optional, tag = "1")]
    pub(crate) timestamp: Option<Timestamp>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) line: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) metadata: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pair {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

/// An entry of a stream. `time` in nanoseconds since 1970.
pub(crate) fn entry(time: i64, line: &str) -> Entry {
    let (seconds, nanos) = (time.div_euclid(1_000_000_000), time.rem_euclid(1_000_000_000) as i32);
    let timestamp = Some(Timestamp { seconds, nanos });
    Entry { timestamp, line: line.as_bytes().to_vec(), metadata: Vec::new() }
}

/// A body of one stream, as promtail sends it.
pub(crate) fn push(labels: &str, entries: Vec<Entry>) -> Vec<u8> {
    let stream = Stream { labels: labels.to_owned(), entries, hash: 7 };
    snappy(&PushRequest { streams: vec![stream] }.encode_to_vec())
}

pub(crate) fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
