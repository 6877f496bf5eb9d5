//! Keys of a Kafka cluster: its brokers, and how to get in. Shared by the source and the output.

use std::path::Path;

use connectors::kafka::{Cluster, Login, Sasl, Tls, Token};
use operators::yaml::Reading;

use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of a cluster.
pub(in crate::config) static KEYS: &[Key] = &[
    Key::new("brokers", Kind::Texts, "some of its brokers, HOST:PORT"),
    Key::new("client_id", Kind::Text, "what it calls us in its logs and quotas (spillway)"),
    Key::new("tls", Kind::Section(&TLS), "talk TLS; `tls: {}` trusts what the system trusts"),
    Key::new("sasl", Kind::Section(&SASL), "who we are"),
    Key::new("properties", Kind::Secrets, "properties of librdkafka; stronger than other keys"),
];

static TLS: Section = Section {
    title: "`tls`",
    groups: &[&[
        Key::new("ca_cert", Kind::Path, "authorities that are trusted, PEM (the system's)"),
        Key::new("client_cert", Kind::Path, "certificate to show, PEM"),
        Key::new("client_key", Kind::Path, "its key, PEM"),
        Key::new("client_key_password", Kind::Secret, "what the key is locked with"),
        Key::new("insecure_skip_verify", Kind::Flag, "take any certificate").or("false"),
    ]],
};

static SASL: Section = Section {
    title: "`sasl`",
    groups: &[&[
        Key::new(
            "mechanism",
            Kind::Choice(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]),
            "how to prove it",
        ),
        Key::new("username", Kind::Text, "name, but for OAUTHBEARER"),
        Key::new("password", Kind::Secret, "its password"),
        Key::new("token", Kind::Secret, "a bearer token, for OAUTHBEARER"),
        Key::new("token_url", Kind::Text, "where tokens are given for the client's credentials"),
        Key::new("client_id", Kind::Text, "who asks there"),
        Key::new("client_secret", Kind::Secret, "its secret"),
        Key::new("scope", Kind::Text, "what it asks for"),
        Key::new("token_ca_cert", Kind::Path, "authorities of `token_url`, PEM (the system's)"),
    ]],
};

/// The cluster.
pub(in crate::config) fn read(
    values: &Values,
    directory: &Path,
    reading: &mut Reading<'_>,
) -> Cluster {
    let brokers = values.words("brokers");
    if brokers.is_empty() {
        let help = "write `brokers: [localhost:9092]`";
        reading.refuse_with(values.at, format!("{} needs `brokers`", values.section.title), help);
    }
    let sasl = values.section("sasl");
    Cluster {
        brokers,
        client_id: values.text("client_id").map(str::to_owned),
        tls: values.section("tls").map(|tls| self::tls(tls, directory, reading)),
        sasl: sasl.and_then(|sasl| self::sasl(sasl, directory, reading)),
        properties: values.pairs("properties"),
    }
}

fn tls(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> Tls {
    let path = |key| values.path(key, directory);
    let (certificate, key) = (path("client_cert"), path("client_key"));
    if certificate.is_some() != key.is_some() {
        reading.refuse(values.at, "`client_cert` and `client_key` go together");
    }
    Tls {
        ca: path("ca_cert"),
        certificate,
        key,
        key_password: values.text("client_key_password").map(Into::into),
        verify: !values.flag("insecure_skip_verify"),
    }
}

fn sasl(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> Option<Sasl> {
    let mechanism = values.required("mechanism", reading);
    if mechanism == "OAUTHBEARER" {
        return token(values, directory, reading).map(Sasl::OAuthBearer);
    }
    let username = values.required("username", reading);
    let login = Login { username, password: values.required("password", reading).as_str().into() };
    match mechanism.as_str() {
        "PLAIN" => Some(Sasl::Plain(login)),
        "SCRAM-SHA-256" => Some(Sasl::ScramSha256(login)),
        "SCRAM-SHA-512" => Some(Sasl::ScramSha512(login)),
        _ => None,
    }
}

fn token(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> Option<Token> {
    match (values.text("token"), values.text("token_url")) {
        (Some(token), None) => Some(Token::Static(token.into())),
        (None, Some(url)) => Some(Token::Endpoint {
            url: url.to_owned(),
            client_id: values.required("client_id", reading),
            client_secret: values.required("client_secret", reading).as_str().into(),
            scope: values.text("scope").unwrap_or_default().to_owned(),
            ca: values.path("token_ca_cert", directory),
        }),
        _ => {
            let help = "write `token:`, or `token_url:` with `client_id:` and `client_secret:`";
            reading.refuse_with(values.at, "OAUTHBEARER needs one source of tokens", help);
            None
        }
    }
}
