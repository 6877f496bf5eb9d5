//! Reads everything in a store and says what cannot be read.

use std::collections::BTreeMap;

use api::allow::AllowList;
use operators::bucket::dialect::Dialect;
use operators::bucket::portrait::{Held, Portrait};
use operators::bucket::record::{read_key, remembered_until};
use operators::parse::stash::Stashes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::emit::Told;
use crate::live::lanes::LaneRecord;
use crate::live::record;
use crate::serve::row::{AlertRow, DecisionRow, End, Shared};
use crate::state::{Family, Store, StoreError};

/// Faults of one family that are told one by one.
const MOST_FAULTS: usize = 20;

/// What was found in one family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The family.
    pub family: &'static str,
    /// Records.
    pub records: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Records that cannot be understood.
    pub faulty: u64,
    /// What is wrong: the first of them, and where reading had to end.
    pub faults: Vec<String>,
}

/// Reads the whole store.
pub fn verify(store: &Store) -> Vec<Found> {
    let mut check = Check { store, dialects: BTreeMap::new() };
    Family::ALL.iter().map(|family| check.family(*family)).collect()
}

struct Check<'a> {
    store: &'a Store,
    dialects: BTreeMap<u32, Option<Dialect>>,
}

impl Check<'_> {
    fn family(&mut self, family: Family) -> Found {
        let mut found = Found { family: family.name(), ..Found::default() };
        for entry in self.store.scan(family, &[]) {
            let (key, value) = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    // Blocks are checked by their sums: behind a broken one nothing can be read.
                    found.faulty += 1;
                    found.faults.push(match &error {
                        StoreError::Damaged { source, .. } => source.to_string(),
                        error => crate::report::chain(error),
                    });
                    break;
                }
            };
            found.records += 1;
            found.bytes += (key.len() + value.len()) as u64;
            if !self.is_sound(family, &key, &value) {
                found.faulty += 1;
                if found.faults.len() < MOST_FAULTS {
                    found.faults.push(format!("record {} cannot be read", key.escape_ascii()));
                }
            }
        }
        found
    }

    fn is_sound(&mut self, family: Family, key: &[u8], value: &[u8]) -> bool {
        match family {
            Family::Lanes => json::<LaneRecord>(value),
            Family::Stashes => json::<Stashes>(value),
            Family::Buckets => read_key(key).is_some() && self.is_bucket(value),
            Family::Blackholes => read_key(key).is_some() && remembered_until(value).is_some(),
            Family::Outbox | Family::Unparsed => key.len() == 8 && json::<Told>(value),
            Family::Outputs => json::<u64>(value),
            Family::Alerts => key.len() == 8 && AlertRow::decode(value).is_some(),
            Family::Decisions => {
                let id = <[u8; 8]>::try_from(key).map(u64::from_be_bytes);
                let row = id.map(|id| DecisionRow::decode(id, value, &mut Shared::default()));
                row.is_ok_and(|row| row.is_some())
            }
            Family::Ends => key.len() == 8 && End::decode(value).is_some(),
            Family::Names => key.len() == 8 && value.len() == 8,
            Family::Allowlists => json::<AllowList>(value),
            Family::Accounts | Family::Answered | Family::Usage | Family::Audit => {
                json::<serde_json::Value>(value)
            }
            Family::Meta | Family::Deadlines | Family::AlertPlaces => true,
        }
    }

    fn is_bucket(&mut self, value: &[u8]) -> bool {
        let Some(bucket) = Portrait::read(value) else { return false };
        let store = self.store;
        let dialect = self
            .dialects
            .entry(bucket.dialect)
            .or_insert_with(|| record::dialect_of(store, bucket.dialect).ok().flatten());
        dialect.as_ref().is_some_and(|dialect| {
            bucket.events.iter().all(|event| Held::read(event, dialect).is_some())
        })
    }
}

fn json<T: DeserializeOwned>(value: &[u8]) -> bool {
    serde_json::from_slice::<T>(value).is_ok()
}
