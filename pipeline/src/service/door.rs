//! Sockets that the service listens on, opened before anything else is started: what is taken is
//! said at once, and by whom.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use api::limits::Limits;
use api::listen::Bounds;
use connectors::holder::{Transport, holder};
use connectors::listener::listen_tcp;
use tokio::net::{TcpListener, UnixListener};

use crate::input::limit::raise_open_files;

/// Who may use a Unix socket of the service: its owner and its group.
const SOCKET_MODE: u32 = 0o660;

/// Open files that are for the store and for sources.
const STORE_FILES: usize = 2_000;

/// Why the service cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// An address is no good, or something else has it.
    #[error("cannot listen on {address} for {what}{}", taken(.holder.as_deref(), .key))]
    Address {
        /// Where.
        address: String,
        /// For what.
        what: &'static str,
        /// Who listens there.
        holder: Option<String>,
        /// The key of the configuration that says where.
        key: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process answers at the socket.
    #[error("{} belongs to a service that runs: stop that one, or set another `data`", path.display())]
    Running {
        /// The socket.
        path: PathBuf,
    },
    /// A Unix socket cannot be made.
    #[error("cannot listen on {}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Bounds of the API, given what one client may cost. The store and sources need open files too.
pub fn bounds(limits: &Limits) -> Bounds {
    let default = Bounds::default();
    let files = usize::try_from(raise_open_files().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let connections = default.connections.min(files - STORE_FILES.min(files / 2));
    Bounds { connections, of_client: limits.connections, ..default }
}

fn taken(holder: Option<&str>, key: &str) -> String {
    match holder {
        Some(holder) => format!(": {holder} listens there; stop it, or set another `{key}`"),
        None => String::new(),
    }
}

/// Listens on an address. `what` and `key` are for errors: for what, and which key says where.
///
/// # Errors
/// It cannot be listened on; the error names who does.
pub async fn tcp(
    address: &str,
    what: &'static str,
    key: &'static str,
) -> Result<TcpListener, DoorError> {
    let refused = |source: std::io::Error, holder| DoorError::Address {
        address: address.to_owned(),
        what,
        holder,
        key,
        source,
    };
    match listen_tcp(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let all = tokio::net::lookup_host(address).await.into_iter().flatten();
            let holder = all.into_iter().find_map(|address| holder(Transport::Tcp, address));
            Err(refused(error, holder.map(|holder| holder.to_string())))
        }
        Err(error) => Err(refused(error, None)),
    }
}

/// Listens on a Unix socket, in place of one that a process before left behind.
///
/// # Errors
/// A process answers there, or the socket cannot be made.
pub fn unix(path: &Path) -> Result<UnixListener, DoorError> {
    let refused = |source| DoorError::Socket { path: path.to_owned(), source };
    let is_socket = |kind: fs::FileType| kind.is_socket();
    if fs::symlink_metadata(path).is_ok_and(|found| is_socket(found.file_type())) {
        if UnixStream::connect(path).is_ok() {
            return Err(DoorError::Running { path: path.to_owned() });
        }
        fs::remove_file(path).map_err(refused)?;
    }
    let listener = UnixListener::bind(path).map_err(refused)?;
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)).map_err(refused)?;
    Ok(listener)
}
