//! Keys of a Kafka cluster, shared by the source and the output: where it is, and how to get in.

use std::path::Path;

use connectors::kafka::{Cluster, Login, Sasl, Secret, Tls, Token};
use operators::yaml::Reading;

use super::key::{Key, Kind, Section};
use super::values::Values;

/// Keys of a cluster.
pub static KEYS: &[Key] = &[
    Key::new("brokers", Kind::Texts, "some of its brokers, host:port"),
    Key::new("client_id", Kind::Text, "what the cluster calls us (spillway)"),
    Key::new("tls", Kind::Section(&TLS), "talk TLS; an empty map will do"),
    Key::new("sasl", Kind::Section(&SASL), "who we are"),
    Key::new("properties", Kind::Secrets, "properties of librdkafka, stronger than all else"),
];

static TLS: Section = Section {
    title: "`tls`",
    groups: &[&[
        Key::new("ca_cert", Kind::Path, "authorities that sign brokers, PEM (the system's)"),
        Key::new("client_cert", Kind::Path, "certificate to show, PEM"),
        Key::new("client_key", Kind::Path, "its key, PEM"),
        Key::new("client_key_password", Kind::Secret, "what the key is locked with"),
        Key::new("insecure_skip_verify", Kind::Flag, "take any certificate").or("false"),
    ]],
};

static SASL: Section = Section {
    title: "`sasl`",
    groups: &[&[
        Key::new("mechanism", Kind::Choice(MECHANISMS), "how").or("plain"),
        Key::new("username", Kind::Text, "name"),
        Key::new("password", Kind::Secret, "its password"),
        Key::new("token", Kind::Secret, "for oauthbearer: the token"),
        Key::new("token_url", Kind::Text, "or where to fetch it, by client credentials"),
        Key::new("client_id", Kind::Text, "whose credentials"),
        Key::new("client_secret", Kind::Secret, "the secret"),
        Key::new("scope", Kind::Text, "what to ask for"),
        Key::new("ca_cert", Kind::Path, "authorities that sign the endpoint, PEM (the system's)"),
    ]],
};

const MECHANISMS: &[&str] = &["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"];

/// The cluster. What is wrong is noted.
pub fn read(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> Cluster {
    let brokers = values.words("brokers");
    if brokers.is_empty() {
        let help = "write `brokers: [127.0.0.1:9092]`";
        let message = format!("{} needs `brokers`", values.section.title);
        reading.refuse_with(values.place("brokers"), message, help);
    }
    Cluster {
        brokers,
        client_id: values.text("client_id").map(str::to_owned),
        tls: values.section("tls").map(|tls| self::tls(tls, directory, reading)),
        sasl: values.section("sasl").and_then(|sasl| self::sasl(sasl, directory, reading)),
        properties: values.pairs("properties"),
    }
}

fn tls(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> Tls {
    let (certificate, key) =
        (values.path("client_cert", directory), values.path("client_key", directory));
    if certificate.is_some() != key.is_some() {
        reading.refuse(values.at, "`client_cert` and `client_key` go together");
    }
    Tls {
        ca: values.path("ca_cert", directory),
        certificate,
        key,
        key_password: values.text("client_key_password").map(Secret::from),
        verify: !values.flag("insecure_skip_verify"),
    }
}

fn sasl(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> Option<Sasl> {
    let mechanism = values.text("mechanism").unwrap_or("plain");
    if mechanism == "oauthbearer" {
        return token(values, directory, reading).map(Sasl::OAuthBearer);
    }
    let username = values.required("username", reading);
    let password = Secret::from(values.required("password", reading).as_str());
    let login = Login { username, password };
    Some(match mechanism {
        "scram-sha-256" => Sasl::ScramSha256(login),
        "scram-sha-512" => Sasl::ScramSha512(login),
        _ => Sasl::Plain(login),
    })
}

fn token(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> Option<Token> {
    match (values.text("token"), values.text("token_url")) {
        (Some(token), None) => Some(Token::Static(token.into())),
        (None, Some(url)) => Some(Token::Endpoint {
            url: url.to_owned(),
            client_id: values.required("client_id", reading),
            client_secret: values.required("client_secret", reading).as_str().into(),
            scope: values.text("scope").unwrap_or_default().to_owned(),
            ca: values.path("ca_cert", directory),
        }),
        _ => {
            let help = "write `token`, or `token_url`, `client_id` and `client_secret`";
            reading.refuse_with(values.at, "`oauthbearer` needs a token", help);
            None
        }
    }
}
