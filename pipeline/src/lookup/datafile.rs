//! Data files of rules: lists of texts, of expressions, maps and known bots. Source: crowdsec
//! `pkg/exprhelpers/{helpers,filemap}.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use operators::value::{ListKind, MapKind, Value};
use operators::yaml::{RuleError, Source};
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::bots::Bot;

/// Bytes that a compiled file may take: a file of 1,000 expressions with classes needs some 20 MB.
const SIZE_LIMIT: usize = 256 << 20;

/// What a data file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileType {
    /// `string`: a text a line.
    Lines,
    /// `regex`, `regexp`: an expression a line.
    Patterns,
    /// `map`: a JSON object with `pattern`, `tag` and `type` a line.
    Map,
    /// `bots`: a JSON object a line.
    Bots,
}

impl FileType {
    /// The type of that name; `None` for "", which is not loaded.
    ///
    /// # Errors
    /// The name is no type.
    pub fn named(file: &str, name: &str) -> Result<Option<Self>, FileError> {
        Ok(Some(match name {
            "" => return Ok(None),
            "string" => Self::Lines,
            "regex" | "regexp" => Self::Patterns,
            "map" => Self::Map,
            "bots" => Self::Bots,
            _ => {
                return Err(FileError::Type { file: file.to_owned(), name: name.to_owned() });
            }
        }))
    }
}

/// Why a data file was not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is there and cannot be read.
    #[error("read data file {file}")]
    Read {
        /// Its name.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Its type does not exist.
    #[error("data file {file}: no type {name:?} (there are string, regexp, map and bots)")]
    Type {
        /// Name of the file.
        file: String,
        /// The type as written.
        name: String,
    },
    /// All expressions together are too much.
    #[error("data file {file}: {reason}")]
    TooLarge {
        /// Name of the file.
        file: String,
        /// What the engine says.
        reason: String,
    },
}

/// All data files that were loaded, by name.
#[derive(Debug, Default)]
pub(super) struct Files {
    lines: BTreeMap<String, Value>,
    patterns: BTreeMap<String, RegexSet>,
    maps: BTreeMap<String, RowMap>,
    bots: BTreeMap<String, Vec<Bot>>,
}

impl Files {
    pub(super) fn knows(&self, name: &str, kind: FileType) -> bool {
        match kind {
            FileType::Lines => self.lines.contains_key(name),
            FileType::Patterns => self.patterns.contains_key(name),
            FileType::Map => self.maps.contains_key(name),
            FileType::Bots => self.bots.contains_key(name),
        }
    }

    pub(super) fn lines(&self, name: &str) -> Option<&Value> {
        self.lines.get(name)
    }

    pub(super) fn patterns(&self, name: &str) -> Option<&RegexSet> {
        self.patterns.get(name)
    }

    pub(super) fn map(&self, name: &str) -> Option<&RowMap> {
        self.maps.get(name)
    }

    pub(super) fn bots(&self, name: &str) -> Option<&Vec<Bot>> {
        self.bots.get(name)
    }

    /// Takes the text of a file. Lines that are wrong are left out and noted.
    pub(super) fn add(
        &mut self,
        name: &str,
        kind: FileType,
        text: &str,
        notes: &mut Notes<'_>,
    ) -> Result<(), FileError> {
        let key = name.to_owned();
        match kind {
            FileType::Lines => {
                let lines = Value::strings(entries(text).map(|(_, line)| line));
                self.lines.insert(key, lines);
            }
            FileType::Patterns => {
                let mut patterns = Vec::new();
                for (number, line) in entries(text) {
                    match compile(line).and_then(|_| translate(line)) {
                        Ok(pattern) => patterns.push(pattern),
                        Err(reason) => notes.line(number, &reason),
                    }
                }
                let set = RegexSetBuilder::new(patterns).size_limit(SIZE_LIMIT).build();
                let set = set.map_err(|error| FileError::TooLarge {
                    file: name.to_owned(),
                    reason: error.to_string(),
                })?;
                self.patterns.insert(key, set);
            }
            FileType::Map => {
                let mut rows = Vec::new();
                for (number, line) in entries(text) {
                    match row(line) {
                        Ok(row) => rows.push((number, row)),
                        Err(reason) => notes.line(number, &reason),
                    }
                }
                self.maps.insert(key, RowMap::new(rows, notes));
            }
            FileType::Bots => {
                let mut bots = Vec::new();
                for (number, line) in entries(text) {
                    match Bot::new(line) {
                        Ok(bot) => bots.push(bot),
                        Err(reason) => notes.line(number, &reason),
                    }
                }
                self.bots.insert(key, bots);
            }
        }
        Ok(())
    }
}

/// So many wrong lines of a file are named one by one.
const FEW: usize = 10;

/// What is wrong with a data file.
pub(super) struct Notes<'a> {
    source: Source,
    lines: usize,
    warnings: &'a mut Vec<RuleError>,
}

impl<'a> Notes<'a> {
    /// Of the file that people know as `shown`, with its text.
    pub(super) fn new(shown: &str, text: &str, warnings: &'a mut Vec<RuleError>) -> Self {
        Self { source: Source::new(shown, text), lines: 0, warnings }
    }

    fn line(&mut self, number: usize, reason: &str) {
        self.lines += 1;
        if self.lines <= FEW {
            let at = self.source.position(number, 1);
            let error = self.source.error(at, format!("this line is left out: {reason}"));
            self.warnings.push(error.with_help("correct it, or take it out of the file"));
        }
    }

    fn file(&mut self, message: String) {
        self.warnings.push(RuleError::of_file(self.source.name(), message));
    }
}

impl Drop for Notes<'_> {
    fn drop(&mut self) {
        if self.lines > FEW {
            self.file(format!("{} more lines are left out", self.lines - FEW));
        }
    }
}

/// Lines that are neither empty nor comments, with their numbers from 1.
fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// An expression of Go's syntax in that of the `regex` crate: the one place where data files are
/// translated.
fn translate(pattern: &str) -> Result<String, String> {
    operators::grok::re2::translate(pattern).map_err(|error| error.to_string())
}

/// Compiles an expression of Go's syntax.
///
/// # Errors
/// A text for people.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let pattern = translate(pattern)?;
    let built = RegexBuilder::new(&pattern).size_limit(SIZE_LIMIT).build();
    built.map_err(|error| error.to_string())
}

/// A row of a map: every field is a text.
type Row = BTreeMap<String, String>;

fn row(line: &str) -> Result<Row, String> {
    let row: Row = serde_json::from_str(line).map_err(|error| error.to_string())?;
    for field in ["pattern", "tag", "type"] {
        if row.get(field).is_none_or(String::is_empty) {
            return Err(format!("missing mandatory {field:?} field"));
        }
    }
    match row.get("type").map(String::as_str) {
        Some("equals" | "contains" | "regex") => Ok(row),
        other => Err(format!("unknown entry type {other:?} (supported: equals, contains, regex)")),
    }
}

/// A `map` file: its rows as a value, and what finds the first row for a text.
#[derive(Debug)]
pub(super) struct RowMap {
    rows: Value,
    equals: BTreeMap<String, String>,
    contains: Option<AhoCorasick>,
    contained: Vec<String>,
    regexes: Vec<(Regex, String)>,
}

impl RowMap {
    /// Rows with an expression that does not compile are left out of the search.
    fn new(rows: Vec<(usize, Row)>, notes: &mut Notes<'_>) -> Self {
        let (mut equals, mut contained, mut regexes) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut needles = Vec::new();
        for (number, row) in &rows {
            let field = |name: &str| row.get(name).cloned().unwrap_or_default();
            let (pattern, tag) = (field("pattern"), field("tag"));
            match field("type").as_str() {
                "equals" => {
                    equals.insert(pattern, tag);
                }
                "contains" => {
                    needles.push(pattern);
                    contained.push(tag);
                }
                _ => match compile(&pattern) {
                    Ok(regex) => regexes.push((regex, tag)),
                    Err(reason) => notes.line(*number, &reason),
                },
            }
        }
        // Leftmost-first: of needles that begin at the same place the first of the file counts.
        let contains = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(&needles);
        if let Err(error) = &contains {
            notes.file(format!("`contains` rows are left out: {error}"));
        }
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        Self { rows: value(rows), equals, contains: contains.ok(), contained, regexes }
    }

    pub(super) fn rows(&self) -> &Value {
        &self.rows
    }

    /// The tag for a text: `equals` before `contains` before `regex`; "" where no row fits.
    pub(super) fn tag(&self, text: &str) -> &str {
        if let Some(tag) = self.equals.get(text) {
            return tag;
        }
        let contained = self.contains.as_ref().and_then(|contains| contains.find(text));
        if let Some(tag) =
            contained.and_then(|found| self.contained.get(found.pattern().as_usize()))
        {
            return tag;
        }
        self.regexes.iter().find(|(regex, _)| regex.is_match(text)).map_or("", |(_, tag)| tag)
    }
}

/// `[]map[string]string`.
fn value(rows: Vec<Row>) -> Value {
    let maps = rows.into_iter().map(|row| {
        let entries =
            row.into_iter().map(|(key, text)| (Arc::from(key), Value::Str(text.into()))).collect();
        Value::map_of(MapKind::Strings, entries)
    });
    Value::slice(ListKind::Typed, maps.collect())
}
