//! Keys of sources that ask an HTTP server: where it is, who asks, how answers are bounded.

use std::path::Path;

use connectors::endpoint::{ClientTls, Credentials, Endpoint};
use operators::yaml::Reading;

use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of a server that is asked.
pub(super) static KEYS: &[Key] = &[
    Key::new("url", Kind::Text, "where it is: http://HOST:PORT or https://…"),
    Key::new("prefix", Kind::Text, "path before that of its API, behind a gateway"),
    Key::new("headers", Kind::Secrets, "headers of each request"),
    Key::new("auth", Kind::Section(&AUTH), "who asks"),
    Key::new("tls", Kind::Section(&TLS), "certificates"),
    Key::new("timeout", Kind::Duration(&[]), "an answer comes within (30s)"),
    Key::new("max_answer", Kind::Size, "largest answer, unpacked (64MiB)"),
];

static AUTH: Section = Section {
    title: "`auth`",
    groups: &[&[
        Key::new("username", Kind::Text, "name, for HTTP Basic"),
        Key::new("password", Kind::Secret, "its password"),
        Key::new("token", Kind::Secret, "a bearer token"),
        Key::new("token_file", Kind::Path, "a file with a bearer token, read for each request"),
    ]],
};

/// Certificates of a client.
pub(in crate::config) static TLS: Section = Section {
    title: "`tls`",
    groups: &[&[
        Key::new("ca_cert", Kind::Path, "authorities that are trusted, PEM (the system's)"),
        Key::new("client_cert", Kind::Path, "certificate to show, PEM"),
        Key::new("client_key", Kind::Path, "its key, PEM"),
        Key::new("insecure_skip_verify", Kind::Flag, "take any certificate").or("false"),
    ]],
};

/// The server that is asked.
pub(super) fn read(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> Endpoint {
    let url = values.required("url", reading);
    if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
        let message = format!("{url:?} is no address of an HTTP server");
        reading.refuse_with(values.place("url"), message, "begin it with http:// or https://");
    }
    let mut endpoint = Endpoint::new(&url);
    endpoint.prefix = values.text("prefix").unwrap_or_default().to_owned();
    endpoint.headers = values.pairs("headers");
    if let Some(auth) = values.section("auth") {
        endpoint.credentials = credentials(auth, directory, reading);
    }
    if let Some(tls) = values.section("tls") {
        endpoint.tls = client_tls(tls, directory, reading);
    }
    if let Some(timeout) = values.duration("timeout") {
        endpoint.timeout = timeout;
    }
    if let Some(size) = values.size("max_answer") {
        endpoint.max_answer = size;
    }
    endpoint
}

fn credentials(auth: &Values, directory: &Path, reading: &mut Reading<'_>) -> Credentials {
    let (username, password) = (auth.text("username"), auth.text("password"));
    let (token, file) = (auth.text("token"), auth.path("token_file", directory));
    match (username, token, file) {
        (Some(username), None, None) => {
            let password = password.unwrap_or_default().to_owned();
            Credentials::Basic { username: username.to_owned(), password }
        }
        (None, Some(token), None) => Credentials::Bearer(token.to_owned()),
        (None, None, Some(path)) => Credentials::BearerFile(path),
        (None, None, None) => Credentials::None,
        _ => {
            let help = "write `username` and `password`, or `token`, or `token_file`";
            reading.refuse_with(auth.at, "`auth` says in several ways who asks", help);
            Credentials::None
        }
    }
}

/// Certificates of a client.
pub(in crate::config) fn client_tls(
    tls: &Values,
    directory: &Path,
    reading: &mut Reading<'_>,
) -> ClientTls {
    let (certificate, key) =
        (tls.path("client_cert", directory), tls.path("client_key", directory));
    if certificate.is_some() != key.is_some() {
        reading.refuse(tls.at, "`client_cert` and `client_key` go together");
    }
    ClientTls {
        ca: tls.path("ca_cert", directory),
        identity: certificate.zip(key),
        insecure_skip_verify: tls.flag("insecure_skip_verify"),
    }
}
