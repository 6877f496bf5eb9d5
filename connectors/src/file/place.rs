//! Where a lane of files is: the position that is kept with its lines. Written by [`super::tail`],
//! read after a restart, shown by `spillway state`.
//!
//! A lane goes on through rotations, so its offsets are `base + offset in the file`, where `base` is
//! what all files before this one held. A file is known by its inode and its first bytes; the bytes
//! alone know it once it is compressed or copied.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::input::Input;

/// So many first bytes know a file. Unit: bytes.
pub(super) const HEAD: usize = 1024;
/// How many files before this one are remembered, so that they are not taken for new ones.
pub(super) const PAST: usize = 4;

/// The first bytes of a file: as many as there were, up to [`HEAD`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    bytes: usize,
    hash: u64,
}

impl Head {
    /// The head of a file that begins so.
    pub(super) fn of(begin: &[u8]) -> Self {
        let begin = begin.get(..HEAD).unwrap_or(begin);
        Self { bytes: begin.len(), hash: hash(begin) }
    }

    /// Whether a file that begins so may be the same, grown.
    pub(super) fn is_of(&self, begin: &[u8]) -> bool {
        self.is_empty() || begin.get(..self.bytes).is_some_and(|begin| hash(begin) == self.hash)
    }

    /// Whether nothing was known of the file.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether it does not grow any more.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= HEAD
    }
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

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
    fn a_file_is_known_by_what_it_began_with() {
        let head = Head::of(b"first line\n");
        assert!(head.is_of(b"first line\nsecond"));
        assert!(!head.is_of(b"first"), "it cannot have shrunk");
        assert!(!head.is_of(b"First line\nsecond"));
        assert!(Head::default().is_of(b""));
        assert!(Head::of(&[b'x'; 5000]).is_of(&[b'x'; HEAD]));
    }

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
