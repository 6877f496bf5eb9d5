//! `source: kafka`: records of topics.

use std::sync::Arc;

use connectors::kafka::{Config, Fields, Path, Payload, Start as From, Topics};
use operators::time::layout;
use operators::yaml::Reading;

use super::{Connector, Place, Start, cluster, shared};
use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of this source.
pub(super) static SECTION: Section =
    Section { title: "kafka source", groups: &[shared::KEYS, cluster::KEYS, KEYS] };

const PAYLOADS: &[&str] =
    &["raw", "json", "vector", "fluent-bit", "filebeat", "rsyslog", "opentelemetry"];

static KEYS: &[Key] = &[
    Key::new("topic", Kind::Text, "the topic to read"),
    Key::new("topics", Kind::Texts, "topics to read"),
    Key::new("topic_regexp", Kind::Texts, "topics to read: those whose whole name matches"),
    Key::new("partition", Kind::Count(0, 2_147_483_647, &[]), "this partition alone"),
    Key::new("partitions", Kind::Counts, "these partitions alone (all, and those to come)"),
    Key::new("group_id", Kind::Text, "group that is told what is kept, for tools that show lag"),
    Key::new(
        "start",
        Kind::Text,
        "a first start begins at: earliest, latest, stored (what `group_id` has committed), a date",
    ),
    Key::new("payload", Kind::Choice(PAYLOADS), "how lines stand in records").or("raw"),
    Key::new("line_field", Kind::Texts, "fields of the line; the first that is there counts"),
    Key::new("label_fields", Kind::Pairs, "labels of the line, and the fields they come from"),
    Key::new("time_field", Kind::Texts, "fields of the time when it was written"),
    Key::new("max_line", Kind::Size, "a longer line is counted, not read (1MiB)"),
    Key::new("memory", Kind::Size, "lines of a partition that wait to be kept (4MiB)"),
    Key::new("prefetch", Kind::Size, "what is fetched ahead, of all partitions (64MiB)"),
    Key::new("discovery", Kind::Duration(&[]), "look for topics and partitions so often (30s)"),
    Key::new("timeout", Kind::Text, "accepted: brokers are tried for ever"),
    Key::new("batch", Kind::Pairs, "accepted: fetches are as large as brokers like"),
];

pub(super) fn read(
    values: &Values,
    place: Place<'_>,
    reading: &mut Reading<'_>,
) -> (String, Connector) {
    let cluster = cluster::read(values, place.directory, reading);
    let mut config = Config::new(cluster, topics(values, reading));
    config.group_id = values.text("group_id").map(str::to_owned);
    config.start = start(values, place.start, reading);
    config.payload = payload(values, reading);
    config.max_line = values.size("max_line").unwrap_or(config.max_line);
    config.window = values.size("memory").unwrap_or(config.window);
    config.prefetch = values.size("prefetch").unwrap_or(config.prefetch);
    config.discovery = values.duration("discovery").unwrap_or(config.discovery);
    if shared::is_finite(values) {
        let help = "leave `mode` out";
        reading.refuse_with(values.place("mode"), "a topic has no end to stop at", help);
    }
    shared::without_effect(values, &["timeout"], "brokers are tried for ever", reading);
    shared::without_effect(values, &["batch"], "fetches are as large as brokers like", reading);
    (format!("kafka:{}", named(values).join(",")), Connector::Kafka(Box::new(config)))
}

/// Everything that names topics.
fn named(values: &Values) -> Vec<String> {
    let lists = ["topics", "topic_regexp"].into_iter().flat_map(|key| values.words(key));
    values.text("topic").map(str::to_owned).into_iter().chain(lists).collect()
}

fn topics(values: &Values, reading: &mut Reading<'_>) -> Vec<Topics> {
    let mut topics: Vec<Topics> = values.text("topic").map(Topics::named).into_iter().collect();
    topics.extend(values.texts("topics").iter().map(|topic| Topics::named(&topic.value)));
    for pattern in values.texts("topic_regexp") {
        match Topics::matching(&pattern.value) {
            Ok(matching) => topics.push(matching),
            Err(error) => {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or_default();
                let last = last.trim_start_matches("error: ");
                reading.refuse(pattern.at, format!("bad regular expression: {last}"));
            }
        }
    }
    if named(values).is_empty() {
        let help = "write `topic: logs`, `topics: […]` or `topic_regexp: [logs-.*]`";
        reading.refuse_with(values.at, "kafka source names no topics", help);
    }
    let listed = values.counts("partitions").iter().copied();
    let partitions: Vec<i32> = (values.count("partition").into_iter().chain(listed))
        .map(|partition| i32::try_from(partition).unwrap_or(i32::MAX))
        .collect();
    topics.into_iter().map(|topic| Topics { partitions: partitions.clone(), ..topic }).collect()
}

/// With a group and nothing said, as CrowdSec: where the group has committed.
fn start(values: &Values, start: Start, reading: &mut Reading<'_>) -> From {
    let grouped = values.text("group_id").is_some();
    let Some(text) = values.located("start") else {
        return match (start, grouped) {
            (Start::End, false) => From::Latest,
            (Start::End, true) => From::StoredOrLatest,
            (Start::Beginning, false) => From::Earliest,
            (Start::Beginning, true) => From::Stored,
        };
    };
    match (text.value.as_str(), layout::parse_rfc3339(&text.value)) {
        ("earliest" | "beginning", _) => From::Earliest,
        ("latest" | "end", _) => From::Latest,
        ("stored", _) if grouped => From::Stored,
        ("stored", _) => {
            reading.refuse(text.at, "`start: stored` needs `group_id`: it says whose offsets");
            From::Latest
        }
        (_, Some(stamp)) => From::Timestamp(stamp.at.0.div_euclid(1_000_000)),
        (_, None) => {
            let help = "write earliest, latest, stored, or a date: 2026-11-20T00:00:00Z";
            reading.refuse_with(text.at, format!("`start`: {:?} is none", text.value), help);
            From::Latest
        }
    }
}

/// A preset with what is said besides: fields that are named replace its own.
fn payload(values: &Values, reading: &mut Reading<'_>) -> Payload {
    let name = values.text("payload").unwrap_or("raw");
    let preset = match name {
        "json" => Payload::Json(Fields::default()),
        name => Payload::preset(name).unwrap_or(Payload::Raw),
    };
    let labels = values.pairs("label_fields");
    match preset {
        Payload::Raw => {
            let keys = ["line_field", "label_fields", "time_field"];
            shared::without_effect(values, &keys, "`payload: raw` has no fields", reading);
            Payload::Raw
        }
        Payload::Otlp(mut attributes) => {
            let why = "OpenTelemetry says where line and time are";
            shared::without_effect(values, &["line_field", "time_field"], why, reading);
            attributes.extend(labels.into_iter().map(|(label, key)| (Arc::from(label), key)));
            Payload::Otlp(attributes)
        }
        Payload::Json(mut fields) => {
            let paths = |key: &str| -> Vec<Path> {
                values.texts(key).iter().map(|path| path.value.as_str().into()).collect()
            };
            if !paths("line_field").is_empty() {
                (fields.line, fields.syslog) = (paths("line_field"), None);
            } else if name == "json" {
                let help = "write `line_field: [message]`";
                reading.refuse_with(values.at, "`payload: json` needs `line_field`", help);
            }
            if !paths("time_field").is_empty() {
                fields.time = paths("time_field");
            }
            for (label, path) in labels {
                fields.labels.retain(|(known, _)| **known != *label);
                fields.labels.push((label.into(), vec![path.as_str().into()]));
            }
            Payload::Json(fields)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path as File;

    use crate::hub::file::decode_text;

    use super::*;

    /// What a document means, or its first error.
    fn read(text: &str) -> Result<(String, Config), String> {
        let place = Place { directory: File::new("/etc/spillway"), start: Start::End };
        let decoded = decode_text("acquis.yaml", text, |documents, reading| {
            documents
                .nodes
                .iter()
                .filter_map(|node| super::super::read(node, place, reading))
                .next()
        });
        if let Some(error) = decoded.errors.first() {
            return Err(error.to_string());
        }
        match decoded.content {
            Some(super::super::Acquired { name, connector: Connector::Kafka(config), .. }) => {
                Ok((name, *config))
            }
            other => Err(format!("{other:?}")),
        }
    }

    fn with(keys: &str) -> Result<(String, Config), String> {
        read(&format!("source: kafka\nbrokers: [a:1, b:2]\nlabels: {{type: syslog}}\n{keys}"))
    }

    #[test]
    fn what_crowdsec_takes_is_taken() {
        let (name, config) = with(
            "topic: logs\ngroup_id: crowdsec\ntimeout: '5'\nbatch: {min_bytes: 1, max_wait: 1s}\n\
             tls: {insecure_skip_verify: true, client_cert: c.pem, client_key: c.key, ca_cert: ca.pem}\n",
        )
        .unwrap();
        assert_eq!(name, "kafka:logs");
        assert_eq!(config.cluster.brokers, ["a:1", "b:2"]);
        assert_eq!(
            (config.group_id.as_deref(), config.start),
            (Some("crowdsec"), From::StoredOrLatest)
        );
        let tls = config.cluster.tls.unwrap();
        assert_eq!(tls.certificate.as_deref(), Some(File::new("/etc/spillway/c.pem")));
        assert!(!tls.verify);
    }

    #[test]
    fn starts_are_words_or_dates() {
        for (keys, start) in [
            ("", From::Latest),
            ("start: earliest\n", From::Earliest),
            ("start: stored\ngroup_id: g\n", From::Stored),
            ("start: 2026-11-20T00:00:00Z\n", From::Timestamp(1_795_132_800_000)),
        ] {
            assert_eq!(with(&format!("topic: t\n{keys}")).unwrap().1.start, start, "{keys}");
        }
    }

    #[test]
    fn many_topics_and_ways_in_are_read() {
        let (name, config) = with(
            "topics: [a, b]\ntopic_regexp: ['c-.*']\npartitions: [0, 3]\n\
             sasl: {mechanism: scram-sha-512, username: u, password: p}\n",
        )
        .unwrap();
        assert_eq!(name, "kafka:a,b,c-.*");
        assert_eq!(config.topics.len(), 3);
        assert!(config.topics.iter().all(|topic| topic.partitions == [0, 3]));
        assert!(config.topics.last().unwrap().name.means("c-1"));
        assert!(matches!(config.cluster.sasl, Some(connectors::kafka::Sasl::ScramSha512(_))));
        let keys = "topic: t\npayload: vector\nlabel_fields: {host: server}\nline_field: [text]\n";
        let Payload::Json(fields) = with(keys).unwrap().1.payload else { panic!("no JSON") };
        assert_eq!(fields.line, [Path::from("text")]);
        assert!(fields.labels.contains(&("host".into(), vec![Path::from("server")])));
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_word() {
        for (keys, word) in [
            ("", "names no topics"),
            ("topic: t\nmode: cat\n", "no end"),
            ("topic_regexp: ['(']\n", "regular expression"),
            ("topic: t\nstart: stored\n", "group_id"),
            ("topic: t\nstart: yesterday\n", "yesterday"),
            ("topic: t\npayload: json\n", "line_field"),
            ("topic: t\nsasl: {mechanism: OAUTHBEARER}\n", "tokens"),
            ("topic: t\nsasl: {mechanism: PLAIN, username: u}\n", "password"),
            ("topic: t\ntls: {client_cert: c}\n", "client_key"),
            ("topics: t\nbroker: x\n", "broker"),
        ] {
            let error = with(keys).unwrap_err();
            assert!(error.contains(word), "{keys}: {error}");
        }
        let error = read("source: kafka\ntopic: t\nlabels: {type: x}\n").unwrap_err();
        assert!(error.contains("brokers"), "{error}");
    }
}
