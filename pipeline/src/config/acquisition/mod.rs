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
use operators::yaml::{Node, Reading};

use super::key::Tagged;
use super::values::{Values, tagged_map};
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

/// Reads a document; `None` where it is empty or wrong, which is noted.
pub fn read(document: &Node, place: Place<'_>, reading: &mut Reading<'_>) -> Option<Acquired> {
    if document.is_null() {
        return None;
    }
    let (module, values) = tagged_map(document, &SOURCES, reading)?;
    of_values(module, &values, place, reading)
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
    let transform = values.located("transform");
    let transform = transform.and_then(|text| Transform::compile(&text, reading)).map(Arc::new);
    let sound = reading.errors.len() == before;
    let hold = values.entry("hold").map(|_| values.duration("hold"));
    let rate = values.count("rate");
    sound.then_some(Acquired { name, labels, clock, transform, hold, rate, connector })
}
