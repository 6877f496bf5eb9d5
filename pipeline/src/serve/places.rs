//! By what alerts are looked for: keys that lead to their numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::archive::KeptAlert;
use api::filter::Net;
use operators::alert::Alert;

use crate::state::{Batch, Family, Store, StoreError};

/// Stands at an alert's own scenario if it counts there.
const COUNTED: u8 = 1;

/// What an alert is looked for by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Its scenario, or that of one of its decisions.
    Scenario(String),
    /// Value of its source or of one of its decisions that is no network.
    Value(String),
    /// Network of its source or of one of its decisions.
    Net(Net),
}

impl Place {
    /// What its keys begin with; a number fits behind it.
    fn prefix(&self) -> Vec<u8> {
        let text = |tag: u8, text: &str| {
            let mut key = Vec::with_capacity(text.len() + 2 + size_of::<u64>());
            key.push(tag);
            key.extend_from_slice(text.as_bytes());
            key.push(0);
            key
        };
        match self {
            Self::Scenario(scenario) => text(b's', scenario),
            Self::Value(value) => text(b'v', value),
            Self::Net(net) => {
                let start = net.start.to_be_bytes();
                let mut key = Vec::with_capacity(start.len() + 3 + size_of::<u64>());
                key.extend_from_slice(&[b'n', u8::from(net.v6)]);
                key.extend_from_slice(&start);
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

/// An alert that is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number.
    pub alert: u64,
    /// Its scenario.
    pub scenario: Arc<str>,
    /// Value of its source.
    pub source: Arc<str>,
    /// Whether it counts as an alert of its scenario.
    pub counts: bool,
}

/// All places of an alert, in order, each with the numbers of its decisions that are about the value
/// or network there. Of each decision: its number, scenario and value.
fn of<'a>(
    found: &Found,
    decisions: impl Iterator<Item = (u64, &'a str, &'a str)>,
) -> Vec<(Place, Option<u64>)> {
    let scenario = |name: &str| (Place::Scenario(name.to_owned()), None);
    let mut places = Vec::with_capacity(decisions.size_hint().0 + 2);
    places.extend([scenario(&found.scenario), (place_of(&found.source), None)]);
    let mut last = &*found.scenario;
    for (number, name, value) in decisions {
        if name != last {
            places.push(scenario(name));
            last = name;
        }
        places.push((place_of(value), Some(number)));
    }
    // Lists are often in order already.
    places.sort();
    places
}

/// Where a source and decisions about a value are found.
fn place_of(value: &str) -> Place {
    match Net::parse(value) {
        Ok(net) => Place::Net(net),
        Err(_) => Place::Value(value.to_owned()),
    }
}

/// What a decision takes at its places and under its name, about. Unit: bytes.
pub const ABOUT: usize = 96;

/// Where an alert is put to be found: keys and what stands there.
pub(super) type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Puts an alert where it is looked for.
/// Of each decision: its number, scenario and value.
pub(super) fn put<'a>(
    entries: &mut Entries,
    found: &Found,
    decisions: impl Iterator<Item = (u64, &'a str, &'a str)>,
) {
    let places = of(found, decisions);
    for same in places.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((place, _)) = same.first() else { continue };
        let mut numbers: Vec<u8> =
            same.iter().filter_map(|(_, number)| *number).flat_map(u64::to_be_bytes).collect();
        let is_own =
            |place: &Place| matches!(place, Place::Scenario(name) if **name == *found.scenario);
        if found.counts && is_own(place) {
            numbers.push(COUNTED);
        }
        entries.push((place.key(found.alert), numbers));
    }
}

/// How many alerts count, by scenario.
///
/// # Errors
/// The store cannot be read.
pub fn counted(store: &Store) -> Result<BTreeMap<Arc<str>, u64>, StoreError> {
    let mut counts = BTreeMap::new();
    for entry in store.scan_prefix(Family::AlertPlaces, b"s") {
        let (key, value) = entry?;
        if *value == [COUNTED]
            && let Some(name) = key.get(1..key.len().saturating_sub(9))
        {
            *counts.entry(String::from_utf8_lossy(name).into()).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Numbers of all decisions that were made about a value, in the order in which they were.
///
/// # Errors
/// The store cannot be read.
pub fn decided(store: &Store, value: &str) -> Result<Vec<u64>, StoreError> {
    let mut numbers = Vec::new();
    for entry in store.scan_prefix(Family::AlertPlaces, &place_of(value).prefix()) {
        let (_, found) = entry?;
        numbers.extend(found.as_chunks().0.iter().map(|number| u64::from_be_bytes(*number)));
    }
    Ok(numbers)
}

/// Takes an alert, with its decisions, away from where it is looked for.
pub fn take(batch: &mut Batch<'_>, kept: &KeptAlert) {
    let decisions = kept.decisions.iter().map(|one| (one.id, &*one.scenario, &*one.value));
    let KeptAlert { id: alert, alert: Alert { scenario, source, .. }, .. } = kept;
    let (scenario, source) = (Arc::clone(scenario), Arc::clone(&source.value));
    let mut places = of(&Found { alert: *alert, scenario, source, counts: false }, decisions);
    places.dedup_by(|(one, _), (other, _)| one == other);
    for (place, _) in places {
        batch.delete(Family::AlertPlaces, &place.key(kept.id));
    }
}

/// Numbers of the alerts whose source, or a decision of which, may have a value, in ascending order.
///
/// # Errors
/// The store cannot be read.
pub fn find_value(store: &Store, value: &str) -> Result<Vec<u64>, StoreError> {
    find(store, &place_of(value))
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

/// Numbers of alerts that may have decisions around a network, or within it, in ascending order.
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
