//! Reads configuration and acquisition files, with what is wrong with them: all of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use operators::yaml::{Reading, RuleError, Source, parse};

use super::acquisition::usual::usual;
use super::acquisition::{self, Acquired, Place};
use super::listeners::{self, Listener};
use super::sections::ROOT;
use super::settings::Settings;
use super::shared_files;
use super::values::{Values, tagged_map};
use crate::hub::environment::expand_and_tell;
use crate::hub::text::read_text;

/// Where a configuration is if nobody says.
pub const DIRECTORY: &str = "/etc/spillway";
/// Its name.
pub const FILE: &str = "spillway.yaml";
/// Acquisition files beside it.
const ACQUISITION: [&str; 2] = ["acquis.yaml", "acquis.d"];

/// A configuration with its sources.
#[derive(Debug)]
pub struct Loaded {
    /// What it means, as far as it is sound.
    pub settings: Settings,
    /// Sources of the configuration and of acquisition files, in this order.
    pub sources: Vec<Acquired>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    listeners: Vec<Listener>,
    /// What makes it unusable.
    pub errors: Vec<RuleError>,
    /// What works, but not as its author thinks.
    pub warnings: Vec<RuleError>,
}

/// Reads the configuration in `path`, or in [`DIRECTORY`] if there is one, or none at all; and the
/// acquisition files that it names. `$NAME` becomes what `environment` gives.
pub fn load(path: Option<&Path>, environment: &dyn Fn(&str) -> Option<String>) -> Loaded {
    let usual = Path::new(DIRECTORY).join(FILE);
    let path = path.map(Path::to_owned).or_else(|| usual.is_file().then_some(usual));
    let (mut errors, mut warnings, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let directory = match &path {
        Some(path) => directory_of(path),
        None => PathBuf::from(DIRECTORY),
    };
    let (name, (text, unset)) = match &path {
        Some(path) => {
            files.push(path.clone());
            let shown = path.display().to_string();
            let text = read_text(path, &shown).map_err(|error| errors.push(error));
            (shown, expand_and_tell(&text.unwrap_or_default(), environment))
        }
        None => (FILE.to_owned(), (String::new(), Vec::new())),
    };
    let source = Source::new(name, &text).with_unset(unset);
    let mut reading = Reading::new(&source);
    let documents = parse(&source);
    errors.extend(documents.errors);
    if let Some(second) = documents.nodes.get(1) {
        reading.refuse(second.at, "a configuration is one document");
    }
    let values = documents.nodes.first().and_then(|node| Values::read(node, &ROOT, &mut reading));
    let values = values.unwrap_or_else(|| Values::defaults(&ROOT, &mut reading));
    let settings = Settings::new(values, &directory, &mut reading);
    let sections = ["api", "metrics"].into_iter();
    let sections =
        sections.filter_map(|name| Listener::of_section(&settings.values, name, &reading));
    let written = settings.values.list("sources").iter();
    let written =
        written.filter_map(|(module, values)| Listener::of_source(module, values, &reading));
    let listeners = sections.chain(written).collect();
    errors.append(&mut reading.errors);
    warnings.append(&mut reading.warnings);
    let mut loaded =
        Loaded { sources: settings.sources.clone(), settings, files, listeners, errors, warnings };
    if !loaded.add_acquisition(environment) {
        loaded.add_usual();
    }
    loaded.errors.extend(listeners::clashes(&loaded.listeners));
    tell_apart(loaded.sources.iter_mut().map(|source| &mut source.name));
    let Settings { outputs, unparsed, .. } = &mut loaded.settings;
    tell_apart(outputs.iter_mut().chain(unparsed).map(|output| &mut output.name));
    loaded
}

/// Names are what the store knows sources and outputs by: of several with one, the later ones get a
/// number.
fn tell_apart<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        let count = known.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            *name = format!("{name}#{count}");
        }
    }
}

/// Relative paths begin where the file is, whatever directory the process is in.
fn directory_of(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.parent().map_or_else(PathBuf::new, Path::to_owned)
}

impl Loaded {
    /// Warns of files that several sources read. Files are looked for: not for every command.
    pub fn warn_of_shared_files(&mut self) {
        let file = self.files.first().cloned().unwrap_or_else(|| self.settings.directory.clone());
        self.warnings.extend(shared_files::warnings(&file, &self.sources));
    }

    /// Reads acquisition files; whether there were any, or the configuration says that there are none.
    fn add_acquisition(&mut self, environment: &dyn Fn(&str) -> Option<String>) -> bool {
        let before = self.files.len();
        let named = self.settings.acquisition.clone();
        let paths = named.unwrap_or_else(|| {
            let beside = ACQUISITION.map(|name| self.settings.directory.join(name));
            beside.into_iter().filter(|path| path.exists()).collect()
        });
        for path in paths {
            for path in self.files_of(&path) {
                self.add_file(&path, environment);
                self.files.push(path);
            }
        }
        self.files.len() > before || self.settings.acquisition.is_some()
    }

    /// Where nobody says what to read, the usual logs of this host are read.
    fn add_usual(&mut self) {
        let said = self.settings.values.entry("sources").is_some();
        if !said {
            self.sources = usual(Path::new("/"), self.settings.start);
        }
    }

    /// The files of a directory in CrowdSec's order, or the one file.
    fn files_of(&mut self, path: &Path) -> Vec<PathBuf> {
        if !path.is_dir() {
            return vec![path.to_owned()];
        }
        match listed(path) {
            Ok(files) => files,
            Err(error) => {
                let shown = path.display().to_string();
                self.errors.push(RuleError::of_file(&shown, error.to_string()));
                Vec::new()
            }
        }
    }

    fn add_file(&mut self, path: &Path, environment: &dyn Fn(&str) -> Option<String>) {
        let shown = path.display().to_string();
        let (text, unset) = match read_text(path, &shown) {
            Ok(text) => expand_and_tell(&text, environment),
            Err(error) => return self.errors.push(error),
        };
        let directory = directory_of(path);
        let place = Place { directory: &directory, start: self.settings.start };
        let source = Source::new(shown, &text).with_unset(unset);
        let documents = parse(&source);
        let mut reading = Reading::new(&source);
        let nodes = documents.nodes.iter();
        let nodes = nodes.filter(|node| !node.is_null());
        let mut read = |node| {
            let (module, values) = tagged_map(node, &acquisition::SOURCES, &mut reading)?;
            self.listeners.extend(Listener::of_source(module, &values, &reading));
            acquisition::of_values(module, &values, place, &mut reading)
        };
        self.sources.extend(nodes.filter_map(&mut read));
        self.errors.extend(documents.errors);
        self.errors.append(&mut reading.errors);
        self.warnings.append(&mut reading.warnings);
    }
}

/// `*.yaml` by name, then `*.yml` (crowdsec pkg/csconfig/crowdsec_service.go).
fn listed(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let rank = match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml") => 0,
            Some("yml") => 1,
            _ => continue,
        };
        found.push((rank, path));
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
