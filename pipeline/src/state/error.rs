//! Why the store cannot be opened, read or written, and what to do.

use std::path::PathBuf;

/// Trouble with the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is none.
    #[error("{} holds no store: name the directory (`data`) of the service", path.display())]
    Absent {
        /// The directory.
        path: PathBuf,
    },
    /// Another process has it.
    #[error(
        "{} is in use by another process: stop that one, or set `data` to another directory",
        path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// What RocksDB said.
        source: rocksdb::Error,
    },
    /// Its files are not what was written.
    #[error(
        "{} is damaged: `spillway state verify` names what; restore a backup of it, or move it \
         away to begin anew",
        path.display()
    )]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// What RocksDB said.
        source: rocksdb::Error,
    },
    /// A record in it cannot be read.
    #[error(
        "{} holds a record that cannot be read ({family} {key}): `spillway state verify` names all \
         of them; restore a backup, or move it away to begin anew",
        path.display()
    )]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// The column family.
        family: &'static str,
        /// The key, with what is no text escaped.
        key: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It was written by a version with another format.
    #[error(
        "{} has format {found}, this version reads {known}: use a version that knows it",
        path.display()
    )]
    Format {
        /// The directory.
        path: PathBuf,
        /// What stands in it.
        found: String,
        /// What this version writes.
        known: u32,
    },
    /// A write failed before: what is in memory and on disk may differ, so nothing is written any
    /// more.
    #[error("an earlier write to {} failed: start again once it can be written", path.display())]
    Poisoned {
        /// The directory.
        path: PathBuf,
    },
    /// It could not be read or written.
    #[error("{} cannot be {doing}: check the disk and its free space", path.display())]
    Disk {
        /// The directory.
        path: PathBuf,
        /// `opened`, `read` or `written`.
        doing: &'static str,
        /// What RocksDB said.
        source: rocksdb::Error,
    },
}
