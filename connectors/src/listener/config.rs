//! Where a listener listens and what it puts up with.

use std::path::PathBuf;
use std::time::Duration;

use super::access::Access;

/// A listener.
#[derive(Clone, Debug, Default)]
pub struct Listening {
    /// `HOST:PORT` to listen on; none by default.
    pub address: Option<String>,
    /// Unix socket to listen on, besides or instead; none by default.
    pub socket: Option<PathBuf>,
    /// TLS; none by default.
    pub tls: Option<ServerTls>,
    /// Who may send; everybody by default.
    pub access: Access,
    /// Limits.
    pub limits: Limits,
}

/// A server's certificates: files in PEM. Changed files are taken up with the next connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// Certificate with its chain.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Authorities of clients' certificates. Where it is set, a client must show one.
    pub client_ca: Option<PathBuf>,
    /// Whether a client may come without a certificate although there are authorities: no.
    pub client_optional: bool,
    /// Names, one of which a client's certificate must bear (as a DNS name or an address): any.
    pub client_names: Vec<String>,
}

impl ServerTls {
    /// Any client is let in.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: None,
            client_optional: false,
            client_names: Vec::new(),
        }
    }
}

/// What a listener puts up with.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once: 1024.
    pub connections: usize,
    /// Of these, from one address: 256.
    pub per_address: usize,
    /// A TLS handshake comes within, and a request's head, counted from the end of the request before:
    /// 30 s.
    pub head: Duration,
    /// A body comes within: 60 s.
    pub body: Duration,
    /// A connection on which nothing moves is closed after: 75 s.
    pub idle: Duration,
    /// Largest body, packed and unpacked: 16 MiB. Unit: bytes.
    pub max_body: usize,
    /// All bodies together that are in memory, unpacked: 64 MiB. Unit: bytes.
    pub bodies: usize,
    /// Lines in one body: 100,000.
    pub max_lines: usize,
    /// A longer line is not read: 1 MiB. Unit: bytes.
    pub max_line: usize,
    /// Lines that wait to be kept: 32 MiB. Unit: bytes.
    pub window_bytes: usize,
    /// An answer waits so long for lines to be kept: 30 s.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            per_address: 256,
            head: Duration::from_secs(30),
            body: Duration::from_secs(60),
            idle: Duration::from_secs(75),
            max_body: 16 << 20,
            bodies: 64 << 20,
            max_lines: 100_000,
            max_line: 1 << 20,
            window_bytes: 32 << 20,
            answer: Duration::from_secs(30),
        }
    }
}
