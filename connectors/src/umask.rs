//! Permissions of new files. A process that keeps secrets shuts others out of all that it makes; files
//! that are meant for others (those of [`crate::output::File`], sockets that senders write to) get what
//! its umask gave before.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::Mode;
use rustix::process::umask;

/// What a new file may be used for where no umask says otherwise.
const FILE: Mode = Mode::from_raw_mode(0o666);
/// The same of a new socket.
const SOCKET: Mode = Mode::from_raw_mode(0o777);

/// The umask that the process was started with, once it has another one.
static FORMER: OnceLock<Mode> = OnceLock::new();

/// From now on new files and directories of this process have none of these permissions, such as
/// `0o077`. Call it before there are threads that make files.
pub fn tighten(permissions: u32) {
    let former = umask(Mode::from_raw_mode(0o077));
    umask(former | Mode::from_raw_mode(permissions));
    // Who tightens twice keeps what counted at first.
    let _ = FORMER.set(former);
}

/// Gives a new file what it would have without [`tighten`].
///
/// # Errors
/// It is somebody else's.
pub fn loosen(file: &File) -> io::Result<()> {
    formerly(FILE).map_or(Ok(()), |permissions| file.set_permissions(permissions))
}

/// The same for a socket that was just bound.
///
/// # Errors
/// It is somebody else's.
pub(crate) fn loosen_socket(path: &Path) -> io::Result<()> {
    formerly(SOCKET).map_or(Ok(()), |permissions| fs::set_permissions(path, permissions))
}

fn formerly(all: Mode) -> Option<Permissions> {
    let former = FORMER.get()?;
    Some(Permissions::from_mode((all & !*former).as_raw_mode()))
}
