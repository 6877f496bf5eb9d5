//! Keys of sources that are sent to by HTTP: where they listen, who may send, what they put up with.

use std::path::Path;

use connectors::listener::{Access, Limits, Listening, ServerTls};
use operators::yaml::Reading;

use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of a listener, but for its address.
pub(super) static KEYS: &[Key] = &[
    Key::new("auth_type", Kind::Choice(AUTH_TYPES), "what a request must show"),
    Key::new("basic_auth", Kind::Section(&BASIC), "for `auth_type: basic_auth`"),
    Key::new("bearer", Kind::Section(&BEARER), "for `auth_type: bearer`"),
    Key::new("headers", Kind::Secrets, "for `auth_type: headers`: all of them, exactly"),
    Key::new("tls", Kind::Section(&TLS), "certificates; `ca_cert` for `auth_type: mtls`"),
    Key::new("max_body_size", Kind::Size, "largest body, packed and unpacked (16MiB)"),
    Key::new("timeout", Kind::Duration(&[]), "a body comes within (60s)"),
    Key::new("max_line", Kind::Size, "a longer line is counted, not read (1MiB)"),
    Key::new("memory", Kind::Size, "lines that wait to be kept (32MiB)"),
    Key::new("limits", Kind::Section(&LIMITS), "what else it puts up with"),
];

/// What a request can be asked to show.
const AUTH_TYPES: &[&str] = &["basic_auth", "headers", "mtls", "bearer", "none"];

static BASIC: Section = Section {
    title: "`basic_auth`",
    groups: &[&[
        Key::new("username", Kind::Text, "name"),
        Key::new("password", Kind::Secret, "its password"),
    ]],
};

static BEARER: Section =
    Section { title: "`bearer`", groups: &[&[Key::new("token", Kind::Secret, "the token")]] };

static TLS: Section = Section {
    title: "`tls`",
    groups: &[&[
        Key::new("server_cert", Kind::Path, "certificate with its chain, PEM"),
        Key::new("server_key", Kind::Path, "its key, PEM"),
        Key::new("ca_cert", Kind::Path, "authorities of clients' certificates, PEM"),
        Key::new(
            "insecure_skip_verify",
            Kind::Flag,
            "accepted; clients are verified by `auth_type: mtls`",
        ),
    ]],
};

static LIMITS: Section = Section {
    title: "`limits`",
    groups: &[&[
        Key::new("connections", Kind::Count(1, 1_000_000, &[]), "connections at once (1024)"),
        Key::new("per_address", Kind::Count(1, 1_000_000, &[]), "of these, from one address (256)"),
        Key::new("head", Kind::Duration(&[]), "a request's head comes within (30s)"),
        Key::new("idle", Kind::Duration(&[]), "a silent connection is closed after (75s)"),
        Key::new("bodies", Kind::Size, "all bodies in memory together (64MiB)"),
        Key::new("max_lines", Kind::Count(1, 100_000_000, &[]), "lines in one body (100000)"),
        Key::new(
            "answer",
            Kind::Duration(&[]),
            "an answer waits so long for lines to be kept (30s)",
        ),
    ]],
};

/// How it listens, without an address.
pub(super) fn read(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> Listening {
    let tls = values.section("tls").and_then(|tls| server_tls(tls, values, directory, reading));
    Listening {
        tls,
        access: access(values, reading),
        limits: limits(values),
        ..Listening::default()
    }
}

fn server_tls(
    tls: &Values,
    values: &Values,
    directory: &Path,
    reading: &mut Reading<'_>,
) -> Option<ServerTls> {
    let ca = tls.path("ca_cert", directory);
    let (certificate, key) =
        (tls.path("server_cert", directory), tls.path("server_key", directory));
    let Some((certificate, key)) = certificate.zip(key) else {
        reading.refuse(tls.at, "`tls` needs `server_cert` and `server_key`");
        return None;
    };
    let mutual = values.text("auth_type") == Some("mtls");
    if mutual && ca.is_none() {
        reading.refuse(tls.at, "`auth_type: mtls` needs `tls.ca_cert`: it says who may sign");
    }
    Some(ServerTls { client_ca: ca.filter(|_| mutual), ..ServerTls::new(certificate, key) })
}

fn access(values: &Values, reading: &mut Reading<'_>) -> Access {
    let at = values.place("auth_type");
    let mut missing = |what: &str| reading.refuse(at, format!("this `auth_type` needs `{what}`"));
    match values.text("auth_type") {
        Some("basic_auth") => {
            let basic = values.section("basic_auth");
            let text = |key| basic.and_then(|basic| basic.text(key)).unwrap_or_default().to_owned();
            let (username, password) = (text("username"), text("password"));
            if username.is_empty() || password.is_empty() {
                missing("basic_auth: {username: …, password: …}");
            }
            Access::Basic { username, password }
        }
        Some("bearer") => {
            let token = values.section("bearer").and_then(|bearer| bearer.text("token"));
            if token.is_none() {
                missing("bearer: {token: …}");
            }
            Access::Bearer(token.unwrap_or_default().to_owned())
        }
        Some("headers") => {
            let headers = values.pairs("headers");
            if headers.is_empty() {
                missing("headers: {NAME: VALUE}");
            }
            Access::Headers(headers)
        }
        Some("mtls") if values.section("tls").is_none() => {
            missing("tls: {server_cert: …, server_key: …, ca_cert: …}");
            Access::Open
        }
        _ => Access::Open,
    }
}

fn limits(values: &Values) -> Limits {
    let mut limits = Limits::default();
    let size = |key: &str, to: &mut usize| {
        if let Some(size) = values.size(key) {
            *to = size;
        }
    };
    size("max_body_size", &mut limits.max_body);
    size("max_line", &mut limits.max_line);
    size("memory", &mut limits.window_bytes);
    limits.body = values.duration("timeout").unwrap_or(limits.body);
    if let Some(own) = values.section("limits") {
        limits.connections = own.size("connections").unwrap_or(limits.connections);
        limits.per_address = own.size("per_address").unwrap_or(limits.per_address);
        limits.head = own.duration("head").unwrap_or(limits.head);
        limits.idle = own.duration("idle").unwrap_or(limits.idle);
        limits.bodies = own.size("bodies").unwrap_or(limits.bodies);
        limits.max_lines = own.size("max_lines").unwrap_or(limits.max_lines);
        limits.answer = own.duration("answer").unwrap_or(limits.answer);
    }
    limits
}

/// Says that a listener needs an address where it has none.
pub(super) fn needs_address(listening: &Listening, values: &Values, reading: &mut Reading<'_>) {
    if listening.address.is_none() && listening.socket.is_none() {
        let help = "write `listen_addr: 127.0.0.1:8081`, or `listen_socket:` and a path";
        reading.refuse_with(values.at, format!("{} listens nowhere", values.section.title), help);
    }
}
