//! What led to nothing: lines that no parser took, records that hold no line, messages that an output
//! refused. It goes to the outputs of `unparsed:`, what was read in the same commit as the place behind
//! it.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::Reject;
use connectors::output::Message;
use operators::time::{EventTime, Stamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a line is here that every parser let pass.
pub const UNPARSED: &str = "unparsed";

/// A line, record or message that was set aside.
// A promise: fields are only added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Unparsed")]
pub struct Aside {
    /// Why: `unparsed` for a line that no parser took, else why the record was not read or the message
    /// refused.
    pub reason: String,
    /// Name of the source; of an output, where that refused it.
    pub source: String,
    /// What of the source it is from: a file, a partition of a topic, a listener; of an output, the
    /// stream.
    pub lane: String,
    /// Where it stands there.
    pub offset: u64,
    /// Which of the lines that a `transform` made of that one.
    #[serde(default, skip_serializing_if = "is_first")]
    pub part: u32,
    /// When it was written, as far as its transport says, else when it came (RFC 3339).
    pub time: String,
    /// Labels of the acquisition and of the line.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// The line; the beginning of what was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// What a listener or a `transform` made the line of, as it came, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// Length of a record that was not read. Unit: bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_first(part: &u32) -> bool {
    *part == 0
}

/// Whose line it is, and since when it is here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose<'a> {
    pub(super) source: &'a str,
    pub(super) lane: &'a str,
    pub(super) labels: &'a BTreeMap<Arc<str>, Arc<str>>,
    pub(super) time: EventTime,
}

impl Aside {
    /// A line that no parser took.
    pub(super) fn line(
        whose: Whose<'_>,
        (offset, part): (u64, u32),
        (line, raw): (&str, Option<&str>),
    ) -> Self {
        let raw = raw.filter(|raw| *raw != line).map(str::to_owned);
        let line = Some(line.to_owned());
        Self { offset, part, line, raw, ..Self::new(whose, UNPARSED) }
    }

    /// A record that was not read.
    pub(super) fn record(whose: Whose<'_>, reject: &Reject) -> Self {
        let Reject { offset, reason, text, bytes } = reject;
        let (line, bytes) = (Some(text.to_string()), Some(*bytes));
        Self { offset: *offset, line, bytes, ..Self::new(whose, reason.as_str()) }
    }

    /// A message that an output will never take.
    pub fn refused(output: &str, message: &Message, reason: &str, at: EventTime) -> Self {
        let (lane, labels) = (message.stream, &BTreeMap::new());
        let payload = message.payload.as_deref().unwrap_or_default();
        Self {
            offset: message.sequence,
            line: Some(String::from_utf8_lossy(payload).into_owned()),
            ..Self::new(Whose { source: output, lane, labels, time: at }, reason)
        }
    }

    fn new(whose: Whose<'_>, reason: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            source: whose.source.to_owned(),
            lane: whose.lane.to_owned(),
            offset: 0,
            part: 0,
            time: Stamp::utc_at(whose.time).rfc3339_nano(),
            labels: whose.labels.clone(),
            line: None,
            raw: None,
            bytes: None,
        }
    }

    /// What it has in common with what stands before and behind it: its lane.
    pub fn partition(&self) -> String {
        format!("{}:{}", self.source, self.lane)
    }

    /// What nothing else has: its place.
    pub fn key(&self) -> String {
        let Self { source, lane, offset, part, .. } = self;
        match part {
            0 => format!("{source}:{lane}:{offset}"),
            part => format!("{source}:{lane}:{offset}.{part}"),
        }
    }
}
