//! Allowlists in the store: one JSON row for each, in the order in which they were made.

use api::allow::{AllowList, Allowlists};

use crate::state::{Batch, Family, Store, StoreError};

/// Writes a list as it is now, or its absence.
pub fn put(batch: &mut Batch<'_>, lists: &Allowlists, name: &str) {
    match lists.list(name) {
        Ok(list) => {
            let bytes = serde_json::to_vec(list).unwrap_or_default();
            batch.put(Family::Allowlists, name.as_bytes(), &bytes);
        }
        Err(_) => batch.delete(Family::Allowlists, name.as_bytes()),
    }
}

/// All lists of a store.
///
/// # Errors
/// The store cannot be read, or a row in it makes no sense.
pub fn load(store: &Store) -> Result<Allowlists, StoreError> {
    let mut lists = Vec::new();
    for entry in store.scan(Family::Allowlists, &[]) {
        let (key, bytes) = entry?;
        let list: AllowList = serde_json::from_slice(&bytes)
            .map_err(|error| store.unreadable(Family::Allowlists, &key, error))?;
        lists.push(list);
    }
    lists.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.name.cmp(&b.name)));
    Ok(Allowlists::new(lists))
}
