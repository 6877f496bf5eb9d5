//! By what alerts are looked for: keys that lead to their numbers.

use std::collections::BTreeSet;

use api::filter::Net;
use operators::alert::Alert;

use crate::state::{Batch, Family, Store, StoreError};

/// What an alert is looked for by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Its scenario, or that of one of its decisions.
    Scenario(String),
    /// Value of its source.
    Value(String),
    /// Network of one of its decisions.
    Net(Net),
}

impl Place {
    fn prefix(&self) -> Vec<u8> {
        let text = |tag: u8, text: &str| {
            let mut key = vec![tag];
            key.extend_from_slice(text.as_bytes());
            key.push(0);
            key
        };
        match self {
            Self::Scenario(scenario) => text(b's', scenario),
            Self::Value(value) => text(b'v', value),
            Self::Net(net) => {
                let mut key = vec![b'n', u8::from(net.v6)];
                key.extend_from_slice(&net.start.to_be_bytes());
                key.push(net.length);
                key
            }
        }
    }

    fn key(&self, alert: u64) -> Vec<u8> {
        let mut key = self.prefix();
        key.extend_from_slice(&alert.to_be_bytes());
        key
    }
}

/// All places of an alert with its decisions.
pub fn of(alert: &Alert) -> BTreeSet<Place> {
    let mut places = BTreeSet::new();
    places.insert(Place::Scenario(alert.scenario.to_string()));
    places.insert(Place::Value(alert.source.value.to_string()));
    for decision in &alert.decisions {
        places.insert(Place::Scenario(decision.scenario.to_string()));
        places.extend(api::record::net_of(&decision.scope, &decision.value).map(Place::Net));
    }
    places
}

/// Puts an alert where it is looked for.
pub fn put(batch: &mut Batch<'_>, alert: &Alert, id: u64) {
    for place in of(alert) {
        batch.put(Family::AlertPlaces, &place.key(id), &[]);
    }
}

/// Takes an alert, with its decisions, away from where it is looked for.
pub fn take(batch: &mut Batch<'_>, alert: &Alert, id: u64) {
    for place in of(alert) {
        batch.delete(Family::AlertPlaces, &place.key(id));
    }
}

/// Numbers of the alerts at a place, in ascending order.
///
/// # Errors
/// The store cannot be read.
pub fn find(store: &Store, place: &Place) -> Result<Vec<u64>, StoreError> {
    let prefix = place.prefix();
    let found = store.scan_prefix(Family::AlertPlaces, &prefix);
    let ids = found.map(|entry| entry.map(|(key, _)| number(&key)));
    ids.filter_map(Result::transpose).collect()
}

/// Numbers of alerts with decisions around a network, or within it, in ascending order.
///
/// # Errors
/// The store cannot be read.
pub fn find_net(store: &Store, net: Net, around: bool) -> Result<Vec<u64>, StoreError> {
    let mut ids = BTreeSet::new();
    if around {
        for length in 0..=net.length {
            ids.extend(find(store, &Place::Net(net.cut(length)))?);
        }
    } else {
        let first = Place::Net(Net { length: 0, ..net }).prefix();
        let mut last = vec![b'n', u8::from(net.v6)];
        last.extend_from_slice(&net.end().to_be_bytes());
        last.push(u8::MAX);
        for entry in store.scan(Family::AlertPlaces, &first) {
            let (key, _) = entry?;
            if *key > *last {
                break;
            }
            // Shorter prefixes that begin here lie around it.
            let length = key.get(18).copied().unwrap_or(0);
            if length >= net.length {
                ids.extend(number(&key));
            }
        }
    }
    Ok(ids.into_iter().collect())
}

fn number(key: &[u8]) -> Option<u64> {
    let bytes = key.last_chunk::<8>()?;
    Some(u64::from_be_bytes(*bytes))
}
