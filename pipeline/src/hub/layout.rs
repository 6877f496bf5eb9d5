//! Where rules are: a directory in the layout of a hub, an installed CrowdSec configuration, or
//! files inside the binary. All become the same list of found files.

use std::fs;
use std::path::{Path, PathBuf};

use operators::yaml::RuleError;

use super::found::{Found, Text};
use super::index::Index;
use super::installed::{self, CONFIG};
use super::item::ItemKind;
use super::text::{read_text, refused};

/// A place that rules come from.
#[derive(Clone, Debug)]
pub enum RuleSource {
    /// A hub or a configuration directory of CrowdSec.
    Directory(PathBuf),
    /// Files inside the binary: path in the layout of a hub, and text.
    Embedded(&'static [(&'static str, &'static str)]),
}

/// What a [`RuleSource`] holds, unread.
#[derive(Debug, Default)]
pub struct Layout {
    /// Items of all kinds, by path.
    pub files: Vec<Found>,
    /// What is known about them.
    pub index: Index,
    /// Directories of data files.
    pub data_dirs: Vec<PathBuf>,
    /// Data files inside the binary: name and text.
    pub embedded_data: Vec<(&'static str, &'static str)>,
    /// Grok pattern files, by name.
    pub patterns: Vec<PatternFile>,
    /// Profiles of an installed configuration.
    pub profiles: Option<PathBuf>,
    /// Simulation file of an installed configuration.
    pub simulation: Option<PathBuf>,
    /// Console context of an installed configuration.
    pub console_context: Option<PathBuf>,
    /// What could not be found or read.
    pub errors: Vec<RuleError>,
    /// What was left out.
    pub warnings: Vec<RuleError>,
}

/// A file of grok patterns.
#[derive(Clone, Debug)]
pub struct PatternFile {
    /// Its name; files are loaded in the order of names.
    pub name: String,
    /// Path for people.
    pub shown: String,
    /// Lines `NAME pattern`.
    pub text: String,
}

/// Deepest directory below a kind's: stage, author and some room.
const MAX_DEPTH: usize = 6;
impl RuleSource {
    /// Lists what is there.
    pub fn layout(&self) -> Layout {
        match self {
            Self::Embedded(files) => embedded(files),
            Self::Directory(directory) => match directory.join(CONFIG).is_file() {
                true => installed::layout(directory),
                false => hub(directory),
            },
        }
    }
}

fn embedded(files: &'static [(&'static str, &'static str)]) -> Layout {
    let mut layout = Layout::default();
    for (path, text) in files {
        let mut parts = path.splitn(3, '/');
        let (top, second) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if let Some(kind) = ItemKind::ALL.into_iter().find(|kind| kind.directory() == top) {
            let stage = if kind.has_stages() { second } else { "" };
            layout.files.push(Found {
                kind,
                stage: stage.to_owned(),
                path: (*path).to_owned(),
                shown: format!("built-in:{path}"),
                text: Text::Static(text),
            });
        } else if top == "patterns" {
            layout.patterns.push(PatternFile {
                name: second.to_owned(),
                shown: format!("built-in:{path}"),
                text: (*text).to_owned(),
            });
        } else if top == "data" {
            layout.embedded_data.push((path.get("data/".len()..).unwrap_or(""), text));
        }
    }
    layout
}

fn hub(directory: &Path) -> Layout {
    let mut layout = Layout::default();
    if let Err(error) = fs::read_dir(directory) {
        let shown = directory.display().to_string();
        layout.errors.push(refused(&shown, &error));
        return layout;
    }
    find_items(directory, &mut layout);
    if layout.files.is_empty() && layout.errors.is_empty() {
        let shown = directory.display().to_string();
        let error = RuleError::of_file(&shown, "no rules here");
        let help = "a rules directory holds parsers/<stage>/, scenarios/, postoverflows/<stage>/";
        layout.errors.push(error.with_help(help));
    }
    for name in ["index.json", ".index.json"] {
        let path = directory.join(name);
        if path.is_file() {
            read_index(&path, &mut layout);
            break;
        }
    }
    let data = directory.join("data");
    layout.data_dirs.extend(data.is_dir().then_some(data));
    let patterns = directory.join("patterns");
    if patterns.is_dir() {
        layout.read_patterns(&patterns);
    }
    layout
}

pub(super) fn read_index(path: &Path, layout: &mut Layout) {
    let shown = path.display().to_string();
    let index = fs::read_to_string(path).map_err(|error| error.to_string());
    match index.and_then(|text| Index::read(&text).map_err(|error| error.to_string())) {
        Ok(index) => layout.index = index,
        Err(error) => {
            let message = format!("index not read, versions are unknown: {error}");
            layout.warnings.push(RuleError::of_file(&shown, message));
        }
    }
}

pub(super) fn find_items(directory: &Path, layout: &mut Layout) {
    for kind in ItemKind::ALL {
        let top = directory.join(kind.directory());
        if !top.is_dir() {
            continue;
        }
        let relative = kind.directory().to_owned();
        if kind.has_stages() {
            for (name, path) in sorted_entries(&top, layout) {
                if path.is_dir() {
                    walk(&path, &format!("{relative}/{name}"), (kind, &name), layout);
                }
            }
        } else {
            walk(&top, &relative, (kind, ""), layout);
        }
    }
}

fn walk(directory: &Path, relative: &str, place: (ItemKind, &str), layout: &mut Layout) {
    if relative.split('/').count() > MAX_DEPTH {
        let shown = directory.display().to_string();
        layout.warnings.push(RuleError::of_file(&shown, "left out: nested too deep for rules"));
        return;
    }
    for (name, path) in sorted_entries(directory, layout) {
        let relative = format!("{relative}/{name}");
        let is_rule = [".yaml", ".yml"].iter().any(|suffix| name.ends_with(suffix));
        let shown = path.display().to_string();
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => walk(&path, &relative, place, layout),
            Ok(found) if is_rule && found.is_file() => layout.files.push(Found {
                kind: place.0,
                stage: place.1.to_owned(),
                path: relative,
                shown,
                text: Text::File(path),
            }),
            // CrowdSec's way to disable an item.
            Ok(_) if is_rule => {
                layout.warnings.push(RuleError::of_file(&shown, "left out: this is no file"));
            }
            Ok(_) => {}
            Err(error) if is_rule => layout.errors.push(unreadable(&path, &shown, &error)),
            Err(_) => {}
        }
    }
}

fn unreadable(path: &Path, shown: &str, error: &std::io::Error) -> RuleError {
    match fs::read_link(path) {
        Ok(target) => {
            let message = format!("this link leads to {}: {error}", target.display());
            RuleError::of_file(shown, message)
                .with_help("install the item again, or remove the link")
        }
        Err(_) => refused(shown, error),
    }
}

/// Entries of a directory by name; hidden ones and names that are no UTF-8 are left out.
fn sorted_entries(directory: &Path, layout: &mut Layout) -> Vec<(String, PathBuf)> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            let shown = directory.display().to_string();
            layout.errors.push(refused(&shown, &error));
            return Vec::new();
        }
    };
    let named = entries.filter_map(Result::ok);
    let named =
        named.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
    let mut named: Vec<_> = named.filter(|(name, _)| !name.starts_with('.')).collect();
    named.sort();
    named
}

impl Layout {
    /// Adds the grok pattern files of a directory: those whose name has no dot (crowdsec
    /// pkg/parser/unix_parser.go).
    pub fn read_patterns(&mut self, directory: &Path) {
        for (name, path) in sorted_entries(directory, self) {
            if name.contains('.') || !path.is_file() {
                continue;
            }
            let shown = path.display().to_string();
            match read_text(&path, &shown) {
                Ok(text) => self.patterns.push(PatternFile { name, shown, text }),
                Err(error) => self.errors.push(error),
            }
        }
        self.patterns.sort_by(|a, b| a.name.cmp(&b.name));
    }
}
