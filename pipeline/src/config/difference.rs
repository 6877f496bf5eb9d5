//! What two configurations differ in, for who changes one under a running service: its rules are taken
//! up, everything else waits for a restart.

use super::load::Loaded;
use super::values::{Value, Values};

/// What a running service takes up by itself.
const TAKEN_UP: [&str; 1] = ["rules"];
/// The keys whose meaning acquisition files change.
const SOURCES: &str = "sources";

/// The keys at the top that mean something else in `new` and are not taken up while the service runs;
/// `sources` where acquisition files changed.
pub fn waiting(old: &Loaded, new: &Loaded) -> Vec<&'static str> {
    let mut keys = changed(&old.settings.values, &new.settings.values);
    keys.retain(|key| !TAKEN_UP.contains(key));
    // How a source is meant shows everything that it is told.
    let meant = |loaded: &Loaded| format!("{:?}", loaded.sources);
    if !keys.contains(&SOURCES) && meant(old) != meant(new) {
        keys.push(SOURCES);
    }
    keys
}

/// Keys with different values, in their order.
fn changed(old: &Values, new: &Values) -> Vec<&'static str> {
    let differs = |name: &&str| match (old.entry(name), new.entry(name)) {
        (Some(old), Some(new)) => !same(&old.value, &new.value),
        (None, None) => false,
        _ => true,
    };
    new.section.keys().map(|key| key.name).filter(differs).collect()
}

/// Whether values are the same, wherever they stand.
fn same(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Text(old), Value::Text(new)) => old == new,
        (Value::Flag(old), Value::Flag(new)) => old == new,
        (Value::Count(old), Value::Count(new)) => old == new,
        (Value::Duration(old), Value::Duration(new)) => old == new,
        (Value::Texts(old), Value::Texts(new)) => {
            old.iter().map(|text| &text.value).eq(new.iter().map(|text| &text.value))
        }
        (Value::Networks(old), Value::Networks(new)) => old == new,
        (Value::Counts(old), Value::Counts(new)) => old == new,
        (Value::Pairs(old), Value::Pairs(new)) => old == new,
        (Value::Section(old), Value::Section(new)) => changed(old, new).is_empty(),
        (Value::List(old), Value::List(new)) => {
            let same = |((old_kind, old), (new_kind, new)): (&(_, Values), &(_, Values))| {
                old_kind == new_kind && changed(old, new).is_empty()
            };
            old.len() == new.len() && old.iter().zip(new).all(same)
        }
        _ => false,
    }
}
