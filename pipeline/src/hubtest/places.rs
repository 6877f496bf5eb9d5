//! Where a hub, its tests, its patterns and its data are.

use std::fs;
use std::path::{Path, PathBuf};

use super::TestConfig;
use crate::hub::RuleSource;
use crate::hub::index::Index;
use crate::hub::layout::Layout;
use crate::hub::text::{read_text, refused};
use operators::grok::Library;
use operators::yaml::RuleError;

/// The directories of a test run.
#[derive(Debug)]
pub struct Places {
    /// The hub.
    pub hub: PathBuf,
    /// Tests of logs.
    pub tests: PathBuf,
    /// Tests of the WAF.
    pub appsec_tests: PathBuf,
    /// Data files.
    pub data: PathBuf,
    /// Data files of tests that bring their own; the others are those of `data`.
    pub data_own: PathBuf,
    /// What the hub knows of its items.
    pub index: Index,
    /// Grok patterns that rules may name.
    pub patterns: Library,
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// Name of its directory.
    pub name: String,
    /// The directory.
    pub path: PathBuf,
}

/// Directories that differ from the usual ones.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Grok pattern files.
    pub patterns: Option<PathBuf>,
    /// Data files.
    pub data: Option<PathBuf>,
    /// Data files of tests that bring their own.
    pub data_own: Option<PathBuf>,
}

impl Places {
    /// Finds the places around a hub: patterns and data are its siblings unless they are given.
    ///
    /// # Errors
    /// There is no hub, or its index or patterns cannot be read.
    pub fn of_hub(hub: &Path, overrides: Overrides) -> Result<Self, RuleError> {
        let shown = hub.display().to_string();
        let absolute = std::path::absolute(hub);
        let hub = absolute.map_err(|error| RuleError::of_file(&shown, error.to_string()))?;
        if !hub.is_dir() {
            return Err(RuleError::of_file(&shown, "no hub here")
                .with_help("--hub names a checkout: parsers/, scenarios/, .tests/, .index.json"));
        }
        let beside = |name: &str| {
            let inside = hub.join(name);
            let sibling = hub.parent().map(|parent| parent.join(name));
            sibling.filter(|path| path.is_dir()).unwrap_or(inside)
        };
        let tests = |hidden: &str, plain: &str| {
            let path = link(&hub, hidden).unwrap_or_else(|| beside(plain));
            let hidden = hub.join(hidden);
            if path.is_dir() || hidden.exists() { path } else { hidden }
        };
        let mut layout = Layout::default();
        let patterns = overrides.patterns.unwrap_or_else(|| beside("patterns"));
        if patterns.is_dir() {
            layout.read_patterns(&patterns);
        }
        if let Some(error) = layout.errors.into_iter().next() {
            return Err(error);
        }
        let mut library = Library::standard().remembering();
        let files: Vec<_> =
            layout.patterns.iter().map(|file| (file.name.as_str(), file.text.as_str())).collect();
        library.load(&files).map_err(|refused| {
            RuleError::of_file(&patterns.display().to_string(), refused.to_string())
        })?;
        Ok(Self {
            tests: tests(".tests", "tests"),
            appsec_tests: tests(".appsec-tests", "appsec-tests"),
            data: overrides.data.unwrap_or_else(|| beside("data")),
            data_own: overrides.data_own.unwrap_or_else(|| beside("data-own")),
            index: index(&hub)?,
            patterns: library,
            hub,
        })
    }

    /// The tests by name: those of logs, then those of the WAF.
    ///
    /// # Errors
    /// The directory of the tests cannot be read.
    pub fn all(&self) -> Result<Vec<Test>, RuleError> {
        let mut all = tests_in(&self.tests)?;
        if self.appsec_tests.is_dir() {
            all.extend(tests_in(&self.appsec_tests)?);
        }
        Ok(all)
    }

    /// A test by name.
    ///
    /// # Errors
    /// There is no such test; names the nearest one.
    pub fn test(&self, name: &str) -> Result<Test, RuleError> {
        let plain = !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
        let paths = [&self.tests, &self.appsec_tests].map(|place| place.join(name));
        if let Some(path) = paths.into_iter().find(|path| plain && path.is_dir()) {
            return Ok(Test { name: name.to_owned(), path });
        }
        let all = self.all().unwrap_or_default();
        let near = operators::yaml::nearest(name, all.iter().map(|test| test.name.as_str()));
        let error = RuleError::of_file(name, "there is no such test");
        Err(error.with_suggestion(near.map(|near| format!("did you mean `{near}`?"))))
    }

    /// A file that a test names relative to the hub.
    pub(super) fn hub_path(&self, relative: &Path) -> PathBuf {
        // The tests may not be where the hub's link says.
        match relative.strip_prefix(".tests") {
            Ok(rest) if !self.hub.join(".tests").is_dir() => self.tests.join(rest),
            _ => self.hub.join(relative),
        }
    }
}

impl Test {
    /// Its configuration.
    ///
    /// # Errors
    /// As [`TestConfig::read`].
    pub fn config(&self) -> Result<TestConfig, RuleError> {
        TestConfig::read(&self.path.join("config.yaml"))
    }

    /// What it asserts about parsers.
    pub fn parser_assertions(&self) -> PathBuf {
        self.path.join("parser.assert")
    }

    /// What it asserts about scenarios.
    pub fn scenario_assertions(&self) -> PathBuf {
        self.path.join("scenario.assert")
    }
}

/// A directory of the hub that may be a link, also one that was checked out as a text.
fn link(hub: &Path, name: &str) -> Option<PathBuf> {
    let path = hub.join(name);
    if path.is_dir() {
        return Some(path);
    }
    let target = fs::read_to_string(path).ok()?;
    let target = hub.join(target.trim_end());
    target.is_dir().then(|| target.canonicalize().unwrap_or(target))
}

fn index(hub: &Path) -> Result<Index, RuleError> {
    let paths = ["index.json", ".index.json"].map(|name| hub.join(name));
    if let Some(path) = paths.iter().find(|path| path.is_file()) {
        let shown = path.display().to_string();
        let text = read_text(path, &shown)?;
        return Index::read(&text).map_err(|error| RuleError::of_file(&shown, error.to_string()));
    }
    // Without an index the names are those that the paths say.
    let layout = RuleSource::Directory(hub.to_owned()).layout();
    Ok(Index::of_files(&layout.files))
}

fn tests_in(directory: &Path) -> Result<Vec<Test>, RuleError> {
    let shown = directory.display().to_string();
    let entries = fs::read_dir(directory).map_err(|error| refused(&shown, &error))?;
    let tests = entries.filter_map(Result::ok).filter_map(|entry| {
        let path = entry.path();
        let name = entry.file_name().into_string().ok()?;
        (path.is_dir() && !name.starts_with('.')).then_some(Test { name, path })
    });
    let mut tests: Vec<_> = tests.collect();
    tests.sort();
    Ok(tests)
}
