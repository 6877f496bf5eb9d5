//! DNS answers that were recorded beforehand, so that a run needs no network and can be repeated.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

/// A line that is no recorded answer.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is no recorded answer {{kind, question, answer}}")]
pub struct RecordedError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What the JSON decoder says, if it was that.
    #[source]
    pub source: Option<serde_json::Error>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    kind: Kind,
    question: String,
    answer: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    ReverseDns,
    LookupHost,
}

/// Answers by question.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    names: BTreeMap<IpAddr, Vec<String>>,
    addresses: BTreeMap<String, Vec<String>>,
}

impl Recorded {
    pub(super) fn add(&mut self, text: &str) -> Result<(), RecordedError> {
        for (line, text) in (1..).zip(text.lines()) {
            if text.trim().is_empty() {
                continue;
            }
            let answer: Answer = serde_json::from_str(text)
                .map_err(|source| RecordedError { line, source: Some(source) })?;
            match answer.kind {
                Kind::ReverseDns => {
                    let ip = answer.question.parse().ok();
                    let ip: IpAddr = ip.ok_or(RecordedError { line, source: None })?;
                    self.names.entry(ip.to_canonical()).or_insert(answer.answer);
                }
                Kind::LookupHost => {
                    self.addresses.entry(answer.question).or_insert(answer.answer);
                }
            }
        }
        Ok(())
    }

    /// Names of an address; none where nothing was recorded.
    pub(super) fn names(&self, ip: IpAddr) -> &[String] {
        self.names.get(&ip.to_canonical()).map_or(&[], Vec::as_slice)
    }

    /// Addresses of a name; none where nothing was recorded.
    pub(super) fn addresses(&self, name: &str) -> &[String] {
        self.addresses.get(name).map_or(&[], Vec::as_slice)
    }
}
