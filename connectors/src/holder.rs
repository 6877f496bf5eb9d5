//! Who holds a port: what Linux's `/proc` knows of it, for an error that names the process.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// State of a socket that listens (Linux `include/net/tcp_states.h`).
const LISTEN: &str = "0A";

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A process that listens somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its program, if this process may see it.
    pub process: Option<(u32, String)>,
    /// Whose it is.
    pub user: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some((id, name)) => write!(f, "{name} (process {id})"),
            None => write!(f, "a process of user {}", self.user),
        }
    }
}

/// What the system said, and who listens at one of the addresses if that is why.
pub fn named(
    error: &io::Error,
    transport: Transport,
    addresses: impl IntoIterator<Item = SocketAddr>,
) -> String {
    let is_taken = error.kind() == io::ErrorKind::AddrInUse;
    let mut addresses = addresses.into_iter().filter(|_| is_taken);
    match addresses.find_map(|address| holder(transport, address)) {
        Some(holder) => format!("{error}: {holder} listens there; stop it, or take another port"),
        None => error.to_string(),
    }
}

/// Who listens where `address` would; `None` where nobody does or `/proc` does not tell.
pub fn holder(transport: Transport, address: SocketAddr) -> Option<Holder> {
    let tables = match transport {
        Transport::Tcp => ["/proc/net/tcp", "/proc/net/tcp6"],
        Transport::Udp => ["/proc/net/udp", "/proc/net/udp6"],
    };
    let (inode, user) = tables.into_iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| listening(line, transport, address))
    })?;
    Some(Holder { process: process(&format!("socket:[{inode}]")), user })
}

/// Inode and user of a line of the table if it stands in the way of `address`.
fn listening(line: &str, transport: Transport, address: SocketAddr) -> Option<(u64, u32)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, local, _, state, _, _, _, user, _, inode, ..] = fields.as_slice() else { return None };
    let (ip, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let ip = decode(ip)?;
    let meets = ip.is_unspecified() || address.ip().is_unspecified() || ip == address.ip();
    // Whoever has a socket for datagrams takes them.
    if (transport == Transport::Tcp && *state != LISTEN) || port != address.port() || !meets {
        return None;
    }
    Some((inode.parse().ok()?, user.parse().ok()?))
}

/// An address as the table writes it: words of the host's order.
fn decode(hex: &str) -> Option<IpAddr> {
    let words = hex.as_bytes().chunks(8).map(|word| {
        let word = std::str::from_utf8(word).ok()?;
        u32::from_str_radix(word, 16).ok().map(u32::to_ne_bytes)
    });
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.concat();
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).into()),
        16 => {
            let octets = <[u8; 16]>::try_from(bytes).ok()?;
            Some(IpAddr::from(Ipv6Addr::from(octets)).to_canonical())
        }
        _ => None,
    }
}

/// The process that has this socket open.
fn process(socket: &str) -> Option<(u32, String)> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut numbered = processes.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse::<u32>().ok()?;
        Some((id, entry.path()))
    });
    let (id, path) = numbered.find(|(_, path)| has_open(path, socket))?;
    let name = fs::read_to_string(path.join("comm")).ok()?;
    Some((id, name.trim_end().to_owned()))
}

fn has_open(process: &Path, socket: &str) -> bool {
    let Ok(open) = fs::read_dir(process.join("fd")) else { return false };
    let mut targets = open.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.any(|target| target.as_os_str() == socket)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn a_listener_of_this_process_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let Some(found) = holder(Transport::Tcp, address) else { panic!("nobody at {address}") };
        assert_eq!(found.process.map(|(id, _)| id), Some(std::process::id()));
        drop(listener);
        assert_eq!(holder(Transport::Tcp, address), None);
    }

    #[test]
    fn a_socket_for_datagrams_is_found() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let found = holder(Transport::Udp, address).and_then(|found| found.process);
        assert_eq!(found.map(|(id, _)| id), Some(std::process::id()));
        let error = UdpSocket::bind(address).unwrap_err();
        let text = named(&error, Transport::Udp, [address]);
        assert!(
            text.contains(&format!("(process {}) listens there", std::process::id())),
            "{text}"
        );
        drop(socket);
        assert_eq!(named(&error, Transport::Udp, [address]), error.to_string());
    }

    #[test]
    fn every_address_stands_in_the_way_of_one() {
        let line = "0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 \
                    1000 0 4711 1 0000 100 0 0 10 0";
        let at = |text: &str| listening(line, Transport::Tcp, text.parse().unwrap());
        assert_eq!(at("127.0.0.1:8080"), Some((4711, 1000)));
        assert_eq!(at("127.0.0.1:8081"), None);
        assert_eq!(decode("0100007F"), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert_eq!(
            decode("00000000000000000000000001000000"),
            Some(IpAddr::V6(Ipv6Addr::LOCALHOST))
        );
        assert_eq!(decode("0x"), None);
    }
}
