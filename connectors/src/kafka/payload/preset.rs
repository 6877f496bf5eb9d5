//! What well-known shippers write to Kafka, each with its defaults.

use std::sync::Arc;

use super::field::Path;
use super::json::{Fields, SyslogParts};
use super::{Attributes, Payload};

/// Names that [`Payload::preset`] knows.
pub const PRESETS: [&str; 6] =
    ["raw", "vector", "fluent-bit", "filebeat", "rsyslog", "opentelemetry"];

impl Payload {
    /// The payload of a shipper by its name in [`PRESETS`].
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "raw" => Some(Self::Raw),
            "vector" => Some(Self::Json(vector())),
            "fluent-bit" => Some(Self::Json(fluent_bit())),
            "filebeat" => Some(Self::Json(filebeat())),
            "rsyslog" => Some(Self::Json(rsyslog())),
            "opentelemetry" => Some(Self::Otlp(opentelemetry())),
            _ => None,
        }
    }
}

/// Vector's `kafka` sink with `encoding.codec: json`; labels of its `file`, `syslog` and
/// `kubernetes_logs` sources.
fn vector() -> Fields {
    Fields {
        line: paths(&["message"]),
        labels: labels(&[
            ("host", &["host", "hostname"]),
            ("file", &["file"]),
            ("program", &["appname"]),
            ("namespace", &["kubernetes.pod_namespace"]),
            ("pod", &["kubernetes.pod_name"]),
            ("container", &["kubernetes.container_name", "container_name"]),
        ]),
        time: paths(&["timestamp"]),
        syslog: None,
    }
}

/// Fluent Bit's `kafka` output with `format json`; labels of its `kubernetes` filter.
fn fluent_bit() -> Fields {
    Fields {
        line: paths(&["log", "message", "MESSAGE"]),
        labels: labels(&[
            ("host", &["host", "hostname", "_HOSTNAME"]),
            ("file", &["file", "filename", "path"]),
            ("program", &["ident", "SYSLOG_IDENTIFIER"]),
            ("namespace", &["kubernetes.namespace_name"]),
            ("pod", &["kubernetes.pod_name"]),
            ("container", &["kubernetes.container_name"]),
        ]),
        time: paths(&["@timestamp", "timestamp", "date"]),
        syslog: None,
    }
}

/// Filebeat's `output.kafka` with its default codec.
fn filebeat() -> Fields {
    Fields {
        line: paths(&["message"]),
        labels: labels(&[
            ("host", &["host.name", "host.hostname", "agent.hostname"]),
            ("file", &["log.file.path"]),
            ("namespace", &["kubernetes.namespace"]),
            ("pod", &["kubernetes.pod.name"]),
            ("container", &["kubernetes.container.name", "container.name"]),
        ]),
        time: paths(&["@timestamp"]),
        syslog: None,
    }
}

/// rsyslog's `omkafka` with a JSON template: the property `jsonmesg`, or the list template that its
/// guides show.
fn rsyslog() -> Fields {
    let time = ["timereported", "@timestamp", "timestamp"];
    Fields {
        line: paths(&["msg", "message", "rawmsg"]),
        labels: labels(&[("peer", &["fromhost-ip"])]),
        time: paths(&time),
        syslog: Some(SyslogParts {
            time: paths(&time),
            host: paths(&["hostname", "host"]),
            tag: paths(&["syslogtag", "syslog-tag", "tag", "programname", "app-name", "program"]),
            message: paths(&["msg", "message"]),
        }),
    }
}

/// The collector's `kafka` exporter with `encoding: otlp_json`.
fn opentelemetry() -> Attributes {
    let attributes = [
        ("host", "host.name"),
        ("file", "log.file.path"),
        ("service", "service.name"),
        ("namespace", "k8s.namespace.name"),
        ("pod", "k8s.pod.name"),
        ("container", "k8s.container.name"),
    ];
    attributes.map(|(label, key)| (Arc::from(label), key.to_owned())).to_vec()
}

fn paths(paths: &[&str]) -> Vec<Path> {
    paths.iter().map(|path| Path::from(*path)).collect()
}

fn labels(labels: &[(&str, &[&str])]) -> Vec<(Arc<str>, Vec<Path>)> {
    labels.iter().map(|(name, fields)| (Arc::from(*name), paths(fields))).collect()
}
