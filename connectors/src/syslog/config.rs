//! What a `syslog` source is told. Built by whoever reads the configuration.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::listener::ServerTls;

/// Where to listen, to whom, and how much to take.
#[derive(Clone, Debug)]
pub struct Config {
    /// Each is a lane.
    pub listeners: Vec<Listener>,
    /// Hands messages on as they were sent, without their priority: CrowdSec's `disable_rfc_parser`.
    /// Default: they take the form that the hub's parsers read.
    pub raw: bool,
    /// Networks that may send; others are counted and turned away. Default: all.
    pub allow: Vec<IpNet>,
    /// What a peer may cost.
    pub limits: Limits,
    /// How much text of a listener waits to be kept. Default: 32 MiB. Unit: bytes.
    pub window_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            raw: false,
            allow: Vec::new(),
            limits: Limits::default(),
            window_bytes: 32 << 20,
        }
    }
}

/// An address and what is spoken there.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where.
    pub address: SocketAddr,
    /// What.
    pub protocol: Protocol,
    /// Whether connections are encrypted; not for UDP.
    pub tls: Option<ServerTls>,
}

impl Listener {
    /// What its lane is called: `udp://127.0.0.1:514`.
    pub fn name(&self) -> String {
        let scheme = match (self.protocol, &self.tls) {
            (Protocol::Udp, _) => "udp",
            (Protocol::Tcp, None) => "tcp",
            (Protocol::Tcp, Some(_)) => "tls",
            (Protocol::Relp, None) => "relp",
            (Protocol::Relp, Some(_)) => "relps",
        };
        format!("{scheme}://{}", self.address)
    }
}

/// How messages are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A message in a datagram (RFC 5426). What has no room is lost, and counted.
    Udp,
    /// Messages in a stream, counted or line by line (RFC 6587); with TLS, RFC 5425.
    Tcp,
    /// rsyslog's RELP: each message is acknowledged when it is kept.
    Relp,
}

/// What a peer may cost. Zero is taken as one.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest message; what is longer is counted and left out. Default: 64 KiB. Unit: bytes.
    pub message: usize,
    /// Connections of all listeners together. Default: 10,000.
    pub connections: usize,
    /// Connections of one address. Default: 1,000.
    pub connections_per_address: usize,
    /// How long a connection may be silent between messages. Default: a day: rsyslog loses a message
    /// when it finds a connection closed, and peers that are gone are found by keep-alive.
    pub idle: Duration,
    /// How long a message may take that has begun. Default: 30 s.
    pub message_time: Duration,
    /// How long a handshake may take. Default: 10 s.
    pub handshake_time: Duration,
    /// Receive buffer of a UDP listener. Default: 32 MiB, which holds about 40,000 short messages: the
    /// kernel counts a kilobyte for each. Unit: bytes.
    pub receive_buffer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 64 << 10,
            connections: 10_000,
            connections_per_address: 1_000,
            idle: Duration::from_secs(86_400),
            message_time: Duration::from_secs(30),
            handshake_time: Duration::from_secs(10),
            receive_buffer: 32 << 20,
        }
    }
}

/// Why there can be no such source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is nothing to listen to.
    #[error("a syslog source needs at least one listener")]
    Empty,
    /// Two listeners would be the same.
    #[error("{0} is listened to twice")]
    Twice(String),
    /// Datagrams are not encrypted.
    #[error("{0} has `tls`, which UDP cannot do: use tcp or relp")]
    Datagrams(String),
    /// A limit that lets nothing through.
    #[error("`max_message_len` must be between 64 and 16777216 bytes, not {0}")]
    Message(usize),
}

/// Largest message that can be allowed, so that a batch fits 32 bits. Unit: bytes.
const LARGEST: usize = 16 << 20;

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.listeners.is_empty() {
            return Err(ConfigError::Empty);
        }
        for (number, listener) in self.listeners.iter().enumerate() {
            let same = |other: &Listener| other.name() == listener.name();
            if self.listeners.iter().take(number).any(same) {
                return Err(ConfigError::Twice(listener.name()));
            }
            if listener.protocol == Protocol::Udp && listener.tls.is_some() {
                return Err(ConfigError::Datagrams(listener.name()));
            }
        }
        if !(64..=LARGEST).contains(&self.limits.message) {
            return Err(ConfigError::Message(self.limits.message));
        }
        Ok(())
    }
}
