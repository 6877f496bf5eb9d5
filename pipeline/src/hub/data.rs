//! Data files of the rules: which are wanted, and where they are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use operators::parse::spec::DataSpec;

use super::load::RuleSet;

/// A data file that rules want.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name in expressions.
    pub name: String,
    /// `string`, `regexp`, `regex`, `map`, `bots` or another.
    pub kind: String,
    /// Where it could be fetched, "" where nowhere.
    pub source_url: String,
    /// Names of the items that want it.
    pub users: Vec<Arc<str>>,
    /// Where it is.
    pub place: Place,
}

/// Where a data file is.
#[derive(Clone, Debug)]
pub enum Place {
    /// On disk.
    File(PathBuf),
    /// Inside the binary.
    Embedded(&'static str),
    /// Nowhere: its list is empty, as with CrowdSec.
    Missing,
}

impl RuleSet {
    /// The data files that the rules want, by name and type.
    pub fn data_files(&self) -> Vec<Wanted> {
        let mut files: BTreeMap<(String, String), Wanted> = BTreeMap::new();
        for file in self.parsers.iter().chain(&self.postoverflows) {
            for spec in file.nodes.iter().flat_map(|node| &node.data) {
                self.want(spec, &file.item.name, &mut files);
            }
        }
        for scenario in &self.scenarios {
            for spec in &scenario.spec.data {
                self.want(spec, &scenario.item.name, &mut files);
            }
        }
        files.into_values().collect()
    }

    fn want(
        &self,
        spec: &DataSpec,
        user: &Arc<str>,
        files: &mut BTreeMap<(String, String), Wanted>,
    ) {
        let (name, kind) = (spec.dest_file.value.clone(), spec.kind.value.clone());
        let wanted = files.entry((name.clone(), kind.clone())).or_insert_with(|| Wanted {
            place: self.place(&name),
            name,
            kind,
            source_url: spec.source_url.clone(),
            users: Vec::new(),
        });
        if !wanted.users.contains(user) {
            wanted.users.push(Arc::clone(user));
        }
    }

    /// Where a data file of this name is. A name never leads out of the data directories.
    pub fn place(&self, name: &str) -> Place {
        let inside = !name.starts_with('/') && name.split('/').all(|part| part != "..");
        let mut paths = self.data_dirs.iter().map(|directory| directory.join(name));
        if let Some(path) = paths.find(|path| inside && path.is_file()) {
            return Place::File(path);
        }
        let embedded = self.embedded_data.iter().find(|(known, _)| *known == name);
        embedded.map_or(Place::Missing, |(_, text)| Place::Embedded(text))
    }
}
