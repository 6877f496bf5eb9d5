//! Who may talk to the API: machines (agents, people) by password or certificate, bouncers by key
//! or certificate. All of them are in memory; what changes is kept before it counts, but for what
//! only tells when somebody was last seen.

pub mod bouncer;
pub mod machine;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use std::collections::HashMap;

pub use bouncer::{Bouncer, BouncerEntry};
pub use machine::{Machine, MachineEntry};

/// So many rows are made for one key by clients of other addresses.
const MOST_PER_KEY: usize = 10_000;

/// How somebody proves who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Proof {
    /// A password (machines) or a key (bouncers).
    #[default]
    Secret,
    /// A client certificate.
    Tls,
}

/// A row to be kept, or to be forgotten.
#[derive(Clone, Debug)]
pub enum Saved {
    /// A machine as it is now.
    Machine(Machine),
    /// No machine of this name any more.
    NoMachine(String),
    /// A bouncer as it is now.
    Bouncer(Bouncer),
    /// No bouncer of this name any more.
    NoBouncer(String),
}

/// Where accounts are kept.
pub trait Keeper: Send + Sync {
    /// Keeps rows, all or none; on return they are on disk. May block for milliseconds.
    ///
    /// # Errors
    /// The store does not take them; the text is for the log.
    fn save(&self, rows: &[Saved]) -> Result<(), String>;
}

/// Why an account is not as wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// There is one of that name already.
    #[error("user '{0}': user already exist")]
    Exists(String),
    /// There is a bouncer of that name already.
    #[error("unable to create bouncer: bouncer {0} already exists")]
    BouncerExists(String),
    /// There is none of that name.
    #[error("user '{0}' doesn't exist")]
    Unknown(String),
    /// The store does not take it.
    #[error("unable to keep it: {0}")]
    Store(String),
}

/// All accounts.
pub struct Accounts {
    machines: ArcSwap<BTreeMap<String, Arc<MachineEntry>>>,
    bouncers: ArcSwap<Bouncers>,
    keeper: Arc<dyn Keeper>,
    changing: Mutex<()>,
}

/// Bouncers by what they are found by.
#[derive(Clone, Debug, Default)]
struct Bouncers {
    by_name: BTreeMap<String, Arc<BouncerEntry>>,
    /// By hash of the key, in the order in which they were made.
    by_key: HashMap<String, Vec<Arc<BouncerEntry>>>,
    by_place: HashMap<(String, String), Arc<BouncerEntry>>,
}

impl Bouncers {
    fn new(entries: impl Iterator<Item = Arc<BouncerEntry>>) -> Self {
        let mut all = Self::default();
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|entry| entry.row().created);
        for entry in entries {
            let row = entry.row();
            let place = (row.key.clone(), row.ip.clone());
            all.by_place.entry(place).or_insert_with(|| Arc::clone(&entry));
            all.by_key.entry(row.key.clone()).or_default().push(Arc::clone(&entry));
            all.by_name.insert(row.name.clone(), entry);
        }
        all
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts")
            .field("machines", &self.machines.load().len())
            .finish_non_exhaustive()
    }
}

impl Accounts {
    /// Accounts as they were kept.
    pub fn new(machines: Vec<Machine>, bouncers: Vec<Bouncer>, keeper: Arc<dyn Keeper>) -> Self {
        let machines =
            machines.into_iter().map(|row| (row.id.clone(), Arc::new(MachineEntry::new(row))));
        let bouncers = bouncers.into_iter().map(|row| Arc::new(BouncerEntry::new(row)));
        Self {
            machines: ArcSwap::from_pointee(machines.collect()),
            bouncers: ArcSwap::from_pointee(Bouncers::new(bouncers)),
            keeper,
            changing: Mutex::new(()),
        }
    }

    /// A machine by its name.
    pub fn machine(&self, id: &str) -> Option<Arc<MachineEntry>> {
        self.machines.load().get(id).cloned()
    }

    /// All machines, by name.
    pub fn machines(&self) -> Vec<Arc<MachineEntry>> {
        self.machines.load().values().cloned().collect()
    }

    /// A bouncer by its name.
    pub fn bouncer(&self, name: &str) -> Option<Arc<BouncerEntry>> {
        self.bouncers.load().by_name.get(name).cloned()
    }

    /// All bouncers, by name.
    pub fn bouncers(&self) -> Vec<Arc<BouncerEntry>> {
        self.bouncers.load().by_name.values().cloned().collect()
    }

    /// Makes a machine. Blocks for milliseconds.
    ///
    /// # Errors
    /// There is one of that name, or the store does not take it.
    pub fn add_machine(&self, row: Machine) -> Result<Arc<MachineEntry>, AccountError> {
        let _guard = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.machine(&row.id).is_some() {
            return Err(AccountError::Exists(row.id));
        }
        self.save(&[Saved::Machine(row.clone())])?;
        let entry = Arc::new(MachineEntry::new(row));
        let mut machines = (**self.machines.load()).clone();
        machines.insert(entry.row().id.clone(), Arc::clone(&entry));
        self.machines.store(Arc::new(machines));
        Ok(entry)
    }

    /// Changes a machine. Blocks for milliseconds.
    ///
    /// # Errors
    /// There is none of that name, or the store does not take it.
    pub fn change_machine(
        &self,
        id: &str,
        change: impl FnOnce(&mut Machine),
    ) -> Result<(), AccountError> {
        let _guard = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = self.machine(id).ok_or_else(|| AccountError::Unknown(id.to_owned()))?;
        let mut row = (*entry.row()).clone();
        change(&mut row);
        self.save(&[Saved::Machine(row.clone())])?;
        entry.set_row(row);
        Ok(())
    }

    /// Removes a machine. Blocks for milliseconds.
    ///
    /// # Errors
    /// There is none of that name, or the store does not take it.
    pub fn remove_machine(&self, id: &str) -> Result<(), AccountError> {
        let _guard = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut machines = (**self.machines.load()).clone();
        machines.remove(id).ok_or_else(|| AccountError::Unknown(id.to_owned()))?;
        self.save(&[Saved::NoMachine(id.to_owned())])?;
        self.machines.store(Arc::new(machines));
        Ok(())
    }

    /// Makes a bouncer. Blocks for milliseconds.
    ///
    /// # Errors
    /// There is one of that name, or the store does not take it.
    pub fn add_bouncer(&self, row: Bouncer) -> Result<Arc<BouncerEntry>, AccountError> {
        let _guard = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.insert_bouncer(row)
    }

    fn insert_bouncer(&self, row: Bouncer) -> Result<Arc<BouncerEntry>, AccountError> {
        if self.bouncer(&row.name).is_some() {
            return Err(AccountError::BouncerExists(row.name));
        }
        self.save(&[Saved::Bouncer(row.clone())])?;
        let entry = Arc::new(BouncerEntry::new(row));
        self.rebuild(Some(Arc::clone(&entry)), None);
        Ok(entry)
    }

    /// Changes a bouncer. Blocks for milliseconds.
    ///
    /// # Errors
    /// There is none of that name, or the store does not take it.
    pub fn change_bouncer(
        &self,
        name: &str,
        change: impl FnOnce(&mut Bouncer),
    ) -> Result<(), AccountError> {
        let _guard = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = self.bouncer(name).ok_or_else(|| AccountError::Unknown(name.to_owned()))?;
        let mut row = (*entry.row()).clone();
        change(&mut row);
        self.save(&[Saved::Bouncer(row.clone())])?;
        entry.set_row(row);
        self.rebuild(None, None);
        Ok(())
    }

    /// Removes a bouncer. Blocks for milliseconds.
    ///
    /// # Errors
    /// There is none of that name, or the store does not take it.
    pub fn remove_bouncer(&self, name: &str) -> Result<(), AccountError> {
        let _guard = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.bouncer(name).ok_or_else(|| AccountError::Unknown(name.to_owned()))?;
        self.save(&[Saved::NoBouncer(name.to_owned())])?;
        self.rebuild(None, Some(name));
        Ok(())
    }

    fn rebuild(&self, new: Option<Arc<BouncerEntry>>, gone: Option<&str>) {
        let old = self.bouncers.load();
        let kept = old.by_name.iter().filter(|(name, _)| Some(name.as_str()) != gone);
        let entries = kept.map(|(_, entry)| Arc::clone(entry)).chain(new);
        self.bouncers.store(Arc::new(Bouncers::new(entries)));
    }

    /// Whether some bouncer has a key of this hash: all that a HEAD asks.
    pub fn knows_key(&self, hash: &str) -> Option<Arc<BouncerEntry>> {
        let bouncers = self.bouncers.load();
        let usable = |entry: &&Arc<BouncerEntry>| entry.row().is_usable(Proof::Secret);
        bouncers.by_key.get(hash)?.iter().find(usable).cloned()
    }

    /// The bouncer of a key at an address, if that is known without a change.
    pub fn known_bouncer(&self, hash: &str, ip: &str) -> Option<Arc<BouncerEntry>> {
        let bouncers = self.bouncers.load();
        let place = (hash.to_owned(), ip.to_owned());
        bouncers.by_place.get(&place).cloned()
    }

    /// The bouncer of a key at an address; a known key at a new address gets a row of its own
    /// (crowdsec middlewares/v1/api_key.go). Blocks for milliseconds where it makes one.
    ///
    /// # Errors
    /// The store does not take the new row.
    pub fn bouncer_of_key(
        &self,
        hash: &str,
        ip: &str,
        now: i64,
    ) -> Result<Option<Arc<BouncerEntry>>, AccountError> {
        if let Some(entry) = self.known_bouncer(hash, ip) {
            let usable = entry.row().is_usable(Proof::Secret);
            return Ok(usable.then_some(entry));
        }
        let _guard = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let of_key = self.bouncers.load().by_key.get(hash).cloned().unwrap_or_default();
        let usable: Vec<_> =
            of_key.into_iter().filter(|entry| entry.row().is_usable(Proof::Secret)).collect();
        let Some(first) = usable.first() else { return Ok(None) };
        if let [only] = usable.as_slice()
            && only.row().ip.is_empty()
        {
            let row = Bouncer { ip: ip.to_owned(), ..(*only.row()).clone() };
            self.save(&[Saved::Bouncer(row.clone())])?;
            only.set_row(row);
            self.rebuild(None, None);
            return Ok(Some(Arc::clone(only)));
        }
        if let Some(entry) = self.known_bouncer(hash, ip) {
            return Ok(Some(entry));
        }
        if usable.len() >= MOST_PER_KEY {
            return Ok(Some(Arc::clone(first)));
        }
        let name = format!("{}@{ip}", base_name(&first.row().name));
        let row = Bouncer {
            name,
            key: hash.to_owned(),
            ip: ip.to_owned(),
            auto_created: true,
            created: now,
            updated: now,
            blocklist: first.row().blocklist.clone(),
            ..Bouncer::default()
        };
        match self.insert_bouncer(row) {
            Err(AccountError::BouncerExists(_)) => Ok(None),
            made => made.map(Some),
        }
    }

    /// Rows that changed without having been kept: when somebody was seen, how far it was told.
    pub fn take_unsaved(&self) -> Vec<Saved> {
        let machines = self.machines();
        let machines = machines.iter().filter_map(|entry| entry.take_unsaved().map(Saved::Machine));
        let bouncers = self.bouncers();
        let bouncers = bouncers.iter().filter_map(|entry| entry.take_unsaved().map(Saved::Bouncer));
        machines.chain(bouncers).collect()
    }

    fn save(&self, rows: &[Saved]) -> Result<(), AccountError> {
        self.keeper.save(rows).map_err(AccountError::Store)
    }
}

/// The name without the addresses that were hung on it (`fw@192.0.2.1@192.0.2.7` is `fw`).
fn base_name(name: &str) -> &str {
    let mut base = name;
    while let Some((before, address)) = base.rsplit_once('@')
        && address.parse::<IpAddr>().is_ok()
    {
        base = before;
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Keeper for Nothing {
        fn save(&self, _rows: &[Saved]) -> Result<(), String> {
            Ok(())
        }
    }

    fn accounts() -> Accounts {
        let row = Bouncer { name: "fw".into(), key: "k".into(), ..Bouncer::default() };
        Accounts::new(Vec::new(), vec![row], Arc::new(Nothing))
    }

    #[test]
    fn a_key_at_a_new_address_gets_its_own_row() {
        let accounts = accounts();
        let name = |ip: &str| {
            let entry = accounts.bouncer_of_key("k", ip, 1).unwrap();
            entry.map(|entry| entry.row().name.clone())
        };
        assert_eq!(name("192.0.2.1").as_deref(), Some("fw"));
        assert_eq!(name("192.0.2.2").as_deref(), Some("fw@192.0.2.2"));
        assert_eq!(name("192.0.2.1").as_deref(), Some("fw"));
        assert_eq!(name("192.0.2.2").as_deref(), Some("fw@192.0.2.2"));
        assert!(accounts.bouncer_of_key("other", "192.0.2.1", 1).unwrap().is_none());
        assert_eq!(base_name("fw@192.0.2.2@2001:db8::1"), "fw");
        assert_eq!(base_name("a@b"), "a@b");
    }

    #[test]
    fn a_revoked_key_is_no_key() {
        let accounts = accounts();
        accounts.change_bouncer("fw", |row| row.revoked = true).unwrap();
        assert!(accounts.bouncer_of_key("k", "192.0.2.1", 1).unwrap().is_none());
        assert!(accounts.knows_key("k").is_none());
    }
}
