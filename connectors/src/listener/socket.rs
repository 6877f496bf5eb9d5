//! Sockets that are listened on.

use std::io::{Error, ErrorKind, Result};

use tokio::net::{TcpListener, TcpSocket, ToSocketAddrs, lookup_host};

/// So many connections may wait to be accepted: after a restart all clients come at once, and one that
/// finds no room waits a second before it knocks again. The system may allow fewer.
const WAITING: u32 = 4_096;

/// Listens on the first of the addresses that can be listened on.
///
/// # Errors
/// None of them can; or the name has none.
pub async fn listen_tcp(address: impl ToSocketAddrs) -> Result<TcpListener> {
    let mut refused = Error::new(ErrorKind::InvalidInput, "the name has no address");
    for address in lookup_host(address).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(WAITING)) {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}
