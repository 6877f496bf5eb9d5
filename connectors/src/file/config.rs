//! What a `file` source is told. Built by whoever reads the configuration; checked when the source
//! is made.

use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::discover::Selection;
use super::pattern::{Pattern, PatternError};

/// Which files to read, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// Paths or patterns as Go's `filepath.Glob` takes them, and `**` for any directories. Relative
    /// ones begin in the working directory.
    pub patterns: Vec<String>,
    /// Regular expressions: a path in which one of them is found is not read.
    pub exclude: Vec<String>,
    /// Whether files are followed. Default: they are.
    pub mode: Mode,
    /// Where a file is begun that is there when a pattern is used for the first time. Files that
    /// appear later are read from their beginning. Default: at its end.
    pub start: Start,
    /// How changes are noticed. Default: as the file system allows.
    pub watching: Watching,
    /// How often files are looked at whose changes the kernel does not tell. Longer where looking
    /// would cost a twentieth of a processor. Default: 250 ms.
    pub poll_interval: Duration,
    /// How often the patterns are walked again, for what was not told. Default: 30 s.
    pub discovery_interval: Duration,
    /// Directories besides its own in which rotated parts of a file are looked for.
    pub rotated_in: Vec<PathBuf>,
    /// How long a rotated file must be silent before the file that took its place is read, once that
    /// has lines. Default: 1 s.
    pub rotation_grace: Duration,
    /// How long a last line without a line end waits for it. Default: until the file is rotated,
    /// since programs write in blocks that end within lines.
    pub idle: Option<Duration>,
    /// How many files are open at once. Default: 1000.
    pub max_open: usize,
    /// Longest line; what is longer is counted and left out. Default: 1 MiB. Unit: bytes.
    pub max_line: usize,
    /// How much text waits to be kept, of all files together; every file has room for a few lines at
    /// least. Default: 64 MiB. Unit: bytes.
    pub memory: usize,
}

/// Whether files are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For ever, through rotations.
    Tail,
    /// Each is read once, archives too; then the source ends.
    Cat,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first line.
    Beginning,
    /// Behind the last line.
    End,
}

/// How changes are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// The kernel tells of local files; those of network file systems are looked at.
    Auto,
    /// All are looked at.
    Poll,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            patterns: Vec::new(),
            exclude: Vec::new(),
            mode: Mode::Tail,
            start: Start::End,
            watching: Watching::Auto,
            poll_interval: Duration::from_millis(250),
            discovery_interval: Duration::from_secs(30),
            rotated_in: Vec::new(),
            rotation_grace: Duration::from_secs(1),
            idle: None,
            max_open: 1000,
            max_line: 1 << 20,
            memory: 64 << 20,
        }
    }
}

/// Why there can be no such source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is nothing to read.
    #[error("a file source needs at least one path or pattern")]
    Empty,
    /// A pattern that is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// An exclusion that is no regular expression.
    #[error("exclude_regexps hold something that is no regular expression")]
    Exclude(#[source] regex::Error),
}

impl Config {
    pub(super) fn selection(&self) -> Result<Selection, ConfigError> {
        if self.patterns.is_empty() {
            return Err(ConfigError::Empty);
        }
        let patterns = self.patterns.iter().map(|text| Pattern::new(&absolute(text)));
        let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
        let exclude: RegexSet =
            RegexSetBuilder::new(&self.exclude).build().map_err(ConfigError::Exclude)?;
        Ok(Selection::new(patterns, exclude))
    }
}

fn absolute(pattern: &str) -> String {
    if Path::new(pattern).is_absolute() {
        return pattern.to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    format!("{}/{pattern}", here.display())
}
