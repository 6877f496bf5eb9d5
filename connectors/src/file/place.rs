//! Where a lane of files is: the position that is kept with its lines. Written by [`super::tail`],
//! read after a restart, shown by `spillway state`.
//!
//! A lane goes on through rotations, so its offsets are `base + offset in the file`, where `base` is
//! what all files before this one held. A file is known by its inode and its first bytes; the bytes
//! alone know it once it is compressed or copied.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::head::Head;
use super::input::Input;

/// How many files before this one are remembered, so that they are not taken for new ones.
pub(super) const PAST: usize = 4;

/// A file that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Where the disk keeps it.
    pub(super) inode: u64,
    /// How it begins.
    pub(super) head: Head,
}

/// The position of a lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Offset in the lane of the first byte of the file.
    pub(super) base: u64,
    /// Where reading goes on in the file, once unpacked. Unit: bytes.
    pub(super) offset: u64,
    /// Where the disk keeps the file.
    pub(super) inode: u64,
    /// How it begins.
    pub(super) head: Head,
    /// When it was last written, as far as it was read. Unit: nanoseconds since 1970.
    #[serde(default)]
    pub(super) modified: i64,
    /// Files before it, the last one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) past: Vec<Part>,
}

impl Place {
    /// The beginning of a file in a lane of which nothing is known.
    pub(super) fn begin(base: u64) -> Self {
        Self { base, ..Self::default() }
    }

    /// Inodes of the file that is read and of those before it.
    pub(super) fn inodes(&self) -> impl Iterator<Item = u64> {
        self.past.iter().map(|part| part.inode).chain([self.inode])
    }

    /// Whether the file at `path`, which has this inode, is one that the lane reads or has read.
    pub(super) fn has_read(&self, path: &Path, inode: u64) -> bool {
        if !self.inodes().any(|known| known == inode) {
            return false;
        }
        let Ok(input) = Input::open(path) else { return false };
        let now = Part { inode: self.inode, head: self.head };
        let mut parts = self.past.iter().chain([&now]);
        parts.any(|part| part.inode == inode && part.head.is_of(input.begin()))
    }

    /// Goes on to the next file, whose lines begin at `base`.
    pub(super) fn turn(&mut self, base: u64) {
        if !self.head.is_empty() {
            self.past.push(Part { inode: self.inode, head: self.head });
            let surplus = self.past.len().saturating_sub(PAST);
            self.past.drain(..surplus);
        }
        let (past, modified) = (std::mem::take(&mut self.past), self.modified);
        *self = Self { base, past, modified, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_of_earlier_versions_are_read() {
        let text =
            r#"{"base":7,"offset":3,"inode":12,"head":{"bytes":3,"hash":18446744073709551615}}"#;
        let place: Place = serde_json::from_str(text).unwrap();
        assert_eq!((place.base, place.offset, place.inode), (7, 3, 12));
        assert_eq!(
            serde_json::from_str::<Place>(&serde_json::to_string(&place).unwrap()).unwrap(),
            place
        );
    }

    #[test]
    fn the_last_files_are_remembered() {
        let mut place = Place::begin(0);
        for inode in 0..9 {
            (place.inode, place.head) = (inode, Head::of(b"x"));
            place.turn(inode);
        }
        let inodes: Vec<u64> = place.past.iter().map(|part| part.inode).collect();
        assert_eq!((inodes, place.base, place.offset), (vec![5, 6, 7, 8], 8, 0));
    }
}
