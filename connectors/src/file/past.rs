//! What the disk holds of a log besides the file at its path: rotated parts, in the order in which
//! they were written, and which of them is the one that was being read. They may change names at any
//! time, also while they are looked at.

use std::fs;
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::head::Head;
use super::input::{Input, modified};
use super::place::{Part, Place};
use super::rotation::{Order, Suffix, suffix, unpacked};

/// How often the parts are listed anew while they change names.
const TRIES: usize = 50;

/// The rotated parts of a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past<'a> {
    /// The log's path.
    pub(super) log: &'a Path,
    /// Directories besides its own.
    pub(super) elsewhere: &'a [PathBuf],
}

/// A rotated part.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    path: PathBuf,
    inode: u64,
    modified: i64,
    suffix: Suffix,
}

/// The part is not where it was listed any more.
struct Moved;

/// An open part, and where it is.
pub(super) type Opened = (PathBuf, Input);

impl Past<'_> {
    /// The file of `place`, if it is not at the log's path any more: the part with its inode, else a
    /// file of another name beside the log that has its inode, else a part with its content
    /// (compressed, or copied before it was cut).
    ///
    /// # Errors
    /// The parts change names without end.
    pub(super) fn locate(self, place: &Place) -> io::Result<Option<Opened>> {
        self.search(|parts| {
            let same_file = |part: &&Found| part.inode == place.inode;
            if let Some(found) = first(parts.iter().rev().filter(same_file), place)? {
                return Ok(Some(found));
            }
            if let Some(found) = first(self.renamed(place).iter(), place)? {
                return Ok(Some(found));
            }
            if place.head.is_empty() { Ok(None) } else { first(parts.iter().rev(), place) }
        })
    }

    /// The part that follows the file of `place` and was not read before it: `None` if that is the one
    /// at the log's path.
    ///
    /// # Errors
    /// As [`Past::locate`].
    pub(super) fn after(self, place: &Place) -> io::Result<Option<Opened>> {
        self.search(|parts| {
            let parts = &arranged(place, parts)?;
            let mut at = None;
            for (number, part) in parts.iter().enumerate() {
                if part.is_file_of(place)? {
                    at = Some(number);
                }
            }
            // A copy that is shorter than what was read of the original is that original too.
            for (number, part) in parts.iter().enumerate().rev() {
                if at.is_none() && !place.head.is_empty() && part.begins_as(place)? {
                    at = Some(number);
                }
            }
            let Some(at) = at else { return unread(place, parts) };
            for part in parts.iter().skip(at + 1) {
                if !part.was_read(place)? {
                    return part.open().map(Some);
                }
            }
            Ok(None)
        })
    }

    /// The first part that was written after the file of `place`, of which nothing is left or nothing
    /// was read: `None` if that is the one at the log's path.
    ///
    /// # Errors
    /// As [`Past::locate`].
    pub(super) fn unread(self, place: &Place) -> io::Result<Option<Opened>> {
        self.search(|parts| unread(place, &arranged(place, parts)?))
    }

    /// The last `count` parts, the youngest last.
    ///
    /// # Errors
    /// As [`Past::locate`].
    pub(super) fn youngest(self, count: usize) -> io::Result<Vec<Part>> {
        self.search(|parts| {
            let mut known = Vec::new();
            for part in parts.iter().skip(parts.len().saturating_sub(count)) {
                let head = Head::of(&part.begin()?);
                if !head.is_empty() {
                    known.push(Part { inode: part.inode, head });
                }
            }
            Ok(known)
        })
    }

    /// Looks through the parts, again if they change names meanwhile.
    fn search<T>(self, look: impl Fn(&[Found]) -> Result<T, Moved>) -> io::Result<T> {
        let mut before = self.list();
        for _ in 0..TRIES {
            // One that is renamed meanwhile may be missing from a listing: two that agree are right.
            let now = self.list();
            if now == before
                && let Ok(found) = look(&now)
            {
                return Ok(found);
            }
            before = now;
        }
        Err(io::Error::other("its rotated parts change names without end"))
    }

    /// The parts, the oldest first.
    fn list(self) -> Vec<Found> {
        let mut found = Vec::new();
        for (directory, name) in self.homes() {
            collect(&directory, &name, &mut found);
        }
        let bare = |part: &Found| {
            part.path.to_str().map(unpacked).filter(|bare| bare.1).map(|bare| bare.0.to_owned())
        };
        // While a part is being compressed, both forms are there.
        let plain: Vec<PathBuf> = found
            .iter()
            .filter(|part| bare(part).is_none())
            .map(|part| part.path.clone())
            .collect();
        found.retain(|part| bare(part).is_none_or(|bare| !plain.contains(&PathBuf::from(bare))));
        let order = Order::of(found.iter().map(Found::age));
        sort(&mut found, order);
        found
    }

    /// Directories, and the name that parts there are derived from: beside the log, beside the file that
    /// it links to, and elsewhere.
    fn homes(self) -> Vec<(PathBuf, String)> {
        let mut homes = Vec::new();
        let real = fs::canonicalize(self.log).ok();
        for path in [Some(self.log), real.as_deref()].into_iter().flatten() {
            let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { continue };
            let Some(name) = name.to_str() else { continue };
            homes.push((directory.to_path_buf(), name.to_owned()));
            homes.extend(self.elsewhere.iter().map(|other| (other.clone(), name.to_owned())));
        }
        homes.sort();
        homes.dedup();
        homes
    }

    /// A file beside the log that has the inode of `place`, whatever its name is.
    fn renamed(self, place: &Place) -> Option<Found> {
        let directory = fs::read_dir(self.log.parent()?).ok()?;
        let same = directory.flatten().find(|entry| entry.ino() == place.inode)?;
        let (path, inode) = (same.path(), place.inode);
        (path != self.log).then_some(Found { path, inode, modified: 0, suffix: Suffix::Word })
    }
}

fn sort(parts: &mut [Found], order: Order) {
    parts.sort_by(|a, b| order.compare(a.age(), b.age()).then_with(|| a.path.cmp(&b.path)));
}

/// The parts, the oldest first, where those that were read before the file of `place` are older than
/// it: times of the last write are not sure, for programs write to rotated files for a while.
fn arranged(place: &Place, parts: &[Found]) -> Result<Vec<Found>, Moved> {
    let mut order = Order::of(parts.iter().map(Found::age));
    let mut at = None;
    for part in parts {
        if part.is_file_of(place)? {
            at = Some(part);
        }
    }
    for known in place.past.iter().filter(|known| known.inode != place.inode) {
        for part in parts.iter().filter(|part| part.inode == known.inode) {
            if let Some(at) = at
                && known.head.is_of(&part.begin()?)
            {
                order = order.with_known(&part.suffix, &at.suffix);
            }
        }
    }
    let mut parts = parts.to_vec();
    sort(&mut parts, order);
    Ok(parts)
}

fn collect(directory: &Path, log: &str, found: &mut Vec<Found>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(suffix) = name.to_str().and_then(|name| suffix(name, log)) else { continue };
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_file() {
            let (inode, modified) = (metadata.ino(), modified(&metadata));
            found.push(Found { path: entry.path(), inode, modified, suffix });
        }
    }
}

/// The first of these that may hold what was read of the file of `place`.
fn first<'a>(
    parts: impl Iterator<Item = &'a Found>,
    place: &Place,
) -> Result<Option<Opened>, Moved> {
    for part in parts {
        if !part.begins_as(place)? {
            continue;
        }
        let (path, input) = part.open()?;
        let length = input.metadata().map_or(0, |metadata| metadata.len());
        if input.is_packed() || length >= place.offset {
            return Ok(Some((path, input)));
        }
    }
    Ok(None)
}

fn unread(place: &Place, parts: &[Found]) -> Result<Option<Opened>, Moved> {
    for part in parts.iter().filter(|part| part.modified >= place.modified) {
        let begin = part.begin()?;
        if !place.past.iter().any(|past| past.head.is_of(&begin)) {
            return part.open().map(Some);
        }
    }
    Ok(None)
}

impl Found {
    fn age(&self) -> (&Suffix, i64) {
        (&self.suffix, self.modified)
    }

    /// Whether it is the file of `place` itself.
    fn is_file_of(&self, place: &Place) -> Result<bool, Moved> {
        Ok(self.inode == place.inode && self.begins_as(place)?)
    }

    /// Whether it is the file of `place`, or one that was read to its end before.
    fn was_read(&self, place: &Place) -> Result<bool, Moved> {
        let begin = self.begin()?;
        let mut past = place.past.iter().filter(|past| past.inode == self.inode);
        Ok(past.any(|past| past.head.is_of(&begin)) || self.is_file_of(place)?)
    }

    fn open(&self) -> Result<Opened, Moved> {
        let input = Input::open(&self.path).map_err(|_| Moved)?;
        let inode = input.metadata().map(|metadata| metadata.ino());
        if inode.is_ok_and(|inode| inode == self.inode) {
            Ok((self.path.clone(), input))
        } else {
            Err(Moved)
        }
    }

    /// The first bytes; none if it may not be read.
    fn begin(&self) -> Result<Vec<u8>, Moved> {
        match Input::open(&self.path) {
            Ok(_) => self.open().map(|(_, input)| input.begin().to_vec()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Moved),
            Err(_) => Ok(Vec::new()),
        }
    }

    fn begins_as(&self, place: &Place) -> Result<bool, Moved> {
        Ok(place.head.is_of(&self.begin()?))
    }
}
