//! What a live run leaves in its store, looked at, checked, and carried elsewhere.

use std::collections::BTreeSet;
use std::path::Path;

use pipeline::emit::Tray;
use pipeline::live::names::Names;
use pipeline::live::record;
use pipeline::state::{Budget, Family, Store};
use pipeline::stored::buckets::{self, Named};
use pipeline::stored::{transfer, verify};

use crate::world::{Way, check_same, logs, outbox, run, told};

/// Damaged records of each family.
const DAMAGES: usize = 6;

fn live(folder: &Path) -> Vec<Named> {
    let store = Store::open_to_look(folder).unwrap();
    let mut all = Vec::new();
    buckets::each(&store, &|_, _| true, &mut |named| all.push(named)).unwrap();
    all
}

#[test]
fn live_buckets_are_shown_with_their_events() {
    let logs = logs(1, 2000);
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &logs, Way::default(), None);
    let all = live(folder.path());
    assert!(!all.is_empty());
    let store = Store::open_to_look(folder.path()).unwrap();
    let names = Names::of(&store).unwrap();
    let mut scenarios = BTreeSet::new();
    for named in &all {
        let events = buckets::events(&store, &names, &named.bucket).unwrap();
        assert_eq!(events.len(), named.bucket.events.len(), "{named:?}");
        assert!(named.scenario.contains('/'), "{}", named.scenario);
        scenarios.insert(named.scenario.clone());
        for event in events {
            let line = &logs[0].1[usize::try_from(event.at.position).unwrap()];
            let ip = event.fields.iter().find(|(name, _)| name == "Meta.source_ip");
            assert!(line.contains(&ip.unwrap().1), "{line} has {ip:?}");
            let path = event.fields.iter().find(|(name, _)| name == "Meta.datasource_path");
            assert_eq!(path.unwrap().1, logs[0].0);
        }
    }
    assert!(scenarios.len() > 1, "{scenarios:?}");
}

#[test]
fn an_export_goes_on_elsewhere() {
    let logs = logs(3, 2000);
    let whole = tempfile::tempdir().unwrap();
    run(whole.path(), &logs, Way::default(), None);
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(first.path(), &logs, Way::default(), Some(3));
    let mut text = Vec::new();
    let exported =
        transfer::export(&Store::open_to_look(first.path()).unwrap(), &mut text).unwrap();
    {
        let store = Store::open(second.path(), Budget::default()).unwrap();
        assert_eq!(transfer::import(&mut &*text, &store).unwrap(), exported);
    }
    check_same(&live(second.path()), &live(first.path()));
    run(second.path(), &logs, Way::default(), None);
    check_same(&outbox(second.path(), &logs), &outbox(whole.path(), &logs));
    let damaged = String::from_utf8(text).unwrap().replacen("\"value\":\"", "\"value\":\"!", 1);
    let third = tempfile::tempdir().unwrap();
    let store = Store::open(third.path(), Budget::default()).unwrap();
    let error = transfer::import(&mut damaged.as_bytes(), &store).unwrap_err();
    assert!(error.to_string().starts_with("line 2: "), "{error}");
}

#[test]
fn damage_is_named() {
    let logs = logs(1, 2000);
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &logs, Way::default(), None);
    assert!(!told(folder.path()).is_empty());
    let found = verify::verify(&Store::open_to_look(folder.path()).unwrap());
    assert!(found.iter().all(|one| one.faulty == 0), "{found:?}");
    for family in ["buckets", "lanes", "alerts", "decisions", "outbox", "meta"] {
        assert!(found.iter().any(|one| one.family == family && one.records > 0), "{family}");
    }
    // Opened once more, the log becomes files: break one in its middle.
    drop(Store::open(folder.path(), Budget::default()).unwrap());
    let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let tables = files.filter(|path| path.extension().is_some_and(|ext| ext == "sst"));
    let largest = tables.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    bytes[100] ^= 0x55;
    std::fs::write(&largest, bytes).unwrap();
    let found = verify::verify(&Store::open_to_look(folder.path()).unwrap());
    let faults: Vec<_> = found.iter().flat_map(|one| &one.faults).collect();
    assert!(faults.iter().any(|fault| fault.contains(".sst")), "{faults:?}");
}

/// Damages a value: a byte is another, is gone or is too much, or the end is gone.
fn damage(value: &mut Vec<u8>, random: &mut impl FnMut(usize) -> usize) {
    let at = random(value.len().max(1));
    match random(4) {
        0 if !value.is_empty() => value[at] ^= 1 << random(8),
        1 if !value.is_empty() => drop(value.remove(at)),
        2 => value.truncate(at),
        _ => value.insert(at.min(value.len()), random(256).to_le_bytes()[0]),
    }
}

/// RocksDB checks its blocks; what is wrong inside of them is our own fault, and no panic.
#[test]
fn no_record_brings_down_who_reads_it() {
    let logs = logs(1, 2000);
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &logs, Way::default(), None);
    let store = Store::open(folder.path(), Budget::default()).unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let (mut faulty, mut damaged) = (0, 0);
    for family in Family::ALL {
        let all: Vec<_> = store.scan(*family, &[]).map(|entry| entry.unwrap()).collect();
        for _ in 0..if all.is_empty() { 0 } else { DAMAGES } {
            let (key, value) = &all[random(all.len())];
            let mut other = value.to_vec();
            damage(&mut other, &mut random);
            let mut batch = store.batch();
            batch.put(*family, key, &other);
            store.commit(batch).unwrap();
            damaged += 1;
            faulty += verify::verify(&store).iter().map(|one| one.faulty).sum::<u64>();
            // Each of these says what is wrong or leaves it out.
            let names = Names::of(&store);
            let _ = (record::sources(&store), record::present(&store), record::outbox_name(&store));
            for tray in [Tray::Results, Tray::Unparsed] {
                let _ = (record::next_message(&store, tray), record::told(&store, tray, 0).count());
            }
            let mut visit = |named: Named| {
                if let Ok(names) = &names {
                    let _ = buckets::events(&store, names, &named.bucket);
                }
            };
            let _ = buckets::each(&store, &|_, _| true, &mut visit);
            let mut batch = store.batch();
            batch.put(*family, key, value);
            store.commit(batch).unwrap();
        }
    }
    assert!(faulty > damaged / 4, "of {damaged} damaged records {faulty} were found");
    assert!(verify::verify(&store).iter().all(|one| one.faulty == 0));
}
