//! Accounts that are silent for long go (crowdsec pkg/database/flush.go, `agents_autodelete`,
//! `bouncers_autodelete`): bouncers that asked once and no more, machines that lived once and no more.
//! Those that were never seen stay: somebody is about to use them.

use std::collections::BTreeSet;

use api::accounts::{Accounts, Proof};

use super::row::AlertRow;
use crate::state::{Family, Store, StoreError};

/// After how long without a word accounts go; `None` for never. Unit: nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Silence {
    /// Machines with a password.
    pub machine_password: Option<i64>,
    /// Machines with a certificate.
    pub machine_certificate: Option<i64>,
    /// Bouncers with a key.
    pub bouncer_key: Option<i64>,
    /// Bouncers with a certificate.
    pub bouncer_certificate: Option<i64>,
}

/// Removes who is silent at `now`; how many went.
///
/// # Errors
/// The store cannot be read.
pub fn remove(
    store: &Store,
    accounts: &Accounts,
    silence: Silence,
    now: i64,
) -> Result<usize, StoreError> {
    let is_over = |seen: i64, most: Option<i64>| {
        seen > 0 && most.is_some_and(|most| now.saturating_sub(seen) >= most)
    };
    let mut gone = 0;
    let mut said =
        |what: &str, name: &str, removed: Result<(), api::accounts::AccountError>| match removed {
            Ok(()) => {
                gone += 1;
                tracing::info!(target: "audit", what, name, "silent for long: removed");
            }
            Err(error) => tracing::warn!(what, name, %error, "silent for long, and not removed"),
        };
    for bouncer in accounts.bouncers() {
        let row = bouncer.row();
        let most = match row.proof {
            Proof::Secret => silence.bouncer_key,
            Proof::Tls => silence.bouncer_certificate,
        };
        if is_over(bouncer.last_pull(), most) {
            said("bouncer", &row.name, accounts.remove_bouncer(&row.name));
        }
    }
    let mut silent = BTreeSet::new();
    for machine in accounts.machines() {
        let row = machine.row();
        let most = match row.proof {
            Proof::Secret => silence.machine_password,
            Proof::Tls => silence.machine_certificate,
        };
        let is_here = matches!(row.ip.as_str(), "127.0.0.1" | "::1");
        if !is_here && is_over(machine.last_heartbeat(), most) {
            silent.insert(row.id.clone());
        }
    }
    without_finders(store, &mut silent)?;
    for name in silent {
        said("machine", &name, accounts.remove_machine(&name));
    }
    Ok(gone)
}

/// Leaves out who found an alert that is kept: it would be nobody's.
fn without_finders(store: &Store, silent: &mut BTreeSet<String>) -> Result<(), StoreError> {
    for entry in store.scan(Family::Alerts, &[]) {
        if silent.is_empty() {
            break;
        }
        if let Some(row) = AlertRow::decode(&entry?.1) {
            silent.remove(&*row.machine);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use api::accounts::{Bouncer, Keeper, Machine, Saved};

    struct Nothing;

    impl Keeper for Nothing {
        fn save(&self, _rows: &[Saved]) -> Result<(), String> {
            Ok(())
        }
    }

    fn names(accounts: &Accounts) -> Vec<String> {
        let bouncers = accounts.bouncers().into_iter().map(|entry| entry.row().name.clone());
        let machines = accounts.machines().into_iter().map(|entry| entry.row().id.clone());
        bouncers.chain(machines).collect()
    }

    #[test]
    fn who_was_seen_and_is_silent_goes() {
        let bouncer = |name: &str, proof, last_pull| Bouncer {
            name: name.into(),
            key: name.into(),
            proof,
            last_pull,
            ..Bouncer::default()
        };
        let machine = |id: &str, proof, ip: &str, last_heartbeat| Machine {
            id: id.into(),
            ip: ip.into(),
            proof,
            last_heartbeat,
            ..Machine::default()
        };
        let machines = vec![
            machine("agent", Proof::Secret, "192.0.2.1", 10),
            machine("agent-here", Proof::Secret, "127.0.0.1", 10),
            machine("agent-lives", Proof::Secret, "192.0.2.2", 990),
            machine("agent-new", Proof::Secret, "", 0),
            machine("agent-tls", Proof::Tls, "192.0.2.3", 10),
        ];
        let bouncers = vec![
            bouncer("fw", Proof::Secret, 10),
            bouncer("fw-asks", Proof::Secret, 990),
            bouncer("fw-new", Proof::Secret, 0),
            bouncer("fw-tls", Proof::Tls, 10),
        ];
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), crate::state::Budget::default()).unwrap();
        let accounts = Accounts::new(machines, bouncers, Arc::new(Nothing));
        let never = Silence::default();
        assert_eq!(remove(&store, &accounts, never, 1_000).unwrap(), 0);
        let secrets =
            Silence { machine_password: Some(900), bouncer_key: Some(900), ..Silence::default() };
        assert_eq!(remove(&store, &accounts, secrets, 1_000).unwrap(), 2);
        assert_eq!(
            names(&accounts),
            ["fw-asks", "fw-new", "fw-tls", "agent-here", "agent-lives", "agent-new", "agent-tls"]
        );
        let certificates = Silence {
            machine_certificate: Some(900),
            bouncer_certificate: Some(900),
            ..Silence::default()
        };
        assert_eq!(remove(&store, &accounts, certificates, 1_000).unwrap(), 2);
    }
}
