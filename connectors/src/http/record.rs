//! An OpenTelemetry log record, however it was sent: which attributes are wanted, and what its line is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::labels::Labels;
use crate::listener::{Batch, Full};

/// Wanted attributes that a record has from its resource and scope.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings<'a> {
    wanted: &'a BTreeSet<String>,
    labels: Labels,
}

/// What is read of a record.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// `time_unix_nano`, 0 where it is not known.
    pub(crate) time: u64,
    /// `observed_time_unix_nano`.
    pub(crate) observed: u64,
    /// Its body.
    pub(crate) body: Value,
    /// Wanted attributes.
    pub(crate) attributes: Vec<(String, Value)>,
}

impl<'a> Surroundings<'a> {
    /// None yet.
    pub(crate) fn new(wanted: &'a BTreeSet<String>) -> Self {
        Self { wanted, labels: Labels::default() }
    }

    /// Whether an attribute is wanted at all.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.wanted.contains(name)
    }

    /// These attributes too; they go before those that were there.
    pub(crate) fn with(&self, attributes: Vec<(String, Value)>) -> Self {
        Self { wanted: self.wanted, labels: self.labels_with(attributes) }
    }

    /// Adds a record to a batch.
    ///
    /// # Errors
    /// It is full.
    pub(crate) fn push(&self, record: Record, batch: &mut Batch) -> Result<(), Full> {
        let time = if record.time > 0 { record.time } else { record.observed };
        let time = i64::try_from(time).ok().filter(|time| *time > 0);
        batch.push(text(record.body).as_bytes(), time, &self.labels_with(record.attributes))
    }

    fn labels_with(&self, attributes: Vec<(String, Value)>) -> Labels {
        if attributes.is_empty() {
            return Arc::clone(&self.labels);
        }
        let mut labels: BTreeMap<_, _> = (*self.labels).clone();
        let pair = |(name, value): (String, Value)| (name.into(), text(value).into());
        labels.extend(attributes.into_iter().map(pair));
        Arc::new(labels)
    }
}

/// A string as it is, anything else as JSON, nothing as nothing.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
