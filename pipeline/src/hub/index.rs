//! The index of a hub (`index.json`, `.index.json`): names, versions and members of its items.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::found::Found;
use super::item::ItemKind;

/// What an index says, by kind and name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Index {
    kinds: BTreeMap<String, BTreeMap<String, Entry>>,
}

/// One item of an index. Texts that the index repeats (content, description) are not read.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Entry {
    /// Path relative to the hub.
    #[serde(default)]
    pub path: String,
    /// Stage of a parser or postoverflow.
    #[serde(default)]
    pub stage: String,
    /// Newest version.
    #[serde(default)]
    pub version: String,
    /// Digests of all versions.
    #[serde(default)]
    pub versions: BTreeMap<String, Version>,
}

/// A published version of an item.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Version {
    /// SHA-256 of the file.
    #[serde(default)]
    pub digest: String,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// What serde says about JSON that is no index.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// An index of files, for a hub that has none: items are named after their paths.
    pub fn of_files(files: &[Found]) -> Self {
        let mut index = Self::default();
        for file in files {
            let items = index.kinds.entry(file.kind.directory().to_owned()).or_default();
            let (path, stage) = (file.path.clone(), file.stage.clone());
            items.insert(file.path_name(), Entry { path, stage, ..Entry::default() });
        }
        index
    }

    /// Names of all items of a kind.
    pub fn names(&self, kind: ItemKind) -> impl Iterator<Item = &str> {
        self.kinds.get(kind.directory()).into_iter().flatten().map(|(name, _)| name.as_str())
    }

    /// An item by name.
    pub fn entry(&self, kind: ItemKind, name: &str) -> Option<&Entry> {
        self.kinds.get(kind.directory())?.get(name)
    }

    /// Names by path, for all items of a kind.
    pub fn names_by_path(&self, kind: ItemKind) -> BTreeMap<&str, &str> {
        let entries = self.kinds.get(kind.directory()).into_iter().flatten();
        entries.map(|(name, entry)| (entry.path.as_str(), name.as_str())).collect()
    }

    /// The version of an item with this digest: see [`super::item::Item::version`].
    pub fn version(&self, kind: ItemKind, name: &str, digest: &str) -> String {
        let Some(entry) = self.entry(kind, name) else { return String::new() };
        if entry.versions.is_empty() {
            // A short index without digests: there is nothing to check the content against.
            return entry.version.clone();
        }
        let mut versions = entry.versions.iter();
        let found = versions.find(|(_, version)| version.digest.eq_ignore_ascii_case(digest));
        found.map_or_else(|| "?".to_owned(), |(number, _)| number.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_one_with_the_digest() {
        let text = r#"{"scenarios": {"a/b": {"path": "scenarios/a/b.yaml", "version": "0.2",
            "versions": {"0.1": {"digest": "AB"}, "0.2": {"digest": "cd"}}},
            "a/c": {"path": "scenarios/a/c.yaml", "version": "1.5", "labels": null}}}"#;
        let index = Index::read(text).unwrap();
        assert_eq!(index.version(ItemKind::Scenario, "a/b", "ab"), "0.1");
        assert_eq!(index.version(ItemKind::Scenario, "a/b", "ee"), "?");
        assert_eq!(index.version(ItemKind::Scenario, "a/c", "ee"), "1.5");
        assert_eq!(index.version(ItemKind::Scenario, "x/y", "ee"), "");
        assert_eq!(index.names_by_path(ItemKind::Scenario)["scenarios/a/c.yaml"], "a/c");
    }
}
