//! How a lane begins: where it was, at the beginning of its file, or at its end.

use std::path::Path;

use super::place::Place;
use super::tail::Tail;
use crate::lane::Lane;

/// The beginning of a lane in this run.
#[derive(Debug)]
pub(super) enum Opening {
    /// It goes on where an earlier run was.
    Resumed(Place),
    /// It begins with the file that is there, whose inode the place may tell.
    New(Place),
    /// It begins at the end of the file with this inode.
    AtEnd(u64),
}

impl Opening {
    /// The lane.
    pub(super) fn tail(self, path: &Path, lane: Lane, max_line: usize) -> Tail {
        match self {
            Self::Resumed(place) => Tail::resumed(path, lane, place, max_line),
            Self::New(place) => Tail::new(path, lane, place, false, max_line),
            Self::AtEnd(inode) => {
                let place = Place { inode, ..Place::default() };
                Tail::new(path, lane, place, true, max_line)
            }
        }
    }

    /// Inodes of the files that the lane reads or has read.
    pub(super) fn inodes(&self) -> impl Iterator<Item = u64> {
        let (inode, place) = match self {
            Self::Resumed(place) | Self::New(place) => (place.inode, Some(place)),
            Self::AtEnd(inode) => (*inode, None),
        };
        place.into_iter().flat_map(Place::inodes).chain([inode])
    }

    /// Whether the file at `path` is one of them.
    pub(super) fn has_read(&self, path: &Path, inode: u64) -> bool {
        match self {
            Self::Resumed(place) | Self::New(place) => place.has_read(path, inode),
            Self::AtEnd(known) => *known == inode,
        }
    }
}
