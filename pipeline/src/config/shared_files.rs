//! Files that several sources read: each of their lines counts as often as it is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use connectors::file::File;
use operators::yaml::RuleError;

use super::acquisition::{Acquired, Connector};

/// A warning for every two sources that read a file which is there now.
pub(super) fn warnings(configuration: &Path, sources: &[Acquired]) -> Vec<RuleError> {
    // By two sources: the first file, and how many.
    let mut shared: BTreeMap<(&str, &str), (PathBuf, usize)> = BTreeMap::new();
    let mut readers: BTreeMap<PathBuf, &str> = BTreeMap::new();
    for Acquired { name, connector, .. } in sources {
        let Connector::File(config) = connector else { continue };
        // One that cannot be made was refused.
        let Ok(source) = File::new(config.clone()) else { continue };
        for path in source.files() {
            match readers.get(&path) {
                Some(first) => shared.entry((first, name)).or_insert((path, 0)).1 += 1,
                None => drop(readers.insert(path, name)),
            }
        }
    }
    let shown = configuration.display().to_string();
    let warning = |((first, second), (path, count)): ((&str, &str), (PathBuf, usize))| {
        let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        let path = path.display();
        let message =
            format!("sources {first} and {second} both read {path}{more}: each line counts twice");
        RuleError::of_file(&shown, message)
            .with_help("leave it out of one of them, as by `exclude_regexps`")
    };
    shared.into_iter().map(warning).collect()
}
