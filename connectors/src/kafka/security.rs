//! How to get into a cluster: addresses, TLS, SASL. Shared by the source and the output.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};

/// A cluster and how to get in.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Some of its brokers, `host:port`. At least one.
    pub brokers: Vec<String>,
    /// What it calls us in its logs and quotas. Default: `spillway`.
    pub client_id: Option<String>,
    /// Talk TLS; without it all is sent in the clear.
    pub tls: Option<Tls>,
    /// Who we are; without it nobody.
    pub sasl: Option<Sasl>,
    /// Properties of librdkafka as its documentation names them, stronger than what follows from
    /// all else.
    pub properties: BTreeMap<String, String>,
}

/// How to talk TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Certificates that sign the brokers', PEM; without it those of the system.
    pub ca: Option<PathBuf>,
    /// Our certificate, PEM, where brokers ask for one.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// What the key is locked with.
    pub key_password: Option<Secret>,
    /// Whether to check the brokers' certificates and names. Default: yes.
    pub verify: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self { ca: None, certificate: None, key: None, key_password: None, verify: true }
    }
}

/// Who we are.
#[derive(Clone, Debug)]
pub enum Sasl {
    /// Mechanism PLAIN. Use it with TLS only.
    Plain(Login),
    /// Mechanism SCRAM-SHA-256.
    ScramSha256(Login),
    /// Mechanism SCRAM-SHA-512.
    ScramSha512(Login),
    /// Mechanism OAUTHBEARER.
    OAuthBearer(Token),
}

/// A user.
#[derive(Clone, Debug)]
pub struct Login {
    /// Name.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// A text that logs do not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Secret {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Where a bearer token comes from.
#[derive(Clone, Debug)]
pub enum Token {
    /// It is known.
    Static(Secret),
    /// It is fetched by OAuth's client credentials (RFC 6749, section 4.4), anew before it ends.
    Endpoint {
        /// `https://…` or `http://…`
        url: String,
        /// Whose credentials.
        client_id: String,
        /// The secret.
        client_secret: Secret,
        /// What to ask for; may be empty.
        scope: String,
        /// Certificates that sign the endpoint's, PEM; without it those of the system.
        ca: Option<PathBuf>,
    },
}

impl Sasl {
    fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain(_) => "PLAIN",
            Self::ScramSha256(_) => "SCRAM-SHA-256",
            Self::ScramSha512(_) => "SCRAM-SHA-512",
            Self::OAuthBearer(_) => "OAUTHBEARER",
        }
    }

    fn login(&self) -> Option<&Login> {
        match self {
            Self::Plain(login) | Self::ScramSha256(login) | Self::ScramSha512(login) => Some(login),
            Self::OAuthBearer(_) => None,
        }
    }
}

impl Cluster {
    /// A cluster that asks for nothing.
    pub fn open(brokers: &str) -> Self {
        let brokers = brokers.split(',').map(|broker| broker.trim().to_owned()).collect();
        Self { brokers, ..Self::default() }
    }

    /// Where a bearer token comes from, if one is needed.
    pub(crate) fn token(&self) -> Option<&Token> {
        match &self.sasl {
            Some(Sasl::OAuthBearer(token)) => Some(token),
            _ => None,
        }
    }

    /// The settings of any client of it. [`Cluster::properties`] come last: see
    /// [`Cluster::finish`].
    pub(crate) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", self.brokers.join(","))
            .set("client.id", self.client_id.as_deref().unwrap_or("spillway"))
            .set("security.protocol", self.protocol())
            .set("socket.keepalive.enable", "true")
            .set("socket.connection.setup.timeout.ms", "10000")
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "5000")
            .set("enable.metrics.push", "false")
            .set_log_level(RDKafkaLogLevel::Info);
        if let Some(tls) = &self.tls {
            tls.set(&mut client);
        }
        if let Some(sasl) = &self.sasl {
            client.set("sasl.mechanism", sasl.mechanism());
            if let Some(login) = sasl.login() {
                let password = login.password.reveal();
                client.set("sasl.username", &login.username).set("sasl.password", password);
            }
        }
        client
    }

    /// Lays [`Cluster::properties`] over the settings.
    pub(crate) fn finish(&self, client: &mut ClientConfig) {
        for (name, value) in &self.properties {
            client.set(name, value);
        }
    }

    fn protocol(&self) -> &'static str {
        match (self.tls.is_some(), self.sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        }
    }
}

impl Tls {
    fn set(&self, client: &mut ClientConfig) {
        let paths = [
            ("ssl.ca.location", &self.ca),
            ("ssl.certificate.location", &self.certificate),
            ("ssl.key.location", &self.key),
        ];
        for (name, path) in paths {
            if let Some(path) = path {
                client.set(name, path.to_string_lossy());
            }
        }
        if let Some(password) = &self.key_password {
            client.set("ssl.key.password", password.reveal());
        }
        if !self.verify {
            client.set("enable.ssl.certificate.verification", "false");
            client.set("ssl.endpoint.identification.algorithm", "none");
        }
    }
}
