//! What is known of the file of an output: beside it, in `FILE.position`, written as a whole or not at
//! all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::crash;

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// The outbox whose messages are in it.
    pub(super) outbox: String,
    /// Its known part. Unit: bytes.
    pub(super) size: u64,
    /// Number of the last message in it, or before it.
    pub(super) last: Option<u64>,
    /// When it was begun. Unit: seconds since 1970.
    pub(super) begun: u64,
}

impl Known {
    /// Of a file whose first bytes are of no concern.
    pub(super) fn new(outbox: &str, size: u64, last: Option<u64>) -> Self {
        Self { outbox: outbox.to_owned(), size, last, begun: now() }
    }

    /// What is known of the file at `path`, if anything is.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(beside(path, "position")) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it down; `sync`: safely, should the whole machine fail.
    ///
    /// # Errors
    /// It cannot be written. What was known before stands.
    pub(super) fn write(&self, path: &Path, sync: bool) -> io::Result<()> {
        let part = beside(path, "position.part");
        let mut file = fs::File::create(&part)?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        if sync {
            file.sync_data()?;
        }
        crash::point("file-note-written");
        fs::rename(&part, beside(path, "position"))
    }
}

/// `FILE.ending`
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// Unit: seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
