//! Which files there are: walks the disk along the patterns. Out come the files that are lanes, and
//! the directories in which others may appear.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

use regex::bytes::RegexSet;

use super::pattern::{Part, Pattern};
use super::rotation::{logs, unpacked};

/// What patterns and exclusions mean together.
#[derive(Debug)]
pub(super) struct Selection {
    patterns: Vec<Pattern>,
    exclude: RegexSet,
    /// Files that are named exactly.
    named: BTreeSet<PathBuf>,
}

/// A file that a pattern means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Which pattern, the first of several.
    pub(super) pattern: usize,
    /// Where the disk keeps it.
    pub(super) inode: u64,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files by path.
    pub(super) files: BTreeMap<PathBuf, Candidate>,
    /// Where files may appear.
    pub(super) directories: BTreeSet<PathBuf>,
    /// What could not be looked into.
    pub(super) errors: Vec<(PathBuf, io::Error)>,
}

impl Selection {
    pub(super) fn new(patterns: Vec<Pattern>, exclude: RegexSet) -> Self {
        let named = patterns.iter().filter_map(Pattern::literal).collect();
        Self { patterns, exclude, named }
    }

    /// The first pattern that means this path, if none excludes it.
    pub(super) fn pattern_of(&self, path: &Path) -> Option<usize> {
        if self.exclude.is_match(path.as_os_str().as_encoded_bytes()) {
            return None;
        }
        self.patterns.iter().position(|pattern| pattern.matches(path))
    }

    /// Walks the disk.
    pub(super) fn walk(&self) -> Found {
        let mut found = Found::default();
        for (number, pattern) in self.patterns.iter().enumerate() {
            let mut walk = Walk { number, exclude: &self.exclude, found: &mut found };
            walk.descend(Path::new("/"), pattern.parts());
        }
        found
    }

    /// Leaves out what is an older part of another file that was found or `is_known`, and archives:
    /// they are read as a part of their log. What a pattern names exactly stays.
    pub(super) fn keep_logs(
        &self,
        files: &mut BTreeMap<PathBuf, Candidate>,
        is_known: impl Fn(&Path) -> bool,
    ) {
        let is_log = |path: &Path| {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return true };
            if self.named.contains(path) {
                return true;
            }
            let log_is_there = |log: String| {
                let log = path.with_file_name(log);
                files.contains_key(&log) || is_known(&log)
            };
            !unpacked(name).1 && !logs(name).into_iter().any(log_is_there)
        };
        let parts: Vec<PathBuf> = files.keys().filter(|path| !is_log(path)).cloned().collect();
        for part in parts {
            files.remove(&part);
        }
    }
}

struct Walk<'a> {
    number: usize,
    exclude: &'a RegexSet,
    found: &'a mut Found,
}

impl Walk<'_> {
    fn descend(&mut self, directory: &Path, parts: &[Part]) {
        match parts {
            [] => {}
            [Part::Name(name)] => {
                self.found.directories.insert(directory.to_path_buf());
                self.file(&directory.join(name), None);
            }
            [Part::Name(name), rest @ ..] => {
                let below = directory.join(name);
                if !below.is_dir() {
                    // It may appear.
                    self.found.directories.insert(directory.to_path_buf());
                    return;
                }
                self.descend(&below, rest);
            }
            [Part::Any, rest @ ..] => self.any(directory, parts, rest),
            [part, rest @ ..] => {
                for entry in self.entries(directory) {
                    if !part.fits(entry.file_name().as_encoded_bytes()) {
                        continue;
                    }
                    if rest.is_empty() {
                        self.file(&entry.path(), Some(&entry));
                    } else if entry.path().is_dir() {
                        self.descend(&entry.path(), rest);
                    }
                }
            }
        }
    }

    /// This directory and all below it. Links to directories are not followed: they could lead in
    /// circles.
    fn any(&mut self, directory: &Path, parts: &[Part], rest: &[Part]) {
        self.descend(directory, rest);
        for entry in self.entries(directory) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.descend(&entry.path(), parts);
            } else if rest.is_empty() {
                self.file(&entry.path(), Some(&entry));
            }
        }
    }

    /// Entries of a directory whose names may matter.
    fn entries(&mut self, directory: &Path) -> Vec<DirEntry> {
        self.found.directories.insert(directory.to_path_buf());
        match fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.found.errors.push((directory.to_path_buf(), error));
                Vec::new()
            }
        }
    }

    fn file(&mut self, path: &Path, entry: Option<&DirEntry>) {
        if self.found.files.contains_key(path)
            || self.exclude.is_match(path.as_os_str().as_encoded_bytes())
        {
            return;
        }
        let inode = match entry.map(|entry| (entry, entry.file_type())) {
            Some((entry, Ok(kind))) if kind.is_file() => Some(entry.ino()),
            Some((_, Ok(kind))) if !kind.is_symlink() => None,
            _ => fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|there| there.ino()),
        };
        if let Some(inode) = inode {
            let candidate = Candidate { pattern: self.number, inode };
            self.found.files.insert(path.to_path_buf(), candidate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file.as_bytes()).unwrap();
        }
        root
    }

    fn select(root: &Path, patterns: &[&str], exclude: &[&str]) -> Selection {
        let full = |pattern: &&str| Pattern::new(&format!("{}/{pattern}", root.display())).unwrap();
        Selection::new(patterns.iter().map(full).collect(), RegexSet::new(exclude).unwrap())
    }

    fn names(root: &Path, files: &BTreeMap<PathBuf, Candidate>) -> Vec<String> {
        files.keys().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
    }

    #[track_caller]
    fn check(files: &[&str], patterns: &[&str], exclude: &[&str], expected: &[&str]) {
        let root = tree(files);
        let selection = select(root.path(), patterns, exclude);
        let mut found = selection.walk();
        selection.keep_logs(&mut found.files, |_| false);
        assert_eq!(names(root.path(), &found.files), expected);
        for path in found.files.keys() {
            assert!(selection.pattern_of(path).is_some());
        }
    }

    #[test]
    fn files_are_found_along_patterns() {
        let files = ["a.log", "b.txt", "x/c.log", "x/y/d.log", "x/y/e.log"];
        check(&files, &["*.log"], &[], &["a.log"]);
        check(&files, &["*/*.log"], &[], &["x/c.log"]);
        check(&files, &["**/*.log"], &[r"e\.log$"], &["a.log", "x/c.log", "x/y/d.log"]);
        check(&files, &["x/**"], &[], &["x/c.log", "x/y/d.log", "x/y/e.log"]);
        check(&files, &["x/y/d.log", "gone", "x"], &[], &["x/y/d.log"]);
    }

    #[test]
    fn older_parts_and_archives_belong_to_their_log() {
        let files = ["a.log", "a.log.1", "a.log.2.gz", "a-20261126.log", "b.log.1", "c.gz"];
        check(&files, &["*"], &[], &["a.log", "b.log.1"]);
        check(&files, &["*", "a.log.1"], &[], &["a.log", "a.log.1", "b.log.1"]);
    }

    #[test]
    fn a_log_that_is_away_for_a_moment_keeps_its_parts() {
        let root = tree(&["a.log.1"]);
        let selection = select(root.path(), &["*"], &[]);
        let mut found = selection.walk();
        selection.keep_logs(&mut found.files, |path| path.ends_with("a.log"));
        assert!(found.files.is_empty());
    }

    #[test]
    fn links_are_followed_to_files_and_not_in_circles() {
        let root = tree(&["a/b.log"]);
        symlink("..", root.path().join("a/up")).unwrap();
        symlink("a/b.log", root.path().join("c.log")).unwrap();
        symlink("nowhere", root.path().join("d.log")).unwrap();
        let found = select(root.path(), &["**/*.log"], &[]).walk();
        assert_eq!(names(root.path(), &found.files), ["a/b.log", "c.log"]);
    }

    #[test]
    fn where_files_may_appear_is_told() {
        let root = tree(&["a/b.log"]);
        let found = select(root.path(), &["a/*.log", "later/*.log", "*/x.log"], &[]).walk();
        let directories: Vec<_> =
            found.directories.iter().map(|path| path.strip_prefix(root.path()).unwrap()).collect();
        assert_eq!(directories, [Path::new(""), Path::new("a")]);
    }
}
