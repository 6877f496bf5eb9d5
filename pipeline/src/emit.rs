//! Results on their way out: what an alert is for outputs, as bytes with a key and headers. The outbox
//! of the store keeps them until every output has them.

use std::sync::Arc;

use operators::alert::wire::{WireAlert, decisions};
use operators::alert::{Alert, Decision};
use operators::order::Partition;
use serde::{Deserialize, Serialize};

/// Version of what goes out.
pub const SCHEMA: &str = "1";

/// Which stream a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Alerts.
    Alerts,
    /// Decisions.
    Decisions,
}

/// A message as the outbox keeps it. A promise: fields are only added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The stream.
    #[serde(rename = "s")]
    pub stream: Stream,
    /// What messages of one partition have in common: scope and value.
    #[serde(rename = "p")]
    pub partition: String,
    /// Key of the record.
    #[serde(rename = "k")]
    pub key: String,
    /// Names and values besides the payload.
    #[serde(rename = "h")]
    pub headers: Vec<(String, String)>,
    /// JSON; `None` for a tombstone.
    #[serde(rename = "v")]
    pub payload: Option<String>,
}

/// The messages of an alert, in order: the alert, then its decisions. `file` names source partitions;
/// `machine` is who detected it.
pub fn messages(
    alert: &Alert,
    machine: &str,
    file: &dyn Fn(Partition) -> Arc<str>,
) -> Vec<Message> {
    let wire = WireAlert::new(alert, machine, file);
    let partition = format!("{}:{}", alert.source.scope, alert.source.value);
    let mut all = vec![Message {
        stream: Stream::Alerts,
        key: alert.identity().uuid(),
        headers: headers(alert.identity().id(), &alert.scenario),
        payload: Some(json(&wire)),
        partition,
    }];
    let pairs = alert.decisions.iter().zip(decisions(alert));
    all.extend(pairs.map(|(decision, wire)| Message {
        stream: Stream::Decisions,
        partition: format!("{}:{}", decision.scope, decision.value),
        key: key(decision),
        headers: headers(decision.id, &decision.scenario),
        payload: Some(json(&wire)),
    }));
    all
}

/// Key of the record of a decision: scope, value, id.
pub fn key(decision: &Decision) -> String {
    format!("{}:{}:{}", decision.scope, decision.value, decision.id)
}

fn headers(id: u64, scenario: &str) -> Vec<(String, String)> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![pair("id", &id.to_string()), pair("scenario", scenario), pair("schema", SCHEMA)]
}

/// These types have no map with keys that are not text: writing them to memory cannot fail.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
