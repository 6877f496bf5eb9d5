//! What a CrowdSec server knew, from its SQLite database: machines and bouncers (keys and passwords go
//! on working), allowlists, alerts with their decisions. Everything or nothing of each batch; what is
//! there already is left as it is, so that a second import adds what is new.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::accounts::{Bouncer, Machine, Proof, Saved};
use api::allow::{AllowItem, AllowList};
use operators::alert::{Alert, AlertEvent, Decision, Listed, Source};
use operators::place::{OrderKey, Partition};
use operators::time::layout::parse_rfc3339;
use operators::time::{EventTime, Stamp};
use rusqlite::{Connection, OpenFlags, Row};

use super::census::AlertCensus;
use super::ledger::{Commit, Judged, Ledger};
use super::{accounts, allowlists};
use crate::state::{Batch, Family, Store, StoreError};

/// Alerts of one batch.
const MOST_ALERTS: usize = 1_000;

/// Why nothing more is imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The database cannot be read.
    #[error("{} is no database of CrowdSec that can be read", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An account cannot be written.
    #[error("an account cannot be written")]
    Account(#[from] serde_json::Error),
    /// An alert cannot be written.
    #[error("an alert cannot be written")]
    Alert(#[from] rmp_serde::encode::Error),
}

/// What was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Machines.
    pub machines: u64,
    /// Bouncers.
    pub bouncers: u64,
    /// Allowlists.
    pub allowlists: u64,
    /// Alerts.
    pub alerts: u64,
    /// Decisions.
    pub decisions: u64,
}

/// Imports a database into a store that nobody else has open.
///
/// # Errors
/// The database cannot be read, or the store not written.
pub fn import(path: &Path, store: &Store, now: i64) -> Result<Imported, ImportError> {
    let wrong = |source| ImportError::Database { path: path.to_path_buf(), source };
    let database =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(wrong)?;
    let mut imported = Imported::default();
    let mut batch = store.batch();
    let machines = machines(&database).map_err(wrong)?;
    let bouncers = bouncers(&database).map_err(wrong)?;
    for row in machines.values().map(|machine| Saved::Machine(machine.clone())) {
        imported.machines += 1;
        accounts::put(&mut batch, &row)?;
    }
    for row in bouncers.into_iter().map(Saved::Bouncer) {
        imported.bouncers += 1;
        accounts::put(&mut batch, &row)?;
    }
    imported.allowlists = lists(&database, store, &mut batch).map_err(wrong)??;
    store.commit(batch)?;
    alerts(&database, path, store, (&machines, now), &mut imported)?;
    Ok(imported)
}

fn machines(database: &Connection) -> rusqlite::Result<BTreeMap<i64, Machine>> {
    let mut statement = database.prepare("select * from machines order by id")?;
    let rows = statement.query_map([], |row| {
        let machine = Machine {
            id: text(row, "machine_id"),
            password: text(row, "password"),
            ip: text(row, "ip_address"),
            version: text(row, "version"),
            scenarios: text(row, "scenarios"),
            validated: flag(row, "is_validated"),
            admin: false,
            proof: proof(row),
            created: time(row, "created_at"),
            updated: time(row, "updated_at"),
            last_push: time(row, "last_push"),
            last_heartbeat: time(row, "last_heartbeat"),
            os: (text(row, "osname"), text(row, "osfamily"), text(row, "osversion")),
            features: features(row),
            hub_items: serde_json::from_str(&text(row, "hubstate")).ok(),
            datasources: serde_json::from_str(&text(row, "datasources")).ok(),
        };
        Ok((row.get::<_, i64>("id")?, machine))
    })?;
    rows.collect()
}

fn bouncers(database: &Connection) -> rusqlite::Result<Vec<Bouncer>> {
    let mut statement = database.prepare("select * from bouncers order by id")?;
    let rows = statement.query_map([], |row| {
        Ok(Bouncer {
            name: text(row, "name"),
            key: text(row, "api_key"),
            revoked: flag(row, "revoked"),
            ip: text(row, "ip_address"),
            kind: text(row, "type"),
            version: text(row, "version"),
            proof: proof(row),
            auto_created: flag(row, "auto_created"),
            // The first row of a key is the one that people made.
            created: time(row, "created_at"),
            updated: time(row, "updated_at"),
            last_pull: time(row, "last_pull"),
            told: (0, 0),
            os: (text(row, "osname"), text(row, "osfamily"), text(row, "osversion")),
            features: features(row),
            blocklist: String::new(),
        })
    })?;
    rows.collect()
}

fn lists(
    database: &Connection,
    store: &Store,
    batch: &mut Batch<'_>,
) -> rusqlite::Result<Result<u64, StoreError>> {
    let known = match allowlists::load(store) {
        Ok(known) => known,
        Err(error) => return Ok(Err(error)),
    };
    // Versions before 1.6.6 have no such table.
    let Ok(mut statement) = database.prepare("select * from allow_lists order by id") else {
        return Ok(Ok(0));
    };
    let rows = statement.query_map([], |row| {
        let list = AllowList {
            name: text(row, "name"),
            description: text(row, "description"),
            created: time(row, "created_at"),
            updated: time(row, "updated_at"),
            items: Vec::new(),
        };
        Ok((row.get::<_, i64>("id")?, list))
    })?;
    let mut new = Vec::new();
    for row in rows {
        let (id, mut list) = row?;
        if known.list(&list.name).is_err() {
            list.items = items(database, id)?;
            new.push(list);
        }
    }
    let count = new.len() as u64;
    let all = api::allow::Allowlists::new(new);
    for list in all.lists() {
        allowlists::put(batch, &all, &list.name);
    }
    Ok(Ok(count))
}

fn items(database: &Connection, list: i64) -> rusqlite::Result<Vec<AllowItem>> {
    let mut statement = database.prepare(
        "select item.* from allow_list_items item join allow_list_allowlist_items pair \
         on pair.allow_list_item_id = item.id where pair.allow_list_id = ? order by item.id",
    )?;
    let rows = statement.query_map([list], |row| {
        let expires = time(row, "expires_at");
        Ok(AllowItem {
            value: text(row, "value"),
            comment: text(row, "comment"),
            created: time(row, "created_at"),
            expires: (expires > 0).then_some(expires),
        })
    })?;
    rows.collect()
}

fn alerts(
    database: &Connection,
    path: &Path,
    store: &Store,
    (machines, now): (&BTreeMap<i64, Machine>, i64),
    imported: &mut Imported,
) -> Result<(), ImportError> {
    let wrong = |source| ImportError::Database { path: path.to_path_buf(), source };
    let mut ledger = Ledger::open(store, AlertCensus::default())?;
    let mut statement = database.prepare("select * from alerts order by id").map_err(wrong)?;
    let mut rows = statement.query([]).map_err(wrong)?;
    let mut batch = store.batch();
    let mut commit: Option<Commit> = None;
    let mut waiting = 0;
    while let Some(row) = rows.next().map_err(wrong)? {
        let id: i64 = row.get("id").map_err(wrong)?;
        let mut alert = alert(row, database, id).map_err(wrong)?;
        let name = [b"a".as_slice(), &alert.identity().id().to_be_bytes()].concat();
        if store.get(Family::Names, &name)?.is_some() {
            continue;
        }
        batch.put(Family::Names, &name, &[]);
        alert.decisions = decisions(database, &alert, id).map_err(wrong)?;
        imported.alerts += 1;
        imported.decisions += alert.decisions.len() as u64;
        let owner = row.get::<_, Option<i64>>("machine_alerts").ok().flatten();
        let machine = owner.and_then(|owner| machines.get(&owner)).map(|row| row.id.as_str());
        let machine: Arc<str> = machine.unwrap_or("N/A").into();
        let kind = text(row, "kind").into();
        let created = time(row, "created_at").max(1);
        let commit = commit.get_or_insert_with(|| ledger.begin(now));
        commit.alert_of(&mut batch, Judged { machine, kind, alert }, created)?;
        commit.rows().write(&mut batch);
        waiting += 1;
        if waiting >= MOST_ALERTS || batch.size() > (32 << 20) {
            waiting = 0;
            write(&mut ledger, store, &mut batch, commit)?;
        }
    }
    if let Some(mut commit) = commit {
        write(&mut ledger, store, &mut batch, &mut commit)?;
    }
    Ok(())
}

/// Ends a commit and begins the next.
fn write<'a>(
    ledger: &mut Ledger,
    store: &'a Store,
    batch: &mut Batch<'a>,
    commit: &mut Commit,
) -> Result<(), StoreError> {
    let mut full = std::mem::replace(batch, store.batch());
    let now = commit.now();
    let done = std::mem::replace(commit, ledger.begin(now));
    let (_, rows) = ledger.finish(done, &mut full);
    rows.write(&mut full);
    *commit = ledger.begin(now);
    store.commit(full)
}

fn alert(row: &Row<'_>, database: &Connection, id: i64) -> rusqlite::Result<Alert> {
    let stamp = |name: &str| Stamp::utc_at(EventTime(time(row, name)));
    let shared = |name: &str| -> Arc<str> { text(row, name).into() };
    let number = |name: &str| row.get::<_, Option<i64>>(name).ok().flatten().unwrap_or(0);
    let degrees = |name: &str| row.get::<_, Option<f64>>(name).ok().flatten().unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "the column was written from 32 bits")]
    let degrees = |name: &str| degrees(name) as f32;
    let stop_at = stamp("stopped_at");
    let uuid = text(row, "uuid");
    Ok(Alert {
        cause: OrderKey { clock: stop_at.at, partition: Partition(u32::MAX), position: 0, part: 0 },
        bucket: format!("crowdsec/{uuid}/{id}").into(),
        scenario: shared("scenario"),
        scenario_hash: shared("scenario_hash"),
        scenario_version: shared("scenario_version"),
        labels: Arc::default(),
        capacity: i32::try_from(number("capacity")).unwrap_or(0),
        leakspeed: shared("leak_speed"),
        events_count: i32::try_from(number("events_count")).unwrap_or(0),
        start_at: stamp("started_at"),
        stop_at,
        message: shared("message"),
        simulated: flag(row, "simulated"),
        remediation: flag(row, "remediation"),
        source: Source {
            scope: shared("source_scope"),
            value: shared("source_value"),
            ip: shared("source_ip"),
            range: shared("source_range"),
            cn: shared("source_country"),
            as_name: shared("source_as_name"),
            as_number: shared("source_as_number"),
            latitude: degrees("source_latitude"),
            longitude: degrees("source_longitude"),
        },
        events: Arc::new(events(database, id)?.into_iter().map(Listed::from).collect()),
        meta: meta(database, id)?,
        coordinates: Arc::default(),
        decisions: Vec::new(),
        nth: 0,
    })
}

fn events(database: &Connection, alert: i64) -> rusqlite::Result<Vec<AlertEvent>> {
    #[derive(serde::Deserialize)]
    struct Pair {
        #[serde(default)]
        key: Arc<str>,
        #[serde(default)]
        value: Arc<str>,
    }
    let query = "select * from events where alert_events = ? order by id";
    let mut statement = database.prepare_cached(query)?;
    let rows = statement.query_map([alert], |row| {
        let pairs: Vec<Pair> = serde_json::from_str(&text(row, "serialized")).unwrap_or_default();
        let timestamp = Stamp::utc_at(EventTime(time(row, "time"))).rfc3339_nano().into();
        let meta = pairs.into_iter().map(|pair| (pair.key, pair.value)).collect();
        Ok(AlertEvent { timestamp, meta })
    })?;
    rows.collect()
}

fn meta(database: &Connection, alert: i64) -> rusqlite::Result<Vec<(Arc<str>, Arc<str>)>> {
    let query = "select * from meta where alert_metas = ? order by id";
    let mut statement = database.prepare_cached(query)?;
    let rows = statement
        .query_map([alert], |row| Ok((text(row, "key").into(), text(row, "value").into())))?;
    rows.collect()
}

fn decisions(database: &Connection, of: &Alert, id: i64) -> rusqlite::Result<Vec<Decision>> {
    let query = "select * from decisions where alert_decisions = ? order by id";
    let mut statement = database.prepare_cached(query)?;
    let rows = statement.query_map([id], |row| {
        let shared = |name: &str| -> Arc<str> { text(row, name).into() };
        Ok(Decision {
            id: 0,
            origin: shared("origin"),
            kind: shared("type"),
            scope: shared("scope"),
            value: shared("value"),
            duration: "".into(),
            until: EventTime(time(row, "until")),
            scenario: shared("scenario"),
            simulated: flag(row, "simulated"),
        })
    })?;
    let named = rows.enumerate().map(|(index, row)| {
        row.map(|decision| Decision { id: of.decision_id("", index), ..decision })
    });
    named.collect()
}

fn text(row: &Row<'_>, name: &str) -> String {
    row.get::<_, Option<String>>(name).ok().flatten().unwrap_or_default()
}

fn flag(row: &Row<'_>, name: &str) -> bool {
    row.get::<_, Option<bool>>(name).ok().flatten().unwrap_or_default()
}

fn proof(row: &Row<'_>) -> Proof {
    if text(row, "auth_type") == "tls" { Proof::Tls } else { Proof::Secret }
}

fn features(row: &Row<'_>) -> Vec<String> {
    let all = text(row, "featureflags");
    all.split(',').filter(|flag| !flag.is_empty()).map(str::to_owned).collect()
}

/// A date as Go's SQLite driver writes it: `2026-11-21 03:18:04.948269663+00:00`. 0 where there is
/// none.
fn time(row: &Row<'_>, name: &str) -> i64 {
    parsed(&text(row, name)).unwrap_or(0)
}

fn parsed(text: &str) -> Option<i64> {
    // `… +0000 UTC m=+1.5` is what Go's own printing leaves behind.
    let mut words = text.split_whitespace();
    let (date, clock) = (words.next()?, words.next());
    let rfc3339 = match clock {
        None => date.to_owned(),
        Some(clock) => {
            let zone = clock.ends_with('Z') || clock.contains('+') || clock.contains('-');
            format!("{date}T{clock}{}", if zone { "" } else { "Z" })
        }
    };
    parse_rfc3339(&rfc3339).map(|stamp| stamp.at.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_both_drivers_are_read() {
        let at = parse_rfc3339("2026-11-21T03:18:04.5Z").unwrap().at.0;
        assert_eq!(parsed("2026-11-21 03:18:04.5+00:00"), Some(at));
        assert_eq!(parsed("2026-11-21 03:18:04.5 +0000 UTC"), Some(at));
        assert_eq!(parsed("2026-11-21T03:18:04.5Z"), Some(at));
        assert_eq!(parsed(""), None);
    }
}
