//! Which lanes there are: those of earlier runs, those of files that are found and that appear; they
//! end when their file has been gone for long. Part of [`Follower`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::Start;
use super::discover::Candidate;
use super::follow::{Follower, LEAST_WINDOW, SHARE, Slot};
use super::opening::Opening;
use super::place::Place;
use super::watch::remedy;

/// How long a file must be gone before its lane ends.
const FORGET: Duration = Duration::from_secs(60);

impl Follower {
    /// The lanes of earlier runs whose files this source still means, those too whose file is away:
    /// its rotated parts may hold what was not read.
    pub(super) fn resumed(&mut self) -> BTreeMap<PathBuf, Opening> {
        let mut openings = BTreeMap::new();
        for (name, resume) in std::mem::take(&mut self.context.resume) {
            let path = PathBuf::from(&*name);
            if self.selection.pattern_of(&path).is_none() {
                continue;
            }
            let place = resume.position.read::<Place>();
            let opening = place.map(Opening::Resumed).unwrap_or_else(|error| {
                tracing::warn!(%error, lane = %name, "file is read from its beginning");
                Opening::New(Place::begin(resume.next_offset))
            });
            openings.insert(path, opening);
        }
        openings
    }

    /// Walks the patterns for files that have no lane. At the start, `used` are the patterns that
    /// are not new.
    pub(super) fn walk(
        &mut self,
        openings: &mut BTreeMap<PathBuf, Opening>,
        used: Option<&BTreeSet<usize>>,
    ) {
        let began = Instant::now();
        let mut found = self.selection.walk();
        let is_known = |path: &Path| self.lanes.contains_key(path) || openings.contains_key(path);
        if !self.shared.once {
            self.selection.keep_logs(&mut found.files, is_known);
        }
        for (path, error) in &found.errors {
            tracing::debug!(path = %path.display(), %error, "directory cannot be read");
        }
        if !self.shared.once {
            for directory in &found.directories {
                self.watch_directory(directory, true);
            }
        }
        let mut inodes: BTreeSet<u64> =
            self.slots.iter().flatten().flat_map(|slot| slot.tail.place.inodes()).collect();
        inodes.extend(openings.values().flat_map(Opening::inodes));
        for (path, candidate) in found.files {
            if self.lanes.contains_key(&path) || openings.contains_key(&path) {
                continue;
            }
            let taken = !inodes.insert(candidate.inode);
            if taken && self.is_taken(&path, candidate.inode, openings) {
                continue;
            }
            let is_new = used.is_some_and(|used| !used.contains(&candidate.pattern));
            let opening = self.opening(&path, candidate, is_new);
            openings.insert(path, opening);
        }
        let took = began.elapsed();
        self.next_walk = Instant::now() + self.config.discovery_interval.max(took * SHARE);
    }

    fn opening(&mut self, path: &Path, candidate: Candidate, is_new: bool) -> Opening {
        if let Some(place) = self.ended.remove(path) {
            return Opening::New(place);
        }
        if is_new && self.config.start == Start::End && !self.shared.once {
            return Opening::AtEnd(candidate.inode);
        }
        Opening::New(Place { inode: candidate.inode, ..Place::default() })
    }

    /// Walks the patterns and opens lanes for files that have none.
    pub(super) fn look_for_files(&mut self) {
        let mut openings = BTreeMap::new();
        self.walk(&mut openings, None);
        for (path, opening) in openings {
            self.open_lane(&path, opening);
        }
    }

    /// Whether the file is read by another lane, under the name that it had before or as a link.
    fn is_taken(&self, path: &Path, inode: u64, openings: &BTreeMap<PathBuf, Opening>) -> bool {
        self.slots.iter().flatten().any(|slot| slot.tail.place.has_read(path, inode))
            || openings.values().any(|opening| opening.has_read(path, inode))
    }

    pub(super) fn open_lane(&mut self, path: &Path, opening: Opening) {
        let lane = self.context.outlet.lane(&name_of(path), LEAST_WINDOW);
        let number = self.slots.len();
        let polled = !self.shared.once && !self.watch_names(path, number);
        let tail = opening.tail(path, lane, self.config.max_line);
        self.behind += 1;
        self.slots.push(Some(Box::new(Slot {
            tail,
            used: 0,
            stepped: None,
            behind: true,
            polled,
            gone: None,
            trouble: None,
        })));
        self.lanes.insert(path.to_path_buf(), number);
        self.schedule.now(number);
    }

    /// Whether changes of the file will be told, also where the path is a link to it.
    fn watch_names(&mut self, path: &Path, lane: usize) -> bool {
        let mut told = true;
        let is_link = path.symlink_metadata().is_ok_and(|there| there.is_symlink());
        let real = if is_link { path.canonicalize().ok() } else { None };
        for path in [Some(path), real.as_deref()].into_iter().flatten() {
            self.names.add(path, lane);
            if let Some(directory) = path.parent() {
                told &= self.watch_directory(directory, false);
            }
        }
        told
    }

    /// Whether changes in a directory are told. It is asked for `again` after a while: it may have
    /// been replaced.
    fn watch_directory(&mut self, directory: &Path, again: bool) -> bool {
        match self.told.get(directory) {
            Some(told) if !again => return *told,
            _ => {}
        }
        let told = self.watch.add(directory).unwrap_or_else(|error| {
            if !self.told.contains_key(directory) && error.kind() != std::io::ErrorKind::NotFound {
                tracing::warn!(
                    path = %directory.display(), %error, remedy = remedy(&error),
                    "directory is looked at, not watched"
                );
            }
            false
        });
        self.told.insert(directory.to_path_buf(), told);
        told
    }

    pub(super) fn meet_new(&mut self, paths: Vec<PathBuf>) {
        let mut files = BTreeMap::new();
        for path in paths {
            if let (Some(pattern), Some(inode)) = (self.selection.pattern_of(&path), inode(&path)) {
                files.insert(path, Candidate { pattern, inode });
            }
        }
        self.selection.keep_logs(&mut files, |path| self.lanes.contains_key(path));
        for (path, candidate) in files {
            let is_known = self.lanes.contains_key(&path);
            if !is_known && !self.is_taken(&path, candidate.inode, &BTreeMap::new()) {
                let opening = self.opening(&path, candidate, false);
                self.open_lane(&path, opening);
            }
        }
    }

    /// Ends lanes whose file has been gone for long.
    pub(super) fn forget(&mut self) {
        for number in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(number) else { continue };
            let gone = slot.as_ref().and_then(|slot| slot.gone);
            if gone.is_some_and(|gone| gone.elapsed() >= FORGET) {
                self.end_lane(number);
            }
        }
    }

    pub(super) fn end_lane(&mut self, number: usize) {
        let Some(slot) = self.slots.get_mut(number).and_then(Option::take) else { return };
        self.behind -= usize::from(slot.behind);
        self.troubled -= usize::from(slot.trouble.is_some());
        self.count_open(slot.tail.is_open(), false);
        let path = slot.tail.path.clone();
        self.lanes.remove(&path);
        self.names.remove(&path, number);
        self.ended.insert(path, slot.tail.close(&self.shared.meter));
    }
}

fn inode(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|there| there.ino())
}

/// What a lane is called: the path, with `\x..` for bytes that are no text.
fn name_of(path: &Path) -> Arc<str> {
    match path.to_str() {
        Some(text) => text.into(),
        None => path.as_os_str().as_encoded_bytes().escape_ascii().to_string().into(),
    }
}
