//! What senders push to Loki: in, a body in protobuf (`logproto.PushRequest`) or JSON; out, lines with
//! their times and those labels that are wanted.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::value::RawValue;

use super::labels::{self, LabelsError};
use crate::labels::Labels;
use crate::listener::{Batch, Full};
use crate::protobuf::{Malformed, Value, fields};
use crate::text::Text;

/// Unit: nanoseconds.
const SECOND: i64 = 1_000_000_000;

/// Which labels lines get.
#[derive(Debug)]
pub(super) struct Labelling<'a> {
    /// Stream labels and structured metadata.
    pub(super) from: &'a BTreeSet<String>,
    /// Label and name of the tenant.
    pub(super) tenant: Option<(&'a str, &'a str)>,
}

/// Why a body is none.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// No protobuf.
    #[error("no push request in protobuf")]
    Protobuf,
    /// No JSON, or not this.
    #[error("no push request in JSON")]
    Json(#[source] serde_json::Error),
    /// Labels.
    #[error("labels of a stream")]
    Labels(#[source] LabelsError),
    /// A time.
    #[error("a time is no number of nanoseconds")]
    Time,
    /// Too much.
    #[error("too many lines in one body")]
    Full,
}

impl From<Malformed> for PayloadError {
    fn from(_: Malformed) -> Self {
        Self::Protobuf
    }
}

impl From<Full> for PayloadError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl From<serde_json::Error> for PayloadError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl Labelling<'_> {
    /// The wanted ones of a stream.
    fn of_stream<'s>(
        &self,
        stream: impl Iterator<Item = (Cow<'s, str>, Cow<'s, str>)>,
    ) -> BTreeMap<Arc<str>, Arc<str>> {
        let wanted = stream.filter(|(name, _)| self.from.contains(&**name));
        let wanted = wanted.map(|(name, value)| (Arc::from(&*name), Arc::from(&*value)));
        let tenant = self.tenant.map(|(label, tenant)| (label.into(), tenant.into()));
        wanted.chain(tenant).collect()
    }
}

/// Labels of a stream's lines: most lines have no more than the stream.
struct OfStream<'a> {
    wanted: &'a BTreeSet<String>,
    stream: Labels,
}

impl OfStream<'_> {
    fn with<'m>(&self, metadata: impl Iterator<Item = (Cow<'m, str>, Cow<'m, str>)>) -> Labels {
        let mut more = metadata.filter(|(name, _)| self.wanted.contains(&**name)).peekable();
        if more.peek().is_none() {
            return Arc::clone(&self.stream);
        }
        let mut labels = (*self.stream).clone();
        labels.extend(more.map(|(name, value)| (Arc::from(&*name), Arc::from(&*value))));
        Arc::new(labels)
    }
}

/// Reads protobuf.
///
/// # Errors
/// It is none, or holds too much.
pub(super) fn protobuf(
    body: &[u8],
    labelling: &Labelling<'_>,
    batch: &mut Batch,
) -> Result<(), PayloadError> {
    for field in fields(body) {
        let (1, stream) = field? else { continue };
        let (mut text, mut entries) = (Cow::Borrowed("{}"), false);
        for field in fields(stream.bytes()) {
            match field? {
                (1, labels) => text = String::from_utf8_lossy(labels.bytes()),
                (2, _) => entries = true,
                _ => {}
            }
        }
        if !entries {
            continue;
        }
        let labels = match labelling.from.is_empty() {
            true => Vec::new(),
            false => labels::parse(&text).map_err(PayloadError::Labels)?,
        };
        let stream_labels = Arc::new(labelling.of_stream(labels.into_iter()));
        let of_stream = OfStream { wanted: labelling.from, stream: stream_labels };
        for field in fields(stream.bytes()) {
            let (2, entry) = field? else { continue };
            protobuf_entry(entry, &of_stream, batch)?;
        }
    }
    Ok(())
}

fn protobuf_entry(
    entry: Value<'_>,
    of_stream: &OfStream<'_>,
    batch: &mut Batch,
) -> Result<(), PayloadError> {
    let (mut time, mut line, mut metadata) = (0, &[][..], Vec::new());
    for field in fields(entry.bytes()) {
        match field? {
            (1, timestamp) => time = protobuf_time(timestamp)?,
            (2, text) => line = text.bytes(),
            (3, pair) if !of_stream.wanted.is_empty() => {
                let (mut name, mut value) = (Cow::default(), Cow::default());
                for field in fields(pair.bytes()) {
                    match field? {
                        (1, text) => name = String::from_utf8_lossy(text.bytes()),
                        (2, text) => value = String::from_utf8_lossy(text.bytes()),
                        _ => {}
                    }
                }
                if of_stream.wanted.contains(&*name) {
                    metadata.push((name, value));
                }
            }
            _ => {}
        }
    }
    batch.push(line, Some(time), &of_stream.with(metadata.into_iter()))?;
    Ok(())
}

/// `google.protobuf.Timestamp`.
fn protobuf_time(timestamp: Value<'_>) -> Result<i64, PayloadError> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in fields(timestamp.bytes()) {
        match field? {
            (1, value) => seconds = value.number().cast_signed(),
            (2, value) => nanos = value.number().cast_signed(),
            _ => {}
        }
    }
    let time = seconds.checked_mul(SECOND).and_then(|time| time.checked_add(nanos));
    time.ok_or(PayloadError::Time)
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    streams: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Stream<'a> {
    #[serde(borrow, default)]
    stream: BTreeMap<Text<'a>, Text<'a>>,
    #[serde(borrow, default)]
    values: Vec<&'a RawValue>,
}

/// Reads JSON.
///
/// # Errors
/// It is none, or holds too much.
pub(super) fn json(
    body: &[u8],
    labelling: &Labelling<'_>,
    batch: &mut Batch,
) -> Result<(), PayloadError> {
    let body = String::from_utf8_lossy(body);
    let request: Request<'_> = serde_json::from_str(&body)?;
    for stream in request.streams {
        let Stream { stream, values } = serde_json::from_str(stream.get())?;
        let stream = Arc::new(
            labelling.of_stream(stream.into_iter().map(|(name, value)| (name.0, value.0))),
        );
        let of_stream = OfStream { wanted: labelling.from, stream };
        for value in values {
            json_entry(value, &of_stream, batch)?;
        }
    }
    Ok(())
}

/// `["TIME", "LINE"]` or `["TIME", "LINE", {"NAME": "VALUE"}]`.
fn json_entry(
    entry: &RawValue,
    of_stream: &OfStream<'_>,
    batch: &mut Batch,
) -> Result<(), PayloadError> {
    let parts: Vec<&RawValue> = serde_json::from_str(entry.get())?;
    let [time, line, more @ ..] = parts.as_slice() else {
        return Err(serde_json::Error::custom("an entry is a time and a line").into());
    };
    let time: Text<'_> = serde_json::from_str(time.get())?;
    let time = time.0.parse().map_err(|_| PayloadError::Time)?;
    let line: Text<'_> = serde_json::from_str(line.get())?;
    let labels = match more.first() {
        Some(more) if !of_stream.wanted.is_empty() => {
            let more: BTreeMap<Text<'_>, &RawValue> = serde_json::from_str(more.get())?;
            of_stream.with(more.into_iter().map(|(name, value)| (name.0, plain(value))))
        }
        _ => Arc::clone(&of_stream.stream),
    };
    batch.push(line.0.as_bytes(), Some(time), &labels)?;
    Ok(())
}

/// A string as it is, anything else as JSON.
fn plain(value: &RawValue) -> Cow<'_, str> {
    match serde_json::from_str::<Text<'_>>(value.get()) {
        Ok(text) => text.0,
        Err(_) => value.get().into(),
    }
}
