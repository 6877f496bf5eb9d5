//! What a command line names, as an ordered list of inputs. Comes from `PATH…`, goes to
//! [`crate::reader`]. Nothing is opened here.
//!
//! The order is that of the arguments; a directory or a pattern stands for its files in order of
//! path. Hidden files are read only where they are named, and each file once.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One source of lines, a source partition of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The path as it was found, `-` for standard input.
    pub name: Arc<str>,
    /// Bytes on disk, before unpacking; `None` for streams.
    pub size: Option<u64>,
    pub(crate) place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Stdin,
    File(PathBuf),
}

impl Input {
    /// Standard input.
    pub fn stdin() -> Self {
        Self { name: "-".into(), size: None, place: Place::Stdin }
    }

    /// The path, `None` for standard input.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Stdin => None,
            Place::File(path) => Some(path),
        }
    }

    fn file(path: &Path, metadata: &Metadata) -> Self {
        Self {
            name: path.to_string_lossy().into(),
            size: metadata.is_file().then_some(metadata.len()),
            place: Place::File(path.to_path_buf()),
        }
    }
}

/// What the arguments stand for.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The inputs in reading order.
    pub inputs: Vec<Input>,
    /// What could not be found or looked into; the rest can be read nevertheless.
    pub errors: Vec<InputError>,
    /// Files that were named again, also by another link; they are read once.
    pub repeated: Vec<Arc<str>>,
}

impl Resolved {
    /// Bytes on disk of all inputs; `None` if the size of one is not known.
    pub fn size(&self) -> Option<u64> {
        self.inputs.iter().map(|input| input.size).sum()
    }
}

/// Why an argument stands for nothing, or not for all that it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// There is no such file.
    #[error("{} does not exist: check the path", path.display())]
    Missing {
        /// As given.
        path: PathBuf,
    },
    /// A pattern without a match.
    #[error("no file matches {pattern:?}: check it, or quote it if the shell should not expand it")]
    NoMatch {
        /// As given.
        pattern: String,
    },
    /// A pattern that is none.
    #[error("{pattern:?} is not a file, nor a pattern like `/var/log/*.log` or `logs/**/*.gz`")]
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        source: glob::PatternError,
    },
    /// A directory without files to read.
    #[error("{} holds no files to read (hidden ones are skipped): name them", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// A file or directory that could not be looked at.
    #[error("{} cannot be read: {}", path.display(), remedy(source.kind()))]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => "run as a user who may read it, or leave it out",
        _ => "check it, or leave it out",
    }
}

/// Finds what the arguments name: files, directories (with all below them), patterns with `*`, `?`,
/// `[…]`, `**`, and `-` for standard input. What is there under a literal name is never a pattern.
pub fn resolve<S: AsRef<OsStr>>(arguments: &[S]) -> Resolved {
    let mut search = Search::default();
    for argument in arguments {
        search.argument(argument.as_ref());
    }
    search.found
}

#[derive(Default)]
struct Search {
    found: Resolved,
    /// (device, inode) of every file so far.
    seen: BTreeSet<(u64, u64)>,
}

impl Search {
    fn argument(&mut self, argument: &OsStr) {
        if argument == "-" {
            let stdin = Input::stdin();
            if self.found.inputs.contains(&stdin) {
                self.found.repeated.push(stdin.name);
            } else {
                self.found.inputs.push(stdin);
            }
            return;
        }
        let path = Path::new(argument);
        match fs::metadata(path) {
            Ok(metadata) => self.named(path, &metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match argument.to_str() {
                Some(text) if text.contains(['*', '?', '[']) => self.pattern(text),
                _ => self.found.errors.push(InputError::Missing { path: path.into() }),
            },
            Err(source) => self.unreadable(path, source),
        }
    }

    /// A path that the user wrote or that a pattern gave.
    fn named(&mut self, path: &Path, metadata: &Metadata) {
        if !metadata.is_dir() {
            return self.file(path, metadata);
        }
        let before = self.outcomes();
        self.directory(path);
        if self.outcomes() == before {
            self.found.errors.push(InputError::Empty { path: path.into() });
        }
    }

    fn outcomes(&self) -> usize {
        self.found.inputs.len() + self.found.repeated.len() + self.found.errors.len()
    }

    fn pattern(&mut self, pattern: &str) {
        let options = glob::MatchOptions {
            require_literal_separator: true,
            require_literal_leading_dot: true,
            case_sensitive: true,
        };
        let matches = match glob::glob_with(pattern, options) {
            Ok(matches) => matches,
            Err(source) => {
                let pattern = pattern.into();
                return self.found.errors.push(InputError::Pattern { pattern, source });
            }
        };
        let mut paths = Vec::new();
        let before = self.outcomes();
        for entry in matches {
            match entry {
                Ok(path) => paths.push(path),
                Err(error) => {
                    let path = error.path().to_path_buf();
                    self.unreadable(&path, error.into());
                }
            }
        }
        paths.sort();
        for path in &paths {
            match fs::metadata(path) {
                // `**` gives a directory and its files; the files are enough.
                Ok(metadata) if metadata.is_dir() && pattern.ends_with("**") => {}
                Ok(metadata) => self.named(path, &metadata),
                Err(source) => self.unreadable(path, source),
            }
        }
        if self.outcomes() == before {
            self.found.errors.push(InputError::NoMatch { pattern: pattern.into() });
        }
    }

    /// The files below a directory. Links to files are followed, links to directories are not: they
    /// could lead in circles.
    fn directory(&mut self, directory: &Path) {
        let mut entries =
            match fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
                Ok(entries) => entries,
                Err(source) => return self.unreadable(directory, source),
            };
        entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory {
                self.directory(&path);
                continue;
            }
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => self.file(&path, &metadata),
                // Sockets, pipes, devices and links to directories are no archived logs.
                Ok(_) => {}
                Err(source) => self.unreadable(&path, source),
            }
        }
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) {
        let input = Input::file(path, metadata);
        if self.seen.insert((metadata.dev(), metadata.ino())) {
            self.found.inputs.push(input);
        } else {
            self.found.repeated.push(input.name);
        }
    }

    fn unreadable(&mut self, path: &Path, source: io::Error) {
        self.found.errors.push(InputError::Unreadable { path: path.into(), source });
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

    fn names(root: &Path, found: &Resolved) -> Vec<String> {
        let prefix = format!("{}/", root.display());
        found
            .inputs
            .iter()
            .map(|i| i.name.strip_prefix(&prefix).unwrap_or(&i.name).into())
            .collect()
    }

    #[track_caller]
    fn check(root: &Path, arguments: &[&str], expected: &[&str]) -> Resolved {
        let arguments: Vec<_> = arguments
            .iter()
            .map(|a| if *a == "-" { PathBuf::from("-") } else { root.join(a) })
            .collect();
        let found = resolve(&arguments);
        assert_eq!(names(root, &found), expected);
        found
    }

    #[test]
    fn a_directory_stands_for_its_files_in_order_of_path_without_hidden_ones() {
        let root = tree(&["b/2", "b/1", "a", "c", ".hidden", ".git/x", "b/.swp"]);
        let found = check(root.path(), &["."], &["./a", "./b/1", "./b/2", "./c"]);
        assert!(found.errors.is_empty());
        assert_eq!(found.size(), Some(8));
    }

    #[test]
    fn arguments_keep_their_order_and_patterns_are_sorted() {
        let root = tree(&["z.log", "b.log", "a.log", "x/c.log", "x/y/d.log", "e.txt", ".h.log"]);
        check(root.path(), &["z.log", "-", "*.log"], &["z.log", "-", "a.log", "b.log"]);
        check(root.path(), &["**/*.log"], &["a.log", "b.log", "x/c.log", "x/y/d.log", "z.log"]);
        check(root.path(), &["x*"], &["x/c.log", "x/y/d.log"]);
    }

    #[test]
    fn a_hidden_file_is_read_where_it_is_named() {
        let root = tree(&[".h.log", "[1].log"]);
        check(root.path(), &[".h.log"], &[".h.log"]);
        check(root.path(), &["[1].log"], &["[1].log"]);
    }

    #[test]
    fn a_file_that_is_named_twice_is_read_once() {
        let root = tree(&["a.log", "b.log"]);
        symlink("a.log", root.path().join("current")).unwrap();
        let found =
            check(root.path(), &["b.log", ".", "b.log", "-", "-"], &["b.log", "./a.log", "-"]);
        assert_eq!(found.repeated.len(), 4, "{:?}", found.repeated);
    }

    #[test]
    fn what_matches_nothing_is_an_error_and_the_rest_is_found() {
        let root = tree(&["a.log"]);
        fs::create_dir(root.path().join("void")).unwrap();
        let found = check(root.path(), &["gone", "*.gz", "void", "a.log", "[.log"], &["a.log"]);
        assert!(matches!(
            &found.errors[..],
            [
                InputError::Missing { .. },
                InputError::NoMatch { .. },
                InputError::Empty { .. },
                InputError::Pattern { .. }
            ]
        ));
        assert!(found.errors[0].to_string().contains("gone does not exist"));
    }

    #[test]
    fn links_to_directories_do_not_lead_in_circles() {
        let root = tree(&["a/b.log"]);
        symlink("..", root.path().join("a/up")).unwrap();
        symlink("nowhere", root.path().join("a/z")).unwrap();
        let found = check(root.path(), &["a"], &["a/b.log"]);
        assert!(matches!(&found.errors[..], [InputError::Unreadable { .. }]));
    }
}
