//! Sources as people write them: a document of CrowdSec's `acquis.yaml`, or an item of `sources:`. In:
//! maps with keys of their module, and some of ours. Out: what each connector is told.
//!
//! One file per module turns its keys into the connector's configuration. Keys of CrowdSec mean what
//! they mean there; where one has no meaning here, a warning says so.

mod docker;
pub(super) mod endpoint;
mod file;
mod http;
mod journalctl;
mod k8s_audit;
mod kafka;
mod listener;
mod loki;
mod shared;
mod stdin;
mod syslog;
pub mod usual;
mod victorialogs;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connectors::{Source, docker as docker_source, http as http_source};
use operators::parse::lines::Clock;
use operators::time::Zone;
use operators::yaml::Reading;

use super::key::Tagged;
use super::values::Values;
use crate::transform::Transform;

/// The kinds of sources.
pub static SOURCES: Tagged = Tagged {
    tag: "source",
    kinds: &[
        ("docker", &docker::SECTION),
        ("file", &file::SECTION),
        ("http", &http::SECTION),
        ("journalctl", &journalctl::SECTION),
        ("k8s-audit", &k8s_audit::SECTION),
        ("kafka", &kafka::SECTION),
        ("loki", &loki::SECTION),
        ("stdin", &stdin::SECTION),
        ("syslog", &syslog::SECTION),
        ("victorialogs", &victorialogs::SECTION),
    ],
    implied: &[("filename", "file"), ("filenames", "file"), ("journalctl_filter", "journalctl")],
    refused: &[
        ("appsec", "comes later: this version reads logs alone"),
        ("cloudwatch", "comes later: let something else fetch its logs"),
        ("kinesis", "comes later: let something else fetch its logs"),
        ("s3", "comes later: `spillway replay` reads archives that were fetched"),
        ("wineventlog", "will never be read: it is on Windows alone"),
    ],
};

/// Where a first start begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At what is there.
    Beginning,
    /// Behind it.
    #[default]
    End,
}

impl Start {
    /// As it is written.
    pub const WORDS: &'static [&'static str] = &["end", "beginning"];

    /// What a word means.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "beginning" => Some(Self::Beginning),
            "end" => Some(Self::End),
            _ => None,
        }
    }
}

/// What is known where a source is read.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Where relative paths begin.
    pub directory: &'a Path,
    /// Where a first start begins if the source does not say.
    pub start: Start,
}

/// A source as meant.
#[derive(Clone, Debug)]
pub struct Acquired {
    /// What people call it, or what it reads; not yet unique.
    pub name: String,
    /// Labels of every line.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// By which clock its lines count.
    pub clock: Clock,
    /// Where dates of its lines that say no zone were written; UTC if `None`.
    pub zone: Option<Zone>,
    /// Expression that makes other lines of a line.
    pub transform: Option<Arc<Transform>>,
    /// How long lines of others wait for its own, where that is not as for all: `Some(None)`: until they
    /// come.
    pub hold: Option<Option<Duration>>,
    /// How many of its lines are taken in a second.
    pub rate: Option<u64>,
    /// What reads.
    pub connector: Connector,
}

/// What a connector is told.
#[derive(Clone, Debug)]
pub enum Connector {
    /// Containers.
    Docker(docker_source::Config),
    /// Files.
    File(connectors::file::Config),
    /// Requests.
    Http(http_source::Config),
    /// The journal.
    Journalctl(connectors::journalctl::Config),
    /// Audit events.
    K8sAudit(connectors::k8s_audit::Config),
    /// Topics.
    Kafka(Box<connectors::kafka::Config>),
    /// A Loki that is asked.
    Loki(Box<connectors::loki::PollConfig>),
    /// Senders to a Loki.
    LokiPush(connectors::loki::PushConfig),
    /// Standard input.
    Stdin(connectors::stdin::Config),
    /// Senders of syslog.
    Syslog(connectors::syslog::Config),
    /// A VictoriaLogs.
    VictoriaLogs(Box<connectors::victorialogs::Config>),
}

impl Connector {
    /// Name of its module, as CrowdSec calls it.
    pub fn module(&self) -> &'static str {
        match self {
            Self::Docker(_) => "docker",
            Self::File(_) => "file",
            Self::Http(_) => "http",
            Self::Journalctl(_) => "journalctl",
            Self::K8sAudit(_) => "k8s-audit",
            Self::Kafka(_) => "kafka",
            Self::Loki(_) | Self::LokiPush(_) => "loki",
            Self::Stdin(_) => "stdin",
            Self::Syslog(_) => "syslog",
            Self::VictoriaLogs(_) => "victorialogs",
        }
    }

    /// What reads.
    ///
    /// # Errors
    /// Why there can be no such source.
    pub fn source(self) -> Result<Box<dyn Source>, String> {
        let text = |error: &dyn std::error::Error| crate::report::chain(error);
        Ok(match self {
            Self::Docker(config) => Box::new(docker_source::Docker::new(config)),
            Self::File(config) => {
                Box::new(connectors::file::File::new(config).map_err(|error| text(&error))?)
            }
            Self::Journalctl(config) => Box::new(connectors::journalctl::Journalctl::new(config)),
            Self::Stdin(config) => Box::new(connectors::stdin::Stdin::new(config)),
            Self::Syslog(config) => {
                Box::new(connectors::syslog::Syslog::new(config).map_err(|error| text(&error))?)
            }
            Self::Http(config) => Box::new(http_source::Http::new(config)),
            Self::K8sAudit(config) => Box::new(connectors::k8s_audit::K8sAudit::new(config)),
            Self::Kafka(config) => Box::new(connectors::kafka::Kafka::new(*config)),
            Self::Loki(config) => Box::new(connectors::loki::Poll::new(*config)),
            Self::LokiPush(config) => Box::new(connectors::loki::Push::new(config)),
            Self::VictoriaLogs(config) => {
                Box::new(connectors::victorialogs::VictoriaLogs::new(*config))
            }
        })
    }
}

/// What a map of a module means; `None` where it is wrong, which is noted.
pub fn of_values(
    module: &str,
    values: &Values,
    place: Place<'_>,
    reading: &mut Reading<'_>,
) -> Option<Acquired> {
    let before = reading.errors.len();
    let labels = shared::labels(module, values, reading);
    let (name, connector) = match module {
        "docker" => docker::read(values, place, reading),
        "file" => file::read(values, place, reading),
        "http" => http::read(values, place, reading),
        "journalctl" => journalctl::read(values, place, reading),
        "k8s-audit" => k8s_audit::read(values, place, reading),
        "kafka" => kafka::read(values, place, reading),
        "loki" => loki::read(values, place, reading),
        "stdin" => stdin::read(values),
        "syslog" => syslog::read(values, place, reading),
        "victorialogs" => victorialogs::read(values, place, reading),
        // The list of kinds and this one are the same (a test of both).
        _ => return None,
    };
    shared::warn(values, reading);
    let name = values.text("name").or(values.text("unique_id")).map_or(name, str::to_owned);
    let clock = shared::clock(values);
    let zone = shared::zone(values, reading);
    let transform = values.located("transform");
    let transform = transform.and_then(|text| Transform::compile(&text, reading)).map(Arc::new);
    let sound = reading.errors.len() == before;
    let hold = values.entry("hold").map(|_| values.duration("hold"));
    let rate = values.count("rate");
    sound.then_some(Acquired { name, labels, clock, zone, transform, hold, rate, connector })
}

#[cfg(test)]
mod tests {
    use std::path::Path as FilePath;

    use connectors::endpoint::Credentials;
    use connectors::listener::{Access, ServerTls};

    use super::*;
    use crate::config::values::tagged_map;
    use crate::hub::file::decode_text;

    /// What a source of this configuration is, or the first error.
    pub(super) fn meant(text: &str) -> Result<(String, Connector), String> {
        let place = Place { directory: FilePath::new("/etc/spillway"), start: Start::End };
        let text = format!("{text}\nlabels: {{type: syslog}}\n");
        let file = decode_text("acquis.yaml", &text, |documents, reading| {
            let node = documents.nodes.first()?;
            let (module, values) = tagged_map(node, &SOURCES, reading)?;
            of_values(module, &values, place, reading)
        });
        match (file.errors.first(), file.content) {
            (Some(error), _) => Err(error.to_string()),
            (None, Some(Acquired { name, connector, .. })) => Ok((name, connector)),
            (None, None) => Err("nothing".to_owned()),
        }
    }

    #[test]
    fn what_is_written_of_containers_is_meant() {
        let keys = "source: docker\ncontainer_name: [web]\ncontainer_id: ['01']\n\
            container_name_regexp: [^/db]\ncontainer_id_regexp: [^2]\nfollow_stderr: false\n\
            docker_host: tcp://a:1\nsince: '7'\nmax_line: 1KiB\nmemory: 2KiB";
        let Ok((name, Connector::Docker(config))) = meant(keys) else { panic!("{keys}") };
        assert_eq!(name, "docker:web,01,^/db,^2");
        let chosen = &config.selection;
        assert_eq!(
            (&*chosen.names, &*chosen.ids),
            (&["web".to_owned()][..], &["01".to_owned()][..])
        );
        assert_eq!(chosen.name_regexps, ["^/db"]);
        assert_eq!(chosen.id_regexps, ["^2"]);
        assert_eq!((config.stdout, config.stderr, config.follow), (true, false, true));
        assert_eq!((&*config.host, config.since), ("tcp://a:1", Some(7_000_000_000)));
        assert_eq!((config.max_line, config.window_bytes), (1 << 10, 2 << 10));
        let silent = meant("source: docker\nuse_container_labels: true\nfollow_stdout: false");
        let Ok((_, Connector::Docker(config))) = silent else { panic!("{silent:?}") };
        assert!(config.selection.use_container_labels && config.stderr && !config.stdout);
    }

    #[test]
    fn what_a_request_must_show_is_meant() {
        let listening = |keys: &str| {
            let keys = format!("source: http\nlisten_addr: '[::1]:9'\n{keys}");
            match meant(&keys)? {
                (_, Connector::Http(config)) => Ok(config.listening),
                (_, other) => Err(format!("{other:?}")),
            }
        };
        let tls = "auth_type: mtls\ntls: {server_cert: s.pem, server_key: s.key, ca_cert: ca.pem}";
        let ServerTls { certificate, key, client_ca, .. } = listening(tls).unwrap().tls.unwrap();
        let here = |path: &str| FilePath::new("/etc/spillway").join(path);
        assert_eq!((certificate, key), (here("s.pem"), here("s.key")));
        assert_eq!(client_ca, Some(here("ca.pem")));
        let bearer = listening("auth_type: bearer\nbearer: {token: t}").unwrap().access;
        assert!(matches!(bearer, Access::Bearer(token) if token == "t"));
        let without = listening("auth_type: mtls\ntls: {server_cert: s.pem, server_key: s.key}");
        assert!(without.unwrap_err().contains("ca_cert"));
    }

    #[test]
    fn who_asks_and_how_much_is_meant() {
        let asked = |keys: &str| {
            let keys = format!("source: loki\nurl: http://a:1\nquery: '{{a=\"b\"}}'\n{keys}");
            match meant(&keys)? {
                (_, Connector::Loki(config)) => Ok(config.endpoint),
                (_, other) => Err(format!("{other:?}")),
            }
        };
        let endpoint = asked("auth: {token_file: token}\nmax_answer: 3MiB\ntimeout: 4s").unwrap();
        let file = FilePath::new("/etc/spillway/token");
        assert!(matches!(&endpoint.credentials, Credentials::BearerFile(path) if path == file));
        assert_eq!((endpoint.max_answer, endpoint.timeout.as_secs()), (3 << 20, 4));
        let both = asked("auth: {token_file: token, username: u}").unwrap_err();
        assert!(both.contains("several ways"), "{both}");
        assert!(asked("tls: {client_cert: c}").unwrap_err().contains("client_key"));
    }
}
