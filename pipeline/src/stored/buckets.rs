//! The live buckets of a store.

use std::collections::BTreeMap;

use operators::bucket::dialect::Dialect;
use operators::bucket::portrait::{Held, Portrait};
use operators::bucket::record::read_key;

use crate::live::names::Names;
use crate::live::record;
use crate::state::{Family, Store, StoreError};

/// The field that is the name of a lane.
const PATH: &str = "Meta.datasource_path";

/// A bucket with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Its scenario, or the hash of one that this store has no name for.
    pub scenario: String,
    /// What `groupby` gave.
    pub key: String,
    /// What it knows.
    pub bucket: Portrait,
}

/// Visits all buckets, by key group. `wanted` sees scenario and key.
///
/// # Errors
/// The store cannot be read.
pub fn each(
    store: &Store,
    wanted: &dyn Fn(&str, &str) -> bool,
    visit: &mut dyn FnMut(Named),
) -> Result<(), StoreError> {
    let mut names: BTreeMap<u64, String> = BTreeMap::new();
    for entry in store.scan(Family::Buckets, &[]) {
        let (key, value) = entry?;
        let Some((family, groupby)) = read_key(&key) else { continue };
        let scenario = match names.get(&family) {
            Some(name) => name.clone(),
            None => {
                let name = record::scenario(store, family)?;
                let name = name.unwrap_or_else(|| format!("{family:016x}"));
                names.entry(family).or_insert(name).clone()
            }
        };
        if !wanted(&scenario, groupby) {
            continue;
        }
        // `verify` tells of those that cannot be read.
        if let Some(bucket) = Portrait::read(&value) {
            visit(Named { scenario, key: groupby.to_owned(), bucket });
        }
    }
    Ok(())
}

/// The events that a bucket holds, oldest first; those that cannot be read are left out. `names` are
/// those of the lanes of the store.
///
/// # Errors
/// The store cannot be read.
pub fn events(store: &Store, names: &Names, bucket: &Portrait) -> Result<Vec<Held>, StoreError> {
    let dialect = record::dialect_of(store, bucket.dialect)?.unwrap_or_else(Dialect::default);
    let mut events: Vec<_> =
        bucket.events.iter().filter_map(|event| Held::read(event, &dialect)).collect();
    for event in &mut events {
        // It is not kept with each event: its lane says it.
        let path = event.fields.iter_mut().find(|(name, text)| name == PATH && text.is_empty());
        if let (Some((_, text)), Some(lane)) = (path, names.get(event.at.partition)) {
            text.push_str(&lane);
        }
    }
    Ok(events)
}
