//! `source: syslog`: messages that are sent to us, by UDP, TCP, TLS or RELP.

use std::net::{IpAddr, SocketAddr};

use connectors::listener::ServerTls;
use connectors::syslog::{Config, Limits, Listener, Protocol, Syslog};
use operators::yaml::Reading;

use super::{Connector, Place, shared};
use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of this source.
pub(super) static SECTION: Section =
    Section { title: "syslog source", groups: &[shared::KEYS, KEYS] };

static KEYS: &[Key] = &[
    Key::new("listen_addr", Kind::Text, "IP address to listen on").or("127.0.0.1"),
    Key::new("listen_port", Kind::Count(1, 65_535, &[]), "port to listen on").or("514"),
    Key::new("protocol", Kind::Text, "udp, tcp or relp").or("udp"),
    Key::new("tls", Kind::Section(&TLS), "certificates, for tcp and relp"),
    Key::new("disable_rfc_parser", Kind::Flag, "hand messages on as they were sent").or("false"),
    Key::new("allow", Kind::Networks, "networks that may send; all"),
    Key::new("max_message_len", Kind::Size, "a longer message is counted, not read (64KiB)"),
    Key::new("connections", Kind::Count(1, 1_000_000, &[]), "connections at once (10000)"),
    Key::new("per_address", Kind::Count(1, 1_000_000, &[]), "of these, from one address (1000)"),
    Key::new("idle", Kind::Duration(&[]), "a silent connection is closed after (24h)"),
    Key::new("timeout", Kind::Duration(&[]), "a message that has begun comes within (30s)"),
    Key::new("receive_buffer", Kind::Size, "what the kernel keeps of datagrams (32MiB)"),
    Key::new("memory", Kind::Size, "lines that wait to be kept (32MiB)"),
];

static TLS: Section = Section {
    title: "`tls`",
    groups: &[&[
        Key::new("server_cert", Kind::Path, "certificate with its chain, PEM"),
        Key::new("server_key", Kind::Path, "its key, PEM"),
        Key::new(
            "ca_cert",
            Kind::Path,
            "authorities of clients' certificates, PEM; makes them show one",
        ),
        Key::new("client_optional", Kind::Flag, "a client may come without a certificate")
            .or("false"),
        Key::new("client_names", Kind::Texts, "names, one of which a client's certificate bears"),
    ]],
};

pub(super) fn read(
    values: &Values,
    place: Place<'_>,
    reading: &mut Reading<'_>,
) -> (String, Connector) {
    let listener = listener(values, place, reading);
    let default = Limits::default();
    let limits = Limits {
        message: values.size("max_message_len").unwrap_or(default.message),
        connections: values.size("connections").unwrap_or(default.connections),
        connections_per_address: values
            .size("per_address")
            .unwrap_or(default.connections_per_address),
        idle: values.duration("idle").unwrap_or(default.idle),
        message_time: values.duration("timeout").unwrap_or(default.message_time),
        handshake_time: default.handshake_time,
        receive_buffer: values.size("receive_buffer").unwrap_or(default.receive_buffer),
    };
    let name = format!("syslog:{}", listener.name());
    let config = Config {
        listeners: vec![listener],
        raw: values.flag("disable_rfc_parser"),
        allow: values.networks("allow").to_vec(),
        limits,
        window_bytes: values.size("memory").unwrap_or(Config::default().window_bytes),
    };
    if let Err(error) = Syslog::new(config.clone()) {
        reading.refuse(values.at, crate::report::chain(&error));
    }
    (name, Connector::Syslog(config))
}

fn listener(values: &Values, place: Place<'_>, reading: &mut Reading<'_>) -> Listener {
    let host = values.text("listen_addr").unwrap_or_default();
    let ip = host.parse::<IpAddr>().unwrap_or_else(|_| {
        let message = format!("`listen_addr`: {host:?} is no IP address");
        reading.refuse_with(values.place("listen_addr"), message, "write 0.0.0.0 for all of them");
        IpAddr::from([127, 0, 0, 1])
    });
    let port = values.count("listen_port").and_then(|port| u16::try_from(port).ok());
    let protocol = match values.text("protocol") {
        Some("tcp") => Protocol::Tcp,
        Some("relp") => Protocol::Relp,
        Some("udp") | None => Protocol::Udp,
        Some(other) => {
            // CrowdSec takes any word, and listens for datagrams.
            let message =
                format!("`protocol: {other}` means udp: it says how messages are carried");
            reading.warn(values.place("protocol"), message);
            Protocol::Udp
        }
    };
    let tls = values.section("tls").and_then(|tls| {
        let certificate = tls.path("server_cert", place.directory);
        let Some((certificate, key)) = certificate.zip(tls.path("server_key", place.directory))
        else {
            reading.refuse(tls.at, "`tls` needs `server_cert` and `server_key`");
            return None;
        };
        let client_ca = tls.path("ca_cert", place.directory);
        let (client_optional, client_names) =
            (tls.flag("client_optional"), tls.words("client_names"));
        if client_ca.is_none() && (client_optional || !client_names.is_empty()) {
            let help = "`ca_cert` names who signs them";
            reading.refuse_with(tls.at, "clients' certificates are not looked at", help);
        }
        let server = ServerTls::new(certificate, key);
        Some(ServerTls { client_ca, client_optional, client_names, ..server })
    });
    Listener { address: SocketAddr::new(ip, port.unwrap_or(514)), protocol, tls }
}
