//! What an output is told, and in which words.

use connectors::output;

use super::ocsf;
use crate::emit::{Message, Stream, Told};

/// In which words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Field names of CrowdSec's API.
    #[default]
    Crowdsec,
    /// Detection Finding of the Open Cybersecurity Schema Framework.
    Ocsf,
}

/// What an output is told, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Streams.
    pub streams: Vec<Stream>,
    /// Words.
    pub format: Format,
    /// Whether it is told when decisions end, by a message without payload.
    pub tombstones: bool,
}

impl Default for Shape {
    /// Decisions, without their ends, in CrowdSec's words.
    fn default() -> Self {
        Self { streams: vec![Stream::Decisions], format: Format::default(), tombstones: false }
    }
}

impl Shape {
    /// What of this it wants.
    pub(super) fn wanted(&self, told: &Told) -> &[Stream] {
        match told {
            Told::Ended { .. } if !self.tombstones => &[],
            _ => &self.streams,
        }
    }

    /// The message as connectors take it.
    pub(super) fn message(&self, sequence: u64, message: Message) -> output::Message {
        let Message { stream, partition, key, headers, payload } = message;
        let payload = payload.map(|json| match self.format {
            Format::Crowdsec => json,
            Format::Ocsf => ocsf::finding(stream, &json).unwrap_or(json),
        });
        let headers = headers.into_iter().map(|(name, value)| (name, value.into()));
        output::Message {
            sequence,
            stream: stream.name(),
            partition_key: partition.into(),
            key: key.into(),
            headers: headers.collect(),
            payload: payload.map(Into::into),
        }
    }
}
