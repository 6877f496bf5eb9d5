//! From the names of a test's configuration to its rules: items of the index, or files of the hub
//! or of the test itself (crowdsec pkg/hubtest, `installParser` and its like).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use operators::parse::spec::NodeSpec;
use operators::yaml::{Located, RuleError};

use super::{Places, Test, TestConfig};
use crate::hub::found::{Found, Text};
use crate::hub::{Item, ItemKind, NodeFile, RuleSet};

/// Where installed items stand: kind, stage, name of the file. The author is dropped.
type Slot = (ItemKind, String, String);

/// What a test installs.
#[derive(Debug, Default)]
struct Installed {
    /// Files with the names of their items.
    files: BTreeMap<Slot, (Found, String)>,
    /// Paths of items of the tests themselves, which are not of the hub.
    local: BTreeSet<String>,
}

/// The rules of a test, as written.
///
/// # Errors
/// An item is not there.
pub(super) fn install(
    places: &Places,
    test: &Test,
    config: &TestConfig,
) -> Result<RuleSet, RuleError> {
    let mut installed = Installed::default();
    let kinds = [
        (ItemKind::Parser, &config.parsers),
        (ItemKind::Scenario, &config.scenarios),
        (ItemKind::Postoverflow, &config.postoverflows),
    ];
    for (kind, names) in kinds {
        for name in names {
            installed.item(places, test, (kind, name))?;
        }
    }
    let mut set = RuleSet::default();
    for (found, name) in installed.files.values() {
        set.add_file(found, name, Some(&places.index));
    }
    set.scenarios.sort_by(|a, b| a.spec.name.value.cmp(&b.spec.name.value));
    override_statics(&mut set, config);
    set.data_dirs = vec![places.data.clone()];
    if config.own_data_dir || brings_data(&set, &installed.local) {
        // Items that a test brings along fetch other content under the names of the hub's files.
        set.data_dirs.insert(0, places.data_own.clone());
    }
    Ok(set)
}

impl Installed {
    fn item(
        &mut self,
        places: &Places,
        test: &Test,
        (kind, name): (ItemKind, &str),
    ) -> Result<(), RuleError> {
        if let Some(entry) = places.index.entry(kind, name) {
            let path = places.hub_path(Path::new(&entry.path));
            let found = found(kind, entry.stage.clone(), &entry.path, path);
            // Of two items with one file name the first stays: a link is there already.
            self.files.entry(slot(&found)).or_insert((found, name.to_owned()));
            return Ok(());
        }
        let relative = relative(name);
        let in_hub = places.hub_path(&relative);
        let path = if in_hub.is_file() { in_hub } else { test.path.join(&relative) };
        if !path.is_file() {
            let error = RuleError::of_file(&test.path.display().to_string(), {
                format!("{} `{name}` is neither in the hub's index nor a file", kind.noun())
            });
            return Err(error.with_help(format!(
                "give an item's name, or a path relative to {} or to the test",
                places.hub.display()
            )));
        }
        let stage = if kind.has_stages() { stage_of(&path) } else { String::new() };
        let local = [&places.tests, &test.path].iter().any(|within| path.starts_with(within));
        let found = found(kind, stage, &relative.to_string_lossy(), path);
        if local {
            self.local.insert(found.shown.clone());
        }
        let name = found.path_name();
        // A copy replaces what a link led to.
        self.files.insert(slot(&found), (found, name));
        Ok(())
    }
}

/// Whether an item at one of these paths wants data files.
fn brings_data(set: &RuleSet, paths: &BTreeSet<String>) -> bool {
    let nodes = set.parsers.iter().chain(&set.postoverflows);
    let nodes = nodes.map(|file| (&file.item, file.nodes.iter().any(|node| !node.data.is_empty())));
    let scenarios = set.scenarios.iter();
    let scenarios = scenarios.map(|scenario| (&scenario.item, !scenario.spec.data.is_empty()));
    nodes.chain(scenarios).any(|(item, wants)| wants && paths.contains(&*item.path))
}

fn found(kind: ItemKind, stage: String, relative: &str, path: PathBuf) -> Found {
    let shown = path.display().to_string();
    Found { kind, stage, path: relative.to_owned(), shown, text: Text::File(path) }
}

fn slot(found: &Found) -> Slot {
    (found.kind, found.stage.clone(), found.basename().to_owned())
}

/// A path as written, joined under another: a leading `/` means nothing.
fn relative(name: &str) -> PathBuf {
    let parts = Path::new(name).components();
    parts.filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir)).collect()
}

/// The stage of a file in `<stage>/<author>/x.yaml`.
fn stage_of(path: &Path) -> String {
    let stage = path.parent().and_then(Path::parent).and_then(Path::file_name);
    stage.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The statics that a test wants before anything else: a node in the first file of `s00-raw`.
fn override_statics(set: &mut RuleSet, config: &TestConfig) {
    let Some(source) = &config.source else { return };
    let Some(first) = config.override_statics.first() else { return };
    const STAGE: &str = "s00-raw";
    const FILE: &str = "00_overrides.yaml";
    let item = Item {
        kind: ItemKind::Parser,
        name: FILE.into(),
        stage: STAGE.into(),
        path: Arc::clone(source.name()),
        version: "".into(),
        hash: "".into(),
    };
    let node = NodeSpec {
        at: first.at,
        name: Located::new("overrides".into(), first.at),
        statics: config.override_statics.clone(),
        ..NodeSpec::default()
    };
    let file = NodeFile { item: Arc::new(item), source: Arc::clone(source), nodes: vec![node] };
    let place = set.parsers.iter().position(|other| {
        let name = other.item.path.rsplit('/').next().unwrap_or("");
        (&*other.item.stage, name) > (STAGE, FILE)
    });
    set.parsers.insert(place.unwrap_or(set.parsers.len()), file);
}
