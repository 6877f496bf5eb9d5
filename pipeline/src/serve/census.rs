//! How many alerts are kept of each scenario. Counted once at the start, then kept in step with what
//! comes and goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::archive::KeptAlert;

use super::places;
use crate::state::{Store, StoreError};

/// The counts. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct AlertCensus(Arc<Mutex<BTreeMap<Arc<str>, u64>>>);

impl AlertCensus {
    /// Counts what a store has.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(Mutex::new(places::counted(store)?))))
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An alert came that counts.
    pub(super) fn add(&self, scenario: &Arc<str>) {
        let mut all = self.counts();
        match all.get_mut(scenario) {
            Some(count) => *count += 1,
            None => {
                all.insert(Arc::clone(scenario), 1);
            }
        }
    }

    /// An alert is no more.
    pub fn gone(&self, kept: &KeptAlert) {
        let origins = kept.decisions.iter().map(|record| &*record.origin);
        if !counts(&kept.alert.source.scope, origins) {
            return;
        }
        let mut all = self.counts();
        if let Some(count) = all.get_mut(&kept.alert.scenario) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                all.remove(&kept.alert.scenario);
            }
        }
    }

    /// Alerts by scenario.
    pub fn all(&self) -> BTreeMap<Arc<str>, u64> {
        self.counts().clone()
    }
}

/// Whether an alert with decisions of these origins counts: not one that stands for a pulled list.
pub fn counts<'a>(scope: &str, origins: impl Iterator<Item = &'a str>) -> bool {
    let mut origins = origins.peekable();
    match origins.peek() {
        Some(_) => !origins.any(|origin| matches!(origin, "CAPI" | "lists")),
        None => !scope.starts_with("lists:") && scope != "crowdsecurity/community-blocklist",
    }
}
