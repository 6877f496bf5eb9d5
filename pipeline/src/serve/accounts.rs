//! Accounts in the store: one JSON row for each machine and bouncer.

use std::sync::Arc;

use api::accounts::{Accounts, Bouncer, Keeper, Machine, Saved};

use crate::state::{Batch, Family, Store, StoreError};

/// Keeps accounts in the store.
#[derive(Debug)]
pub struct StoreKeeper(pub Arc<Store>);

impl Keeper for StoreKeeper {
    fn save(&self, rows: &[Saved]) -> Result<(), String> {
        let mut batch = self.0.batch();
        for row in rows {
            put(&mut batch, row).map_err(|error| error.to_string())?;
        }
        self.0.commit(batch).map_err(|error| error.to_string())
    }
}

/// Writes a row into a batch.
///
/// # Errors
/// It cannot be written as JSON.
pub fn put(batch: &mut Batch<'_>, row: &Saved) -> Result<(), serde_json::Error> {
    let family = Family::Accounts;
    match row {
        Saved::Machine(machine) => {
            batch.put(family, &key(b'm', &machine.id), &serde_json::to_vec(machine)?);
        }
        Saved::Bouncer(bouncer) => {
            batch.put(family, &key(b'b', &bouncer.name), &serde_json::to_vec(bouncer)?);
        }
        Saved::NoMachine(id) => batch.delete(family, &key(b'm', id)),
        Saved::NoBouncer(name) => batch.delete(family, &key(b'b', name)),
    }
    Ok(())
}

fn key(kind: u8, name: &str) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(name.as_bytes());
    key
}

/// All accounts of a store.
///
/// # Errors
/// The store cannot be read, or a row in it makes no sense.
pub fn load(store: &Arc<Store>) -> Result<Accounts, StoreError> {
    let (mut machines, mut bouncers) = (Vec::new(), Vec::new());
    for entry in store.scan(Family::Accounts, &[]) {
        let (key, bytes) = entry?;
        let wrong = |error| store.unreadable(Family::Accounts, &key, error);
        match key.first() {
            Some(b'm') => {
                machines.push(serde_json::from_slice::<Machine>(&bytes).map_err(wrong)?);
            }
            _ => bouncers.push(serde_json::from_slice::<Bouncer>(&bytes).map_err(wrong)?),
        }
    }
    let keeper = Arc::new(StoreKeeper(Arc::clone(store)));
    Ok(Accounts::new(machines, bouncers, keeper))
}
