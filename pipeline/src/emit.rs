//! Results on their way out. The outbox keeps what is to be told by the numbers under which it is
//! kept; here it becomes bytes with a key and headers, once for each output that wants it.

use std::sync::Arc;

use operators::alert::wire::{self, WireAlert, alert_schema, decision_schema, decisions};
use operators::alert::{Alert, Decision};
use operators::place::Partition;
use serde::{Deserialize, Serialize};

use crate::judge::recent::Made;
use crate::live::aside::Aside;
use crate::live::names::Names;
use crate::serve::kept;
use crate::state::{Family, Store, StoreError};

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
    /// Lines that no parser took, and records that were not read.
    Unparsed,
}

impl Stream {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Decisions => "decisions",
            Self::Unparsed => "unparsed",
        }
    }
}

/// The JSON Schema of a stream's messages, of alerts and decisions in CrowdSec's words, of version [`SCHEMA`]. Within a version
/// keys are only added.
pub fn schema(stream: Stream) -> serde_json::Value {
    let mut schema = match stream {
        Stream::Alerts => alert_schema(),
        Stream::Decisions => decision_schema(),
        Stream::Unparsed => wire::schema::<Aside>(),
    };
    schema.insert("$id".to_owned(), format!("urn:spillway:{}:{SCHEMA}", stream.name()).into());
    schema.to_value()
}

/// What goes out together, with running numbers of its own: neither waits for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tray {
    /// What was found: alerts and decisions.
    Results,
    /// What led to nothing.
    Unparsed,
}

impl Tray {
    /// Where the store has it.
    pub fn family(self) -> Family {
        match self {
            Self::Results => Family::Outbox,
            Self::Unparsed => Family::Unparsed,
        }
    }

    /// Where the store has the number that the next message gets.
    pub fn next_key(self) -> &'static [u8] {
        match self {
            Self::Results => b"outbox/next",
            Self::Unparsed => b"unparsed/next",
        }
    }

    /// Where the store has how far an output of this name is.
    pub fn output_key(self, name: &str) -> Vec<u8> {
        match self {
            Self::Results => name.as_bytes().to_vec(),
            Self::Unparsed => [b"unparsed\0", name.as_bytes()].concat(),
        }
    }

    /// What outputs know the series of numbers by, in a store whose outbox has this name.
    pub fn series(self, outbox: &str) -> Arc<str> {
        match self {
            Self::Results => outbox.into(),
            Self::Unparsed => format!("{outbox}-unparsed").into(),
        }
    }
}

/// What the outbox keeps. A promise: variants are only added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// The alert of this running number, and its decisions: the number of the first, and how many.
    /// Each is a message.
    #[serde(rename = "a")]
    Alert(u64, u64, u64),
    /// A decision is over. It may be forgotten before this is told.
    #[serde(rename = "e")]
    Ended {
        /// Its scope, as its record was told.
        scope: Arc<str>,
        /// Its value.
        value: Arc<str>,
        /// Its id.
        id: u64,
        /// Its scenario.
        scenario: Arc<str>,
    },
    /// What was set aside.
    #[serde(rename = "u")]
    Aside(Box<Aside>),
}

impl Told {
    /// How many messages it is.
    pub fn messages(&self) -> u64 {
        match self {
            Self::Alert(_, _, decisions) => decisions.saturating_add(1),
            Self::Ended { .. } | Self::Aside(_) => 1,
        }
    }
}

/// A message for outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The stream.
    pub stream: Stream,
    /// What messages of one partition have in common: scope and value.
    pub partition: String,
    /// Key of the record.
    pub key: String,
    /// Names and values besides the payload.
    pub headers: Vec<(&'static str, String)>,
    /// JSON; `None` for a tombstone.
    pub payload: Option<Vec<u8>>,
}

/// Makes messages of what a store keeps.
#[derive(Clone, Debug)]
pub struct Encoder {
    store: Arc<Store>,
    names: Arc<Names>,
}

impl Encoder {
    /// An encoder for a store whose source partitions have these names.
    pub fn new(store: Arc<Store>, names: Arc<Names>) -> Self {
        Self { store, names }
    }

    /// Its messages in those of the streams that are `wanted`, each with its place among all of them;
    /// without those of what was removed since. Where the alert is known as it was `made`, the store is
    /// not read.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn messages(
        &self,
        told: &Told,
        made: Option<&Made>,
        wanted: &[Stream],
    ) -> Result<Vec<(u64, Message)>, StoreError> {
        let message = match told {
            Told::Alert(id, first, count) => {
                return match made {
                    Some(Made { alert, machine }) => Ok(self.made(alert, machine, wanted)),
                    None => self.found(*id, (*first, *count), wanted),
                };
            }
            Told::Ended { scope, value, id, scenario } => {
                of_decision((scope, value), *id, scenario, None)
            }
            Told::Aside(aside) => of_aside(aside),
        };
        let is_wanted = wanted.contains(&message.stream);
        Ok(is_wanted.then_some((0, message)).into_iter().collect())
    }

    fn found(
        &self,
        id: u64,
        (first, count): (u64, u64),
        wanted: &[Stream],
    ) -> Result<Vec<(u64, Message)>, StoreError> {
        if wanted.contains(&Stream::Alerts)
            && let Some((alert, machine)) = kept::as_made(&self.store, id)?
        {
            return Ok(self.made(&alert, &machine, wanted));
        }
        Ok(decided(&kept::decisions_as_made(&self.store, first, count)?, wanted))
    }

    fn made(&self, alert: &Alert, machine: &str, wanted: &[Stream]) -> Vec<(u64, Message)> {
        let mut messages = Vec::new();
        if wanted.contains(&Stream::Alerts) {
            let file = |at: Partition| self.names.get(at).unwrap_or_else(|| "".into());
            let json = json(&WireAlert::new(alert, machine, &file));
            messages.push((0, of_alert(alert, json)));
        }
        messages.extend(decided(&alert.decisions, wanted));
        messages
    }
}

/// The messages of decisions, which follow that of their alert.
fn decided(made: &[Decision], wanted: &[Stream]) -> Vec<(u64, Message)> {
    if !wanted.contains(&Stream::Decisions) {
        return Vec::new();
    }
    let wire = decisions(made).map(|decision| json(&decision));
    let messages = made.iter().zip(wire).map(|(decision, json)| {
        let Decision { scope, value, id, scenario, .. } = decision;
        of_decision((scope, value), *id, scenario, Some(json))
    });
    (1..).zip(messages).collect()
}

fn of_alert(alert: &Alert, json: Vec<u8>) -> Message {
    let identity = alert.identity();
    Message {
        stream: Stream::Alerts,
        partition: partition(&alert.source.scope, &alert.source.value),
        key: identity.uuid(),
        headers: headers(identity.id(), &alert.scenario),
        payload: Some(json),
    }
}

/// The key of a decision's record is its scope, value and id.
fn of_decision(
    (scope, value): (&str, &str),
    id: u64,
    scenario: &str,
    payload: Option<Vec<u8>>,
) -> Message {
    Message {
        stream: Stream::Decisions,
        partition: partition(scope, value),
        key: format!("{scope}:{value}:{id}"),
        headers: headers(id, scenario),
        payload,
    }
}

fn of_aside(aside: &Aside) -> Message {
    let source = aside.source.clone();
    Message {
        stream: Stream::Unparsed,
        partition: aside.partition(),
        key: aside.key(),
        headers: vec![
            ("reason", aside.reason.clone()),
            ("source", source),
            ("schema", SCHEMA.to_owned()),
        ],
        payload: Some(json(aside)),
    }
}

fn partition(scope: &str, value: &str) -> String {
    format!("{scope}:{value}")
}

fn headers(id: u64, scenario: &str) -> Vec<(&'static str, String)> {
    vec![("id", id.to_string()), ("scenario", scenario.to_owned()), ("schema", SCHEMA.to_owned())]
}

/// These types have no map with keys that are not text: writing them to memory cannot fail.
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
