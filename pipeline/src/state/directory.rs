//! The directory of the store: accounts, hashed keys and the secret of tokens are in it, so others have
//! no business there.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use connectors::umask;

/// What others than the owner may do with a directory.
const OTHERS: u32 = 0o007;
const GROUP: u32 = 0o070;

/// Makes the directory, for its owner alone, unless it is there. From then on this process makes files
/// that the same people can read: the group only where it may use a directory that was there (as
/// systemd's `StateDirectoryMode=0750`), others never. `Some` warning where others may use a directory
/// that was there: it is left as it is, as it may be meant for more than the store.
///
/// # Errors
/// It cannot be made, or is none.
pub fn prepare(path: &Path) -> io::Result<Option<String>> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    let mode = match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
            fs::metadata(path)?.permissions().mode()
        }
        made => made.map(|()| 0o700)?,
    };
    let for_group = mode & GROUP != 0 && mode & OTHERS == 0;
    umask::tighten(if for_group { OTHERS } else { GROUP | OTHERS });
    Ok((mode & OTHERS != 0).then(|| {
        let path = path.display();
        format!(
            "every user of this host may use {path} (mode {:04o}), which holds keys and secrets: \
             `chmod -R o= {path}` shuts them out",
            mode & 0o7777
        )
    }))
}
