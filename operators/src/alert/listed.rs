//! An event as alerts list it: made once, shared by all alerts that list it, together with its text
//! on the wire.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::AlertEvent;
use super::wire;

/// An [`AlertEvent`]; clones share it.
#[derive(Clone, Debug)]
pub struct Listed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    event: AlertEvent,
    json: OnceLock<Box<RawValue>>,
}

impl Listed {
    /// Its JSON under the names of CrowdSec's API.
    pub(super) fn json(&self) -> &RawValue {
        self.0.json.get_or_init(|| wire::event(&self.0.event))
    }
}

impl Deref for Listed {
    type Target = AlertEvent;

    fn deref(&self) -> &AlertEvent {
        &self.0.event
    }
}

impl From<AlertEvent> for Listed {
    fn from(event: AlertEvent) -> Self {
        Self(Arc::new(Shared { event, json: OnceLock::new() }))
    }
}

impl PartialEq for Listed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl Serialize for Listed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AlertEvent::deserialize(deserializer).map(Self::from)
    }
}
