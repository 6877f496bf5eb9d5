//! The address that a request comes from, and the certificate of its connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::HeaderMap;

use super::certificate::Certificate;
use crate::filter::net::Net;

/// Who is at the other end of a connection. Listeners put it into each request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address; 127.0.0.1 on a Unix socket.
    pub ip: IpAddr,
    /// Whether it is a process of this machine on the Unix socket.
    pub unix: bool,
    /// The user that this process is of.
    pub user: Option<u32>,
    /// What it proved by a client certificate.
    pub certificate: Option<Arc<Certificate>>,
}

impl Peer {
    /// A process at the Unix socket, of a user whose number is known or not.
    pub fn local(user: Option<u32>) -> Self {
        Self { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), unix: true, user, certificate: None }
    }

    /// A client at an address.
    pub fn at(ip: IpAddr) -> Self {
        Self { ip: ip.to_canonical(), unix: false, user: None, certificate: None }
    }
}

/// Which proxies are believed when they say whom they ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Whether their headers are read at all.
    pub forwarded: bool,
    /// Proxies that are believed.
    pub trusted: Vec<Net>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The address of the client, behind proxies that are believed.
    pub ip: IpAddr,
    /// Whether it is a process of this machine on the Unix socket.
    pub unix: bool,
    /// The user that this process is of.
    pub user: Option<u32>,
    /// What it proved by a client certificate.
    pub certificate: Option<Arc<Certificate>>,
}

impl Caller {
    /// Who asks by a request with these headers on the connection of `peer`.
    pub fn new(peer: &Peer, headers: &HeaderMap, proxies: &Proxies) -> Self {
        let ip = match proxies.forwarded && !peer.unix {
            true => forwarded(peer.ip, headers, proxies),
            false => peer.ip,
        };
        Self { ip, unix: peer.unix, user: peer.user, certificate: peer.certificate.clone() }
    }

    /// Whether it is on this host.
    pub fn is_of_this_host(&self) -> bool {
        self.unix || self.ip.is_loopback()
    }

    /// Whether it is on this host, or in one of the networks. Of the addresses of this host only the
    /// usual ones count, as for CrowdSec.
    pub fn is_trusted(&self, networks: &[Net]) -> bool {
        self.unix
            || self.ip == IpAddr::V4(Ipv4Addr::LOCALHOST)
            || self.ip == IpAddr::V6(Ipv6Addr::LOCALHOST)
            || networks.iter().any(|net| net.contains(Net::of(self.ip)))
    }
}

/// The last address of `X-Forwarded-For` that is no proxy, as gin finds it; else `X-Real-Ip`.
fn forwarded(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> IpAddr {
    let trusted = |ip: IpAddr| proxies.trusted.iter().any(|net| net.contains(Net::of(ip)));
    if !trusted(peer) {
        return peer;
    }
    let all = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    for text in [all("x-forwarded-for"), all("x-real-ip")].into_iter().flatten() {
        let parts: Vec<&str> = text.split(',').collect();
        for (left, part) in parts.iter().enumerate().rev() {
            let Ok(ip) = part.trim().parse::<IpAddr>() else { break };
            if left == 0 || !trusted(ip) {
                return ip.to_canonical();
            }
        }
    }
    peer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(peer: &str, header: &str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", header.parse().unwrap());
        let trusted = trusted.iter().map(|text| Net::parse(text).unwrap()).collect();
        let proxies = Proxies { forwarded: true, trusted };
        Caller::new(&Peer::at(peer.parse().unwrap()), &headers, &proxies).ip.to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(asked("10.0.0.1", "192.0.2.7, 10.0.0.2", &["10.0.0.0/8"]), "192.0.2.7");
        assert_eq!(asked("198.51.100.1", "192.0.2.7", &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(asked("10.0.0.1", "1.1.1.1, 192.0.2.7", &["10.0.0.0/8"]), "192.0.2.7");
        assert_eq!(asked("10.0.0.1", "1.1.1.1, 2.2.2.2", &["0.0.0.0/0"]), "1.1.1.1");
        assert_eq!(asked("10.0.0.1", "rubbish", &["10.0.0.0/8"]), "10.0.0.1");
    }
}
